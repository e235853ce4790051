"""The PostgreSQL database that serves the events: its address, its tables, and who may write to it."""
