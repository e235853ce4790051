"""PostgreSQL, which serves the events: where it is, what it holds, and who may write it."""
