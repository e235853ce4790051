"""Coordination of attempts: the lock of this machine, the lease of the warehouse, concurrency within a step."""
