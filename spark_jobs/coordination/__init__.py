"""Several attempts at once: the lock of this machine, the lease of the warehouse, work side by side within a step."""
