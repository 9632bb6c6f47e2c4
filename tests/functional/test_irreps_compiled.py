"""When the compiled kernels run, and that nothing needs them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

import eqnorm
from eqnorm.functional import _compiled, irreps
from eqnorm.functional.irreps import Layout

IRREPS = "2x0e+1x1o"


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_numba_is_not_imported_before_it_is_used_nor_where_it_is_turned_off() -> None:
    code = (
        "import torch, eqnorm, sys; print('numba' in sys.modules, end=' ');"
        "eqnorm.create_norm('layernorm', on='2x0e')(torch.ones(3, 2));"
        "print('numba' in sys.modules)"
    )
    assert run(code, EQNORM_COMPILED="0") == "False False"


def test_works_without_numba() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'numba' else find(name, *a)\n"
        "import torch, eqnorm\n"
        "print(eqnorm.create_norm('batchnorm', on='2x0e+1x1o')(torch.randn(3, 5)).shape)"
    )
    assert run(code) == "torch.Size([3, 5])"


def test_use_compiled_turns_them_off_and_on(path: str) -> None:
    x = torch.randn(3, 5)
    assert irreps.compiled_available() == (path == "compiled")
    assert (_compiled.kernels_for(x) is not None) == (path == "compiled")


@pytest.mark.skipif(not _compiled._installed(), reason="numba is not installed")
@pytest.mark.parametrize(
    "x",
    [
        torch.randn(5, 3).t(),
        torch.randn(3, 5).to(torch.bfloat16),
        torch.randn(3, 5, device="meta"),
        torch.nn.Buffer(torch.randn(3, 5)).as_subclass(type("Sub", (torch.Tensor,), {})),
    ],
    ids=["strided", "bfloat16", "meta", "subclass"],
)
def test_what_the_kernels_do_not_serve(x: torch.Tensor) -> None:
    before = irreps.compiled_available()
    irreps.use_compiled(True)
    assert _compiled.kernels_for(x) is None
    irreps.use_compiled(before)


@pytest.mark.parametrize("name", ["layernorm", "batchnorm", "graphnorm", "separable_layernorm"])
@pytest.mark.parametrize("rows", [1, 3, 64, 65, 200])
def test_both_paths_give_the_same(name: str, rows: int) -> None:
    irreps_of = "40x0e+7x1o+3x2e+5x0e"
    norm = eqnorm.create_norm(name, on=irreps_of)
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter, 1.0, 0.2)
    x = torch.randn(rows, norm.dim)
    g = torch.randn(rows, norm.dim)
    before, found = irreps.compiled_available(), []
    for enabled in (False, True):
        irreps.use_compiled(enabled)
        leaf = x.clone().requires_grad_()
        y = norm(leaf)
        found.append((y, *torch.autograd.grad(y, [leaf, *norm.parameters()], g)))
    irreps.use_compiled(before)
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_layout_of_mixed_blocks() -> None:
    layout = Layout("1o+2x0e+0x2e+1x0o+1x0e")
    assert (layout.dim, layout.num_copies, layout.num_scalars) == (7, 5, 3)
    assert layout.copy_of_column.tolist() == [0, 0, 0, 1, 2, 3, 4]
    assert layout.scalar_columns.tolist() == [3, 4, 6]
    assert Layout("2x1o", "ir_mul").copy_of_column.tolist() == [0, 1, 0, 1, 0, 1]
    x = torch.arange(14.0).view(2, 7)
    assert layout.scalars(x).tolist() == [[3, 4, 6], [10, 11, 13]]
    assert layout.sum_copies(x)[0].tolist() == layout.sum_copies(x[0]).tolist() == [3, 3, 4, 5, 6]


def test_layout_without_features() -> None:
    with pytest.raises(ValueError, match="hold no features; give at least one irrep"):
        Layout("0x1o")
