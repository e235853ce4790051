"""The ledger: the warehouse's records of files, hours, days and builds, and what is derived from them."""
