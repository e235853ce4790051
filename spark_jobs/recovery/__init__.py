"""Recovery from a killed attempt: its unrecorded changes are undone before the next attempt begins."""
