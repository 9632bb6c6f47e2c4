"""What every registered norm can do, whatever it is: one tester for all of them.

Symmetry is not looked at here; the checker of `eqnorm.testing` does that. Adding a norm needs no
edit: cases are read off the registry.
"""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch.func import functional_call, stack_module_state, vmap

import eqnorm
from eqnorm import Graph
from tests.contract.norm_cases import (
    SIZES,
    NormCase,
    all_cases,
    call,
    default_cases,
    once_each,
    ragged,
)
from tests.fake_cuda import fake_cuda

N = sum(SIZES)

every = pytest.mark.parametrize("case", all_cases(), ids=str)
default = pytest.mark.parametrize("case", default_cases(), ids=str)
# A second or two each: of a norm's types the further ones are left to the slow run.
one_type = pytest.mark.parametrize("case", once_each(), ids=str)


def with_parameters(cases: list[NormCase]) -> list[NormCase]:
    return [case for case in cases if any(p.numel() for p in case.build().parameters())]


def close(a: Tensor, b: Tensor, tolerance: float = 1e-11) -> None:
    """Equal relative to the largest entry: float64 sums in another order."""
    assert a.shape == b.shape
    assert (a - b).abs().max().item() <= tolerance * (1 + b.abs().max().item())


# --- graphs -----------------------------------------------------------------------------------


def settled(case: NormCase) -> nn.Module:
    """In float64, and in evaluation mode where training would read other graphs."""
    norm = case.build().double()
    return norm.eval() if case.spec.scope == "batch" else norm


@every
def test_a_ragged_batch_equals_its_graphs_one_by_one(case: NormCase) -> None:
    norm, inputs = settled(case), case.inputs(N)
    together = call(norm, ragged(), inputs).split(SIZES)
    for i, out in enumerate(together):
        alone = {name: value.split(SIZES)[i] for name, value in inputs.items()}
        close(out, call(norm, None, alone))


@every
def test_without_what_is_optional(case: NormCase) -> None:
    norm = settled(case)
    for name in case.spec.optional:
        out = call(norm, ragged(), case.inputs(N, without=[name]))
        assert out.isfinite().all()


@default
def test_scope_is_what_is_said(case: NormCase) -> None:
    """Changing another node, or another graph, changes the output if and only if it is in scope."""
    norm = case.build().double()
    sizes = (3, 4, 3)
    graph = Graph.complete(num_nodes=sizes)
    before = case.inputs(10)
    after = {name: value.clone() for name, value in before.items()}
    for value in after.values():
        value[4] += 1.0
    changed = (call(norm, graph, before) - call(norm, graph, after)).abs().amax(1) > 1e-9
    same_graph, other_graphs = changed[[3, 5, 6]].any(), changed[[0, 1, 2, 7, 8, 9]].any()
    assert bool(same_graph) == (case.spec.scope != "node")
    assert bool(other_graphs) == (case.spec.scope == "batch")


@default
def test_a_batch_vector_is_as_good_as_a_graph(case: NormCase) -> None:
    norm, inputs = case.build().double(), case.inputs(N)
    close(call(norm, ragged().batch, inputs), call(norm, ragged(), inputs))
    shuffled = torch.randperm(N)
    mixed = {name: value[shuffled] for name, value in inputs.items()}
    expected = call(norm, ragged(), inputs)[shuffled]
    close(call(norm, ragged().batch[shuffled], mixed), expected)


@every
@pytest.mark.parametrize("garbage", [1e6, float("nan")])
def test_padding_enters_no_statistic(case: NormCase, garbage: float) -> None:
    norm, inputs = case.build().double(), case.inputs(N)
    mask = torch.arange(max(SIZES)) < torch.tensor(SIZES)[:, None]
    flat = mask.flatten()
    padded = {}
    for name, value in inputs.items():
        padded[name] = value.new_full((len(flat), value.shape[1]), garbage)
        padded[name][flat] = value
    out = call(norm, Graph.from_mask(mask), padded)
    close(out[flat], call(norm, ragged(), inputs))


@default
def test_padding_gets_no_gradient(case: NormCase) -> None:
    norm = case.build().double()
    mask = torch.arange(max(SIZES)) < torch.tensor(SIZES)[:, None]
    inputs = {name: v.requires_grad_() for name, v in case.inputs(mask.numel()).items()}
    out = call(norm, Graph.from_mask(mask), inputs)
    (out * torch.randn_like(out))[mask.flatten()].sum().backward()
    for value in inputs.values():
        assert value.grad is None or not value.grad[~mask.flatten()].any()


