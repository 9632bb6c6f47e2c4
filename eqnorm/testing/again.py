"""Showing a violation again from a short piece of code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from eqnorm.symmetry import Symmetry, SymmetryLike
from eqnorm.testing.cases import Case, Motion
from eqnorm.testing.findings import Finding


def replay(
    fn: Callable[..., Any],
    *,
    inputs: Mapping[str, Any],
    output: Any,
    name: str,
    motion: Motion,
    case: Case | None = None,
    arguments: Mapping[str, Any] | None = None,
    group: SymmetryLike = "SE3",
    dtype: torch.dtype = torch.float32,
) -> Finding | None:
    """Look at one input again.

    Args:
        fn: the function or module.
        inputs: as for :func:`eqnorm.testing.assert_equivariant`.
        output: likewise.
        name: of the violation, e.g. ``"rotation"``.
        motion: the group element.
        case: the input, described; or
        arguments: the input itself.
        group: the geometric symmetries.
        dtype: to check in.

    Returns:
        The violation of that name, or None if it is no longer there.
    """
    from eqnorm.testing.context import Options
    from eqnorm.testing.declare import match_signature, parse_inputs, parse_output
    from eqnorm.testing.judge import Judge
    from eqnorm.testing.search import Search
    from eqnorm.testing.subject import Subject

    slots = parse_inputs(inputs)
    by_name = match_signature(fn, slots)
    subject = Subject(fn, slots, parse_output(output), dtype, "cpu", by_name)
    search = Search(subject, Options(Symmetry.parse(group)), Judge(None), {})
    values = dict(arguments) if arguments is not None else search.arguments(case or Case())
    search.look(values, motion, case)
    return search.found.get(name)


def code_for(
    finding: Finding, inputs: Mapping[str, Any], output: Any, dtype: torch.dtype, group: Symmetry
) -> str:
    """Python that calls :func:`replay`; the model under test is called ``model`` in it."""
    if finding.motion is None or not finding.arguments:
        return ""
    lines = ["import torch", "from eqnorm.testing import Case, Motion, replay", ""]
    if finding.case is not None:
        what = f"case={finding.case!r}"
    else:
        values = ", ".join(f"{k!r}: {_literal(v)}" for k, v in finding.arguments.items())
        what = f"arguments={{{values}}}"
        if any(not isinstance(v, Tensor) for v in finding.arguments.values()):
            return ""
    if hasattr(output, "_asdict"):
        output = output._asdict()
    lines += [
        "found = replay(",
        "    model,  # the function or module under test",
        f"    inputs={dict(inputs)!r},",
        f"    output={output!r},",
        f"    name={finding.name!r},",
        f"    {what},",
        f"    motion={finding.motion!r},",
        f"    group={group.label!r},",
        f"    dtype={dtype},",
        ")",
        "print(found.message if found else 'not seen')",
    ]
    return "\n".join(lines)


def _literal(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"torch.tensor({value.tolist()!r}, dtype={value.dtype})"
    return repr(value)
