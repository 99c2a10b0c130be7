"""A model's answers while a video runs: frames -> poses -> windows -> answers, in memory that stays flat."""
