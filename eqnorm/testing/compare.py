"""Compare with e3nn's checker on the collection: ``python -m eqnorm.testing.compare``."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from e3nn.util import test as e3nn_test

from eqnorm.symmetry import Symmetry
from eqnorm.testing.broken import COLLECTION, Specimen
from eqnorm.testing.build import build, structure_of
from eqnorm.testing.cases import Case
from eqnorm.testing.check import equivariance_report
from eqnorm.testing.corners import CORNERS
from eqnorm.testing.declare import parse_inputs, parse_output, slots_of
from eqnorm.testing.outputs import read_outputs
from eqnorm.testing.subject import default_dtype

TRIALS = 10


@dataclass
class Column:
    """Results of one checker.

    Attributes:
        title: of the column.
        caught: names of wrong models that it caught.
        reasons: names of those for which it gave the right reason.
        alarms: names of right models that it condemned.
        seconds: of processor time.
    """

    title: str
    caught: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    seconds: float = 0.0


def e3nn_condemns(specimen: Specimen, cases: list[Case]) -> bool:
    """Whether e3nn's ``assert_equivariant`` fails the model.

    Args:
        specimen: the model with its declaration.
        cases: the inputs that it is given; e3nn draws none for models with a batch vector.
    """
    slots, declared = parse_inputs(specimen.inputs), parse_output(specimen.output)
    names = {"points": "cartesian_points"}
    irreps = [
        None if slot.kind is None else names.get(slot.kind.name, slot.kind.name) for slot in slots
    ]
    symmetry = Symmetry.parse(specimen.group)
    dtype = torch.float64 if specimen.dtype == torch.float64 else torch.float32
    model = specimen.make()
    if isinstance(model, torch.nn.Module):
        model = model.to(specimen.dtype)
    with default_dtype(dtype):
        for case in cases:
            arguments = build(case, slots, specimen.dtype, "cpu")
            structure = structure_of(arguments, slots)

            def positional(*values: Any, structure: Any = structure) -> list[torch.Tensor]:
                returned = model(*values)
                return [f.value for f in read_outputs(returned, declared, structure, {})]

            outputs = [slot.kind.name for slot in slots_of(declared) if slot.kind is not None]
            try:
                e3nn_test.assert_equivariant(
                    positional,
                    args_in=[arguments[slot.name] for slot in slots],
                    irreps_in=irreps,
                    irreps_out=[names.get(kind, kind) for kind in outputs],
                    ntrials=TRIALS,
                    do_parity=Symmetry.REFLECTION in symmetry,
                    do_translation=Symmetry.TRANSLATION in symmetry,
                )
            except Exception:  # a failed assertion, or what the model raises
                return True
    return False


def compare(seed: int = 0) -> list[Column]:
    """Run every checker on every specimen."""
    ours = Column("eqnorm")
    plain = Column("e3nn, one input")
    fed = Column("e3nn, fed eqnorm's corner inputs")
    corners = [case for case, _ in CORNERS]
    for name, specimen in COLLECTION.items():
        start = time.process_time()
        report = equivariance_report(specimen.make(), seed=seed, **specimen.declaration())
        _note(ours, name, specimen, not report.ok, start)
        if set(report.names) & set(specimen.breaks):
            ours.reasons.append(name)
        for column, cases in ((plain, [Case((5, 4), seed=seed)]), (fed, corners)):
            start = time.process_time()
            torch.manual_seed(seed)
            _note(column, name, specimen, e3nn_condemns(specimen, cases), start)
    return [ours, plain, fed]


def table(columns: list[Column]) -> str:
    """The comparison in Markdown."""
    wrong = [name for name, specimen in COLLECTION.items() if not specimen.sound]
    right = [name for name, specimen in COLLECTION.items() if specimen.sound]
    titles = " | ".join(column.title for column in columns)
    rows = [f"| | {titles} |", "|---" * (len(columns) + 1) + "|"]

    def row(title: str, values: list[str]) -> None:
        rows.append(f"| {title} | {' | '.join(values)} |")

    row(f"wrong models caught, of {len(wrong)}", [str(len(c.caught)) for c in columns])
    row(
        "of these with the right reason",
        [str(len(c.reasons)) if c.reasons else "-" for c in columns],
    )
    row(f"right models condemned, of {len(right)}", [str(len(c.alarms)) for c in columns])
    row("processor seconds, all models", [f"{c.seconds:.0f}" for c in columns])
    rows += ["", f"| model | breaks | {titles} |", "|---" * (len(columns) + 2) + "|"]
    for name in wrong:
        marks = ["caught" if name in c.caught else "**missed**" for c in columns]
        rows.append(f"| `{name}` | {', '.join(COLLECTION[name].breaks)} | {' | '.join(marks)} |")
    for name in right:
        marks = ["**false alarm**" if name in c.alarms else "passed" for c in columns]
        rows.append(f"| `{name}` | nothing | {' | '.join(marks)} |")
    return "\n".join(rows)


def _note(column: Column, name: str, specimen: Specimen, bad: bool, start: float) -> None:
    column.seconds += time.process_time() - start
    if bad:
        (column.alarms if specimen.sound else column.caught).append(name)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    sys.stdout.write(table(compare(parser.parse_args().seed)) + "\n")


if __name__ == "__main__":
    main()
