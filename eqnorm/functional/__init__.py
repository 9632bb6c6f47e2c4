"""Formulas as pure functions, one file a family; :mod:`eqnorm.norms` gives them parameters."""
