"""Norms of irreps features: any multiplicities, degrees and parities."""
