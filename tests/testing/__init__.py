"""Tests of the equivariance checker."""
