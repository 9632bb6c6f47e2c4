"""Norms of irreps, as torch operations and as choices between these and compiled loops."""
