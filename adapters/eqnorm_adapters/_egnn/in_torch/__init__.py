"""Layers of an EGNN in torch, edges in blocks, gradients by hand."""
