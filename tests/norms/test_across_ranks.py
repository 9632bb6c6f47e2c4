"""Norms of a whole batch on two processes give the numbers of one process with all rows."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

import eqnorm
from eqnorm.types import parse_type

IRREPS = {"points": "points", "irreps": "3x0e+2x1o+1x2e+1x0o"}
NAMES = sorted(
    {
        (spec.name, on)
        for on, example in IRREPS.items()
        for spec in eqnorm.norm_specs(on=example)
        if spec.scope == "batch"
    }
)
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "batchnorm": [{"unbiased": True}, {"affine": False}, {"normalization": "norm"}],
    "vn_batchnorm": [{"activation": "softplus"}],
}
CASES = [(name, on, o) for name, on in NAMES for o in [{}, *OPTIONS.get(name, [])]]
# Systems of the two processes, by their sizes.
SIZES = {"unequal": ([4, 3], [2]), "equal": ([3, 3], [3, 3]), "single": ([4, 3], [1])}


class Found(NamedTuple):
    y: Tensor
    x_grad: Tensor
    second: Tensor
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    evaluated: Tensor


def test_the_registry_has_some() -> None:
    assert {name for name, _ in NAMES} >= {"batchnorm", "vn_batchnorm"}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[tuple[Any, ...]]]]:
    """What each of two processes found: for each of SIZES, for each of CASES."""
    folder = tmp_path_factory.mktemp("ranks")
    mp.start_processes(_part, (folder,), nprocs=2, start_method="spawn")
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("sizes", SIZES)
def test_two_processes_are_one(sizes: str, parts: list[dict[str, Any]]) -> None:
    """Outputs, all gradients and running statistics, float64, for every norm with this scope."""
    close = functools.partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
    for number, (name, on, options) in enumerate(CASES):
        whole = _apply(name, on, options, *_inputs(on, [*SIZES[sizes][0], *SIZES[sizes][1]]))
        left, right = (Found(*part[sizes][number]) for part in parts)
        for field in ("y", "x_grad", "second", "evaluated"):
            joint = torch.cat([getattr(left, field), getattr(right, field)])
            close(joint, getattr(whole, field), msg=lambda text, n=name: f"{n}: {text}")
        for key, value in whole.parameters.items():
            close(left.parameters[key] + right.parameters[key], value)
        for key, value in whole.buffers.items():
            assert torch.equal(left.buffers[key], right.buffers[key]), (name, key)
            close(left.buffers[key], value)


def test_each_for_itself_differs() -> None:
    """What the test above would see if the processes did not join their sums."""
    for name, on, options in CASES:
        x, weights, sizes = _inputs(on, [4, 3, 2])
        whole = _apply(name, on, options, x, weights, sizes)
        alone = _apply(name, on, options, x[:7], weights[:7], sizes[:2])
        assert (alone.y - whole.y[:7]).abs().max() > 0.01, name
        assert (alone.x_grad - whole.x_grad[:7]).abs().max() > 1e-3, name


def _part(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder / 'meet'}", rank=rank, world_size=2)
    found = {}
    for sizes, (first, second) in SIZES.items():
        rows = slice(0, sum(first)) if rank == 0 else slice(sum(first), None)
        own = torch.tensor([first, second][rank])
        found[sizes] = []
        for name, on, options in CASES:
            x, weights, _ = _inputs(on, [*first, *second])
            found[sizes].append(tuple(_apply(name, on, options, x[rows], weights[rows], own)))
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def _inputs(on: str, sizes: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(5)
    width = parse_type(IRREPS[on]).dim
    x = 2 + torch.randn(sum(sizes), width, generator=random, dtype=torch.float64)
    weights = torch.randn(x.shape, generator=random, dtype=torch.float64)
    return x, weights, torch.tensor(sizes)


def _apply(
    name: str, on: str, options: dict[str, Any], x: Tensor, weights: Tensor, sizes: Tensor
) -> Found:
    """A loss that is a sum over rows, and a gradient of its gradient."""
    norm = eqnorm.create_norm((name, options), on=IRREPS[on]).double()
    random = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    x = x.clone().requires_grad_()
    batch = torch.arange(len(sizes)).repeat_interleave(sizes)
    y = norm(x, batch)
    loss = (y * weights).sum() + (y**3).sum()
    inputs = [x, *norm.parameters()]
    grads = torch.autograd.grad(loss, inputs, create_graph=True, materialize_grads=True)
    (second,) = torch.autograd.grad(grads[0].square().sum(), x, materialize_grads=True)
    norm.eval()
    return Found(
        y.detach(),
        grads[0].detach(),
        second,
        {k: g.detach() for (k, _), g in zip(norm.named_parameters(), grads[1:], strict=True)},
        dict(norm.named_buffers()),
        norm(x, batch).detach(),
    )
