"""Norms on points: x -> R x + t."""
