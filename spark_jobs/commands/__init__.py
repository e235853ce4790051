"""The commands that a person runs with `make`: each module is the target of its name."""
