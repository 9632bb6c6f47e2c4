"""Property-based checks of symmetry: for any model, and for every registered norm and backbone.

Names are imported when they are first used: pytest loads the plugin of this package wherever
eqnorm is installed, also where the extra ``testing`` is not.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eqnorm.testing import broken, strategies
    from eqnorm.testing.again import replay
    from eqnorm.testing.assertions import assert_equivariant, find_violation
    from eqnorm.testing.cases import Case, Motion
    from eqnorm.testing.check import equivariance_report
    from eqnorm.testing.findings import MEANING, Finding
    from eqnorm.testing.layer_report import AuditReport, LayerAudit
    from eqnorm.testing.layers import audit
    from eqnorm.testing.parametrize import contract_tests, parametrize_contracts
    from eqnorm.testing.promises import Contract, contracts
    from eqnorm.testing.randomize import randomize_parameters
    from eqnorm.testing.report import EquivarianceError, Report
    from eqnorm.testing.tolerances import TOLERANCES, Tolerances

__all__ = [
    "MEANING",
    "TOLERANCES",
    "AuditReport",
    "Case",
    "Contract",
    "EquivarianceError",
    "Finding",
    "LayerAudit",
    "Motion",
    "Report",
    "Tolerances",
    "assert_equivariant",
    "audit",
    "broken",
    "contract_tests",
    "contracts",
    "equivariance_report",
    "find_violation",
    "parametrize_contracts",
    "randomize_parameters",
    "replay",
    "strategies",
]

_HOMES = {
    "cases": ("Case", "Motion"),
    "check": ("equivariance_report",),
    "assertions": ("assert_equivariant", "find_violation"),
    "layers": ("audit",),
    "layer_report": ("AuditReport", "LayerAudit"),
    "promises": ("Contract", "contracts"),
    "parametrize": ("contract_tests", "parametrize_contracts"),
    "findings": ("MEANING", "Finding"),
    "randomize": ("randomize_parameters",),
    "again": ("replay",),
    "report": ("EquivarianceError", "Report"),
    "tolerances": ("TOLERANCES", "Tolerances"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    try:
        if name in ("broken", "strategies"):
            return importlib.import_module(f"eqnorm.testing.{name}")
        if name in _HOME:
            return getattr(importlib.import_module(f"eqnorm.testing.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError(
            f"eqnorm.testing.{name} needs Hypothesis: pip install 'eqnorm-zoo[testing]'"
        ) from error
    raise AttributeError(f"module 'eqnorm.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
