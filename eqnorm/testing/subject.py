"""The model under test: how it is called, and in which copies."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eqnorm.testing.build import structure_of
from eqnorm.testing.declare import Slot
from eqnorm.testing.outputs import Field, read_outputs
from eqnorm.testing.structure import Structure
from eqnorm.testing.twin import copy_model


@dataclass(eq=False)
class Subject:
    """A model with its declaration, never itself touched: copies of it are called.

    Attributes:
        fn: the user's function or module.
        slots: its declared arguments.
        output: its declared output.
        dtype: that it is checked in.
        device: that it is checked on.
        by_name: arguments are passed by name.
        training: it is in train mode, in which randomness and running statistics are meant.
        fresh: it keeps state, and so each call is given a new copy.
        twin_error: why there is no float64 copy, or "".
        no_gradient: why it cannot be differentiated, or "".
    """

    fn: Callable[..., Any]
    slots: tuple[Slot, ...]
    output: Any
    dtype: torch.dtype
    device: str
    by_name: bool
    training: bool = field(init=False)
    fresh: bool = False
    twin_error: str = ""
    no_gradient: str = ""

    def __post_init__(self) -> None:
        self.fn = self._converted()
        self.training = any(module.training for module in modules_of(self.fn))
        self._levels: dict[str, str] = {}
        self._copies: dict[torch.dtype | None, Callable[..., Any]] = {}

    def _converted(self) -> Callable[..., Any]:
        """A copy in the dtype and on the device asked for."""
        held = [p for m in modules_of(self.fn) for p in m.parameters() if p.is_floating_point()]
        wrong = bool(held) and all(p.dtype != self.dtype for p in held)
        own = copy_model(self.fn, self.dtype if wrong else None)
        for module in modules_of(own):
            if str(next(module.parameters(), torch.zeros(0)).device) != self.device:
                module.to(self.device)
        return own

    def model(self, dtype: torch.dtype | None = None) -> Callable[..., Any]:
        """The copy in use, in its own dtype or another; a new one where it keeps state."""
        if self.fresh or dtype not in self._copies:
            self._copies[dtype] = self.new(dtype)
        return self._copies[dtype]

    def new(self, dtype: torch.dtype | None = None) -> Callable[..., Any]:
        """A copy that was never called."""
        return copy_model(self.fn, dtype)

    def evaluate(self) -> None:
        """From now on look at the model in eval mode."""
        self.fn = copy_model(self.fn)
        for module in modules_of(self.fn):
            module.eval()
        self.training = False
        self._copies.clear()

    def run(self, arguments: dict[str, Any], model: Callable[..., Any], seed: int = 0) -> Any:
        """Call a copy with torch's, numpy's and Python's random numbers at a known state."""
        with known_randomness(seed):
            if self.by_name:
                return model(**arguments)
            return model(*(arguments[slot.name] for slot in self.slots))

    def call(self, arguments: dict[str, Any], seed: int = 0) -> list[Field]:
        """Outputs in the model's own dtype; the arguments are cloned first."""
        with torch.no_grad():
            returned = self.run(clone(arguments), self.model(), seed)
        return self.read(returned, arguments)

    def call_double(self, arguments: dict[str, Any]) -> list[Field]:
        """Outputs of the float64 copy (or of the model itself where there is none)."""
        return self.call_as(arguments, torch.float64)

    def call_as(self, arguments: dict[str, Any], dtype: torch.dtype) -> list[Field]:
        """Outputs of a copy in ``dtype``, on arguments cast to it."""
        if self.twin_error or dtype == self.dtype:
            return self.call(arguments)
        with default_dtype(dtype), torch.no_grad():
            returned = self.run(cast(arguments, dtype), self.model(dtype))
        return self.read(returned, arguments)

    def read(self, returned: Any, arguments: dict[str, Any]) -> list[Field]:
        """The declared tensors in what the model returned.

        What the rows of an output are is settled by the first input; where there are as many
        nodes as edges, counting could not tell.
        """
        fields = read_outputs(returned, self.output, self.structure(arguments), self._levels)
        for one in fields:
            self._levels.setdefault(one.name, one.level)
        return fields

    def structure(self, arguments: dict[str, Any]) -> Structure:
        """Graphs, nodes and edges of the arguments."""
        return structure_of(arguments, self.slots)

    def find_twin(self, arguments: dict[str, Any]) -> None:
        """See once whether the float64 copy runs; ``twin_error`` says why not."""
        try:
            self.call_double(arguments)
        except Exception as error:
            self.twin_error = f"{type(error).__name__}: {error}".splitlines()[0]


def tensors(arguments: dict[str, Any], slots: tuple[Slot, ...]) -> dict[str, Tensor]:
    """The declared floating-point arguments."""
    return {
        slot.name: arguments[slot.name]
        for slot in slots
        if slot.role == "tensor" and isinstance(arguments.get(slot.name), Tensor)
    }


def clone(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with every tensor cloned."""
    return {
        name: value.clone() if isinstance(value, Tensor) else value
        for name, value in arguments.items()
    }


def cast(arguments: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """The arguments with floating-point tensors cloned and cast."""
    return {
        name: value.to(dtype, copy=True)
        if isinstance(value, Tensor) and value.is_floating_point()
        else value
        for name, value in clone(arguments).items()
    }


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Torch's default dtype for the copies that run in another; always put back."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def known_randomness(seed: int) -> Iterator[None]:
    """Every generator at a known state, and afterwards as before."""
    python, numpy, ours = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - models use it
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - models use it
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - models use it
        torch.set_rng_state(ours)


def modules_of(fn: Any) -> list[nn.Module]:
    """The modules that a function is, is bound to, or closes over."""
    owner = getattr(fn, "__self__", None)
    cells = getattr(fn, "__closure__", None) or ()
    held = [fn, owner, getattr(fn, "func", None)]
    for cell in cells:
        with contextlib.suppress(ValueError):
            held.append(cell.cell_contents)
    return [item for item in held if isinstance(item, nn.Module)]
