"""Norms on displacements: vectors of one type, 1o, one for each node."""
