"""Norms on relative vectors: of type 1o, one for each edge, each on its own."""
