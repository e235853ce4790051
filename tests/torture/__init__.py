"""`make torture`: runs are killed, raced, starved and frozen at named moments; the next run must recover."""
