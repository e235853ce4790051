"""Erased users: the list of them, skipping their records during landing, other locations that may name them."""
