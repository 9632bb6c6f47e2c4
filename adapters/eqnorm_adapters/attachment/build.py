"""`attach`: a norm behind submodules of any model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any, TypeAlias

from torch import nn

from eqnorm import Graph, NormLike
from eqnorm.types import TypeLike
from eqnorm_adapters.attachment.arguments import (
    Argument,
    ArgumentLike,
    find_argument,
    forward_arguments,
)
from eqnorm_adapters.attachment.capture import Capture
from eqnorm_adapters.attachment.handle import Attachment, forget_compiled
from eqnorm_adapters.attachment.hooks import Before, Enter, Leave, Site
from eqnorm_adapters.attachment.norms import build_norm, looks_at_graphs
from eqnorm_adapters.attachment.parts import PartLike, parse_parts
from eqnorm_adapters.attachment.sites import find_sites

BatchLike: TypeAlias = ArgumentLike | Graph | None


def attach(
    model: nn.Module,
    norm: NormLike,
    *,
    at: str | Sequence[str],
    output: PartLike | None = None,
    on: TypeLike | Callable[[nn.Module], TypeLike] = "points",
    points: ArgumentLike | None = None,
    batch: BatchLike | EllipsisType = ...,
    num_graphs: ArgumentLike | None = None,
    velocities: ArgumentLike | None = None,
    features: PartLike | None = None,
    update_of: PartLike | None = None,
    last: bool = False,
    name: str | None = None,
) -> Attachment:
    """Put a norm behind submodules of a model, without editing it.

    Each submodule gets a norm of its own as a child named ``name``, so that optimisers,
    ``state_dict``, ``to``, ``deepcopy`` and pickle see it, and a forward hook that normalises
    one part of the submodule's output. Hooks at the model keep what its forward is given (the
    initial points, the batch) while it runs. A submodule that is called several times in one
    forward is normalised each time, with the same parameters.

    Arguments of the model's forward are named: ``"x"``; ``"data.pos"`` for a part of one; a
    position; or a function of all arguments.

    Args:
        model: the model, before torch.compile, DataParallel and the like.
        norm: as in :func:`eqnorm.create_norm`; an instance is copied for each submodule.
        at: a name of ``model.named_modules()``, a pattern, or a list of both; ``*`` stands for
            anything between two dots, ``**`` for any number of names.
        output: which part of the submodule's output is normalised: an index, a key, the name of
            a field, a slice of columns, a tuple of these, or None for the whole. It has shape
            (N, D), or (B, n, D) in a dense layout.
        on: what that part is: ``"points"``, irreps, or a function that tells from the submodule,
            such as ``lambda m: m.irreps_out``.
        points: the argument that holds the initial points x0, shape (N, 3).
        batch: what says which graph a node is in: an argument that holds a PyTorch Geometric
            batch vector, a Graph or a bool mask (B, n); a number of nodes per graph; a Graph; or
            None for one graph (in a dense layout one per entry of the first dimension). To be
            said unless the norm looks at single nodes only.
        num_graphs: B, or the argument that holds it. Without it a batch vector makes the host
            wait for the device, once in a forward, and torch.compile break the graph there.
        velocities: the argument that holds the velocities v, shape (N, 3).
        features: which part of the submodule's output are the invariant features h, (N, C).
        update_of: the argument of the *submodule* that holds the points which went in: the norm
            then acts on what the submodule added to them (``on="1o"``), as a backbone's
            ``update_norm`` does.
        last: whether the last submodule that a pattern matches gets a norm too, as ``norm_last``
            does in a backbone. A submodule that is named outright always gets one.
        name: of the children; by default ``"eqnorm"``, with a number where that is taken.

    Returns:
        A handle: ``handle.norms``, ``handle.parameters()``, ``handle.remove()``.

    Raises:
        ValueError: nothing matches ``at``; forward has no such argument; the norm does not serve
            the type, or needs an input that it is not given. On a call: the output has no such
            part, or its shape does not fit.
        TypeError: an argument of another kind.

    Example:
        >>> import torch
        >>> class Layer(torch.nn.Module):
        ...     def forward(self, h, x):
        ...         return h, 100 * x
        >>> class Model(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.gcl_0, self.gcl_1 = Layer(), Layer()
        ...
        ...     def forward(self, h, x, batch):
        ...         return self.gcl_1(*self.gcl_0(h, x))
        >>> model = Model()
        >>> handle = attach(
        ...     model, "geonorm", at="gcl_*", output=1, points="x", batch="batch", last=True
        ... )
        >>> x, batch = torch.randn(6, 3), torch.tensor([0, 0, 0, 1, 1, 1])
        >>> _, out = model(torch.ones(6, 1), x, batch)
        >>> (out[:3] - out[:3].mean(0)).norm(dim=-1).mean().round(decimals=1).item() < 2
        True
        >>> sorted(model.state_dict())
        ['gcl_0.eqnorm.bias', 'gcl_0.eqnorm.gain', 'gcl_1.eqnorm.bias', 'gcl_1.eqnorm.gain']
        >>> handle.remove()
        >>> sorted(model.state_dict())
        []
    """
    sites = find_sites(model, at, last)
    part, h_part = parse_parts(output, "output"), parse_parts(features, "features")
    given = {"x0": points, "v": velocities, "h": features}
    norms = {
        site: build_norm(norm, module, site, on, given, model) for site, module in sites.items()
    }
    graphed = any(looks_at_graphs(built) for built in norms.values())
    if batch is ... and graphed:
        raise ValueError(
            "batch must say which graph each node is in: name an argument of forward "
            f"({forward_arguments(model)}), or give the number of nodes per graph, or None for "
            "one graph"
        )
    own = _free_name(model, sites, name)
    capture = Capture(
        own,
        find_argument(model, points, "points"),
        find_argument(model, velocities, "velocities"),
        _number_or_argument(model, batch, "batch") if graphed else None,
        _number_or_argument(model, num_graphs, "num_graphs"),
    )
    framed = capture.points is not None or capture.velocities is not None
    framed |= isinstance(capture.batch, (Argument, Graph, int)) or update_of is not None
    befores = {
        site: find_argument(module, update_of, "update_of") for site, module in sites.items()
    }
    for site, module in sites.items():
        module.add_module(own, norms[site])
        before = befores[site]
        if before is not None:
            module.register_forward_pre_hook(Before(capture, site, before), with_kwargs=True)
        hook = Site(
            capture,
            site,
            part,
            None if features is None else h_part,
            framed,
            graphed,
            before is not None,
        )
        module.register_forward_hook(hook)
    model.register_forward_pre_hook(Enter(capture), with_kwargs=True)
    model.register_forward_hook(Leave(capture), always_call=True)
    forget_compiled()
    return Attachment(model, capture)


def _number_or_argument(model: nn.Module, value: Any, label: str) -> Any:
    if isinstance(value, Graph) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return find_argument(model, value, label)


def _free_name(model: nn.Module, sites: dict[str, nn.Module], name: str | None) -> str:
    """A name that no submodule has an attribute of."""
    taken = [site for site, module in sites.items() if name and hasattr(module, name)]
    if name is not None:
        if not name.isidentifier() or taken:
            raise ValueError(
                f"name={name!r} must be an identifier that the submodules do not have yet"
                f"{f'; {taken[0]!r} has it' if taken else ''}"
            )
        return name
    number = 1
    while True:
        found = "eqnorm" if number == 1 else f"eqnorm_{number}"
        if not any(hasattr(module, found) for module in model.modules()):
            return found
        number += 1
