"""From predictions and finished runs to reports and figures: reads, never trains."""
