"""How fast the machine multiplies and moves, and the share of it that EGNN steps reach."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

import eqnorm
from eqnorm.bench import paths, steps
from eqnorm.bench.records import Case, Ratio, Record, Settings
from eqnorm.bench.timing import Run, interleaved

MODEL = "egnn_vel"
HIDDEN, LAYERS = 64, 4
SIZES = ((50, 5), (50, 20), (50, 50))


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes that operations read and write, each as if nothing stayed in a cache.

    Views cost nothing.

    Example:
        >>> with Traffic() as traffic:
        ...     _ = torch.ones(1000) + torch.ones(1000)
        >>> traffic.bytes  # ones are written, read by the sum, and the sum is written
        20000
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let the operation run, and count."""
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)]
            self.bytes += sum(t.untyped_storage().nbytes() and t.nbytes for t in tensors)
        return out


def peaks(settings: Settings) -> dict[str, Run]:
    """What to run for the peaks: a large product, one as a layer has it, a copy from memory."""
    device = settings.device
    a, b = torch.randn(1024, 1024, device=device), torch.randn(1024, 1024, device=device)
    c = torch.empty_like(a)
    tall, small = torch.randn(20000, HIDDEN, device=device), torch.randn(HIDDEN, HIDDEN).to(device)
    thin = torch.empty_like(tall)
    source = torch.randn(1 << 25, device=device)
    sink = torch.empty_like(source)
    return {
        "GEMM 1024": lambda: torch.mm(a, b, out=c),
        f"GEMM (20000, {HIDDEN}) ({HIDDEN}, {HIDDEN})": lambda: torch.mm(tall, small, out=thin),
        "copy of 128 MiB": lambda: sink.copy_(source),
    }


def amounts(settings: Settings) -> dict[str, float]:
    """Operations, or bytes read and written, of each run of `peaks`."""
    gemm, thin, copy = peaks(settings)
    return {gemm: 2.0 * 1024**3, thin: 2.0 * 20000 * HIDDEN**2, copy: 8.0 * (1 << 25)}


def work(step: Run) -> tuple[float, float]:
    """Floating-point operations of the products of a step, and bytes of all its operations."""
    counter = FlopCounterMode(display=False)
    with counter:
        step()
    with Traffic() as traffic:
        step()
    return float(counter.get_total_flops()), float(traffic.bytes)


def roofline_cases(settings: Settings) -> Iterator[Case]:
    """One for each size of the EGNN; the peaks are measured in every one, in the same rounds."""
    if MODEL not in eqnorm.list_models():
        return
    for graphs, nodes in SIZES[:2] if settings.quick else SIZES:
        name = f"roofline of {MODEL}, N={nodes}, B={graphs}"
        yield Case("roofline", name, functools.partial(_measure, graphs, nodes, name, settings))


def _measure(graphs: int, nodes: int, name: str, settings: Settings) -> list[Record]:
    torch.manual_seed(settings.seed)
    systems = steps.Systems.draw(graphs, nodes, settings.device)
    size = {"hidden": HIDDEN, "layers": LAYERS, "edge_dim": systems.e.shape[1]}
    model = eqnorm.create_model(MODEL, **size).to(settings.device)
    step = steps.training_step(model, systems)
    amount = amounts(settings)
    gemm, _, copy = amount
    ours = {"torch": paths.on_path(step, False)}
    if settings.device == "cpu":
        ours["default"] = paths.on_path(step, True)
    with paths.restored():
        flops, traffic = work(ours["torch"])
        times = interleaved({**peaks(settings), **ours}, settings.seconds, device=settings.device)
    records = [
        Record(
            "roofline",
            what,
            "torch",
            Ratio.of(times[what]),
            {f"G{'B' if what == copy else 'flop'}/s": Ratio.of([n / t / 1e9 for t in times[what]])},
            len(times[what]),
        )
        for what, n in amount.items()
        if nodes == SIZES[0][1]  # a line in the first case; the others measure them again
    ]
    for path in ours:
        rounds = list(zip(times[gemm], times[copy], times[path], strict=True))
        # Against the time that the machine takes for these products alone, in the same round.
        figures = {
            "Gflop/s": Ratio.of([flops / t / 1e9 for t in times[path]]),
            "of the GEMM peak": Ratio.of(
                [flops / (amount[gemm] / peak) / t for peak, _, t in rounds]
            ),
        }
        if path == "torch":  # reads and writes what stands between its operations
            figures["of the copy peak"] = Ratio.of(
                [traffic / (amount[copy] / peak) / t for _, peak, t in rounds]
            )
        records.append(
            Record(
                "roofline",
                name,
                path,
                Ratio.of(times[path]),
                figures,
                len(times[path]),
            )
        )
    return records
