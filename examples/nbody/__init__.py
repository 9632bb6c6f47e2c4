"""Train equivariant networks on dynamics, with Lightning and Hydra."""
