"""Synthetic walkers that need no download: literature kinematics, joints over time, rendered video."""
