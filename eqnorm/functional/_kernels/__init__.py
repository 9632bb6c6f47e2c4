"""Loops compiled by numba, which is optional: imported by ``_launch`` alone."""
