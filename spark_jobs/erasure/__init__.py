"""Erased users: the list of them, their records left out while files are read, where else they may be named."""
