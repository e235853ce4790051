"""Which days and snapshots are built again, and what the ledger says of a build."""
