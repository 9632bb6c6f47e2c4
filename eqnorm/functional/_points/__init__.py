"""Norms of points and displacements as compiled loops, or as torch operations."""
