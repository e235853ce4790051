"""What a killed attempt left in the tables is taken back before the next one begins."""