# --- numbers ----------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_has_float32_statistics(case: NormCase, dtype: torch.dtype) -> None:
    """At 300 squares overflow in float16, at 1e-3 they underflow."""
    unit = torch.finfo(dtype).eps / 2
    norms = (case.build(), case.build().to(dtype))
    for scale, norm in itertools.product([1.0, 300.0, 1e-3], norms):
        inputs = case.inputs(N, scale=scale, dtype=dtype)
        wide = {name: value.float() for name, value in inputs.items()}
        expected = call(copy.deepcopy(norm).float(), ragged(), wide)
        out = call(norm, ragged(), inputs)
        assert out.dtype == dtype
        rounding = 2 * unit * expected.abs() + torch.finfo(dtype).smallest_normal * 2 * unit
        error = (out.float() - expected).abs() - rounding
        assert error.max().item() <= 1e-5 * expected.abs().max().item()


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_output_has_the_type_of_x(case: NormCase, dtype: torch.dtype) -> None:
    other = {torch.float32: torch.float64, torch.float64: torch.float32}[dtype]
    out = call(case.build().to(other), ragged(), case.inputs(N, dtype=dtype))
    assert out.dtype == dtype


def one_node(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[:1] for name, value in inputs.items()}


def coincident(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[:1].expand_as(value) for name, value in inputs.items()}


def zero(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in inputs.items()}


def node_at_the_centre(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: torch.stack([value[0], -value[0], torch.zeros_like(value[0])])
        for name, value in inputs.items()
    }


