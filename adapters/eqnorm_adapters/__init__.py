"""Equivariant backbones for eqnorm, one file each, and `attach` for models of your own."""
