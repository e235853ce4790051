"""What the warehouse knows of itself: its files, hours, days and builds, and what follows from their rows."""
