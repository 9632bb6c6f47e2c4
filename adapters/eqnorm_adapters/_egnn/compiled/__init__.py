"""Layers of an EGNN by the kernel in C: when it serves, its calls, its gradients."""
