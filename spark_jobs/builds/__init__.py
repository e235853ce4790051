"""Builds: which days and snapshots must be built again, and what the ledger records of a build."""