def at_rest(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """x = x0, and so mu = mu0, where x are points; v = 0."""
    rest = {name: torch.zeros_like(v) if name == "v" else v for name, v in inputs.items()}
    if "x0" in rest and rest["x0"].shape == rest["x"].shape:
        rest["x"] = rest["x0"].clone()
    return rest


def still(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Nothing has moved yet: x = 0 while x0 and v have a size."""
    return {name: torch.zeros_like(v) if name == "x" else v for name, v in inputs.items()}


def tiny(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: 1e-20 * value.float() for name, value in inputs.items()}


def huge(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: v * (1 if name == "h" else 1e10) for name, v in inputs.items()}


DEGENERATE = [one_node, coincident, zero, node_at_the_centre, at_rest, still, tiny, huge]


@every
@pytest.mark.parametrize("degenerate", DEGENERATE, ids=lambda f: f.__name__)
def test_values_and_gradients_are_finite_whatever_the_input(
    case: NormCase, degenerate: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> None:
    norm = case.build()
    inputs = degenerate(case.inputs(6, dtype=torch.float32))
    inputs = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    out = call(norm, None, inputs)
    assert out.isfinite().all()
    out.backward(torch.randn_like(out))
    for name, value in inputs.items():
        assert value.grad is None or value.grad.isfinite().all(), name
    for name, parameter in norm.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


@every
def test_first_and_second_derivatives(case: NormCase) -> None:
    norm, graph = case.build().double(), Graph.complete(num_nodes=(3, 1, 2))
    inputs = {name: value.requires_grad_() for name, value in case.inputs(6).items()}
    names = [name for name, _ in norm.named_parameters()]
    parameters = tuple(p.detach().clone().requires_grad_() for p in norm.parameters())

    def f(*values: Tensor) -> Tensor:
        own = dict(zip(names, values[len(inputs) :], strict=True))
        given = dict(zip(inputs, values, strict=False))
        rest = {name: value for name, value in given.items() if name != "x"}
        return functional_call(norm, own, (given["x"], graph), rest)

    values = (*inputs.values(), *parameters)
    assert torch.autograd.gradcheck(f, values, fast_mode=True)
    if f(*values).requires_grad:
        assert torch.autograd.gradgradcheck(f, values, fast_mode=True, atol=1e-4)


@pytest.mark.parametrize("case", with_parameters(all_cases()), ids=str)
def test_every_parameter_gets_a_gradient(case: NormCase) -> None:
    norm = case.build()
    out = call(norm, ragged(), case.inputs(N, dtype=torch.float32))
    out.backward(torch.randn_like(out))
    for name, parameter in norm.named_parameters():
        if parameter.numel():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name


@every
def test_no_argument_is_written_into(case: NormCase) -> None:
    norm, inputs, graph = case.build(), case.inputs(N, dtype=torch.float32), ragged()
    held = {**inputs, "batch": graph.batch, "counts": graph.counts}
    before = {name: (value.clone(), value._version) for name, value in held.items()}
    with torch.no_grad():
        call(norm, graph, inputs).add_(1.0) if case.name != "identity" else None
    for name, value in held.items():
        assert torch.equal(value, before[name][0]), name
        assert value._version == before[name][1], name


# --- copies -----------------------------------------------------------------------------------


@every
def test_deepcopy_pickle_and_state_dict(case: NormCase) -> None:
    norm, inputs = case.build(), case.inputs(N, dtype=torch.float32)
    call(norm, ragged(), inputs)  # running statistics, where there are any, are part of the state
    norm.eval()
    expected = call(norm, ragged(), inputs)
    fresh = case.build(randomised=False, seed=1).eval()
    fresh.load_state_dict(norm.state_dict())
    for other in (copy.deepcopy(norm), pickle.loads(pickle.dumps(norm)), fresh):
        assert torch.equal(call(other, ragged(), inputs), expected)
        assert eqnorm.contract_of(other) == eqnorm.contract_of(norm)


@pytest.mark.parametrize("case", with_parameters(default_cases()), ids=str)
def test_vmap_over_parameters(case: NormCase) -> None:
    """An ensemble of norms in one call."""
    norms = [case.build(seed=seed).eval() for seed in range(3)]
    inputs, graph = case.inputs(N, dtype=torch.float32), ragged()
    parameters, buffers = stack_module_state(norms)

    def one(own: dict[str, Tensor], held: dict[str, Tensor]) -> Tensor:
        rest = {name: value for name, value in inputs.items() if name != "x"}
        return functional_call(norms[0], (own, held), (inputs["x"], graph), rest)

    together = vmap(one)(parameters, buffers)
    for norm, out in zip(norms, together, strict=True):
        close(out, call(norm, graph, inputs), 1e-5)


# --- devices and compilers --------------------------------------------------------------------


@default
def test_everything_stays_on_the_device_of_x(case: NormCase) -> None:
    """On a pretended CUDA device: a tensor on another one, or a wait for a value, is an error."""
    norm = case.build()
    state = {**dict(norm.named_parameters()), **dict(norm.named_buffers())}
    with fake_cuda() as device:
        own = {k: torch.empty_like(v, device=device) for k, v in state.items()}
        inputs = {k: v.to(device) for k, v in case.inputs(N, dtype=torch.float32).items()}
        graphs = [
            Graph.complete(num_nodes=SIZES, device=device),
            Graph.complete(2, N // 2 + 1, device=device),
        ]
        for graph in graphs:
            given = {k: torch.cat([v, v])[: graph.num_nodes] for k, v in inputs.items()}
            rest = {k: v for k, v in given.items() if k != "x"}
            out = functional_call(norm, own, (given["x"], graph), rest)
            assert out.device == device
            assert out.shape == given["x"].shape


def batches(case: NormCase) -> list[tuple[Graph, dict[str, Tensor]]]:
    # Not as many graphs as there are coordinates or features: the compiler takes equal sizes of
    # its first call for the same size, and compiles again when they part.
    sizes = [(3, 4, 2, 1, 1), (5, 2, 6, 4, 3, 3, 3), (2, 3, 7, 8, 5, 3, 9, 9)]
    return [
        (Graph.complete(num_nodes=size), case.inputs(sum(size), dtype=torch.float32))
        for size in sizes
    ]


@one_type
def test_compiles_whole_and_once_for_all_batch_sizes(case: NormCase) -> None:
    torch._dynamo.reset()
    norm, counter = case.build(), CompileCounter()
    compiled = torch.compile(copy.deepcopy(norm), fullgraph=True, dynamic=True, backend=counter)
    for graph, inputs in batches(case):
        close(call(compiled, graph, inputs), call(norm, graph, inputs), 1e-5)
    assert counter.frame_count <= 1


class Exported(nn.Module):
    """A norm as it stands in an exported model: the graph is given as a batch vector."""

    def __init__(self, norm: nn.Module, num_graphs: int, names: list[str]) -> None:
        super().__init__()
        self.norm, self.num_graphs, self.names = norm, num_graphs, names

    def forward(self, batch: Tensor, *values: Tensor) -> Tensor:
        graph = Graph.from_batch(batch, self.num_graphs, validate=False)
        return call(self.norm, graph, dict(zip(self.names, values, strict=True)))


@one_type
def test_exports_with_any_number_of_nodes(case: NormCase) -> None:
    norm, inputs, graph = case.build().eval(), case.inputs(N, dtype=torch.float32), ragged()
    module = Exported(norm, len(SIZES), list(inputs))
    nodes = torch.export.Dim("nodes", min=2)
    shapes = {"batch": {0: nodes}, "values": tuple({0: nodes} for _ in inputs)}
    program = torch.export.export(
        module, (graph.batch, *inputs.values()), dynamic_shapes=shapes, strict=False
    )
    more = Graph.complete(num_nodes=(4, 4, 2, 9))
    other = case.inputs(more.num_nodes, dtype=torch.float32)
    close(program.module()(more.batch, *other.values()), call(norm, more, other), 1e-5)
