"""Loops compiled by numba, which is optional: imported by modules named ``launch`` alone."""
