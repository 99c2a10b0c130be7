"""A walk as joints over time: estimation, following one walker, cleaning, looped stretches."""
