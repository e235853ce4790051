"""The weekly maintenance of a warehouse."""
