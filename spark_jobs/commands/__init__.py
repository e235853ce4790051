"""What a person asks for by `make`: each module is the target of its name."""
