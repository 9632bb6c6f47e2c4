"""Norms of points and displacements as compiled loops, with the torch operations to fall back on."""
