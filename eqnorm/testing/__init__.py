"""Property-based checks of symmetry: for any model, and for every registered norm and backbone."""

from eqnorm.testing import strategies
from eqnorm.testing.cases import Case, Motion
from eqnorm.testing.check import assert_equivariant, equivariance_report, find_violation
from eqnorm.testing.findings import Finding
from eqnorm.testing.randomize import randomize_parameters
from eqnorm.testing.replay import replay
from eqnorm.testing.report import EquivarianceError, Report
from eqnorm.testing.tolerances import TOLERANCES, Tolerances

__all__ = [
    "TOLERANCES",
    "Case",
    "EquivarianceError",
    "Finding",
    "Motion",
    "Report",
    "Tolerances",
    "assert_equivariant",
    "equivariance_report",
    "find_violation",
    "randomize_parameters",
    "replay",
    "strategies",
]
