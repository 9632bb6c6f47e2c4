"""The checks, one kind a file; each takes an example and returns findings."""
