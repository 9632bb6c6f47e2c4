"""The pytest plugin of eqnorm."""
