"""The convolution of `tfn` and `nequip`: in torch whole or in pieces, and by the kernel in C."""
