"""The stack of layers that `egnn` and `egnn_vel` share."""

from __future__ import annotations

from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput
from eqnorm_adapters._egnn.compiled.whole_stack import stack_in_one
from eqnorm_adapters._egnn.embedding import embed
from eqnorm_adapters._egnn.in_torch.stack import stack_in_torch
from eqnorm_adapters._egnn.layer import EGNNLayer, stands_alone
from eqnorm_adapters._egnn.options import EGNNOptions


class EGNNStack(Backbone):
    """Embedding of the node features, then layers; abstract, subclasses choose the options.

    Args:
        options: common to both backbones.
        velocities: whether there are velocities.
        velocity_update: whether each layer updates them.
        out_dim: width of a last linear map of the features, or None for none.
    """

    def __init__(
        self,
        options: EGNNOptions,
        velocities: bool = False,
        velocity_update: bool = False,
        out_dim: int | None = None,
    ) -> None:
        super().__init__(options.node_dim, options.edge_dim, velocities, options.center)
        if out_dim is not None and out_dim < 1:
            raise ValueError(f"out_dim must be at least 1, or None, got {out_dim}")
        self.embedding = nn.Linear(options.node_dim, options.hidden)
        self.layers = nn.ModuleList(
            EGNNLayer(options, velocities, velocity_update, last=index == options.layers - 1)
            for index in range(options.layers)
        )
        self.embedding_out = None if out_dim is None else nn.Linear(options.hidden, out_dim)

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        x0, v0 = x, v
        h = embed(self.embedding, h)
        whole = None
        if all(map(stands_alone, self.layers)):
            given = (tuple(self.layers), x, h, graph, edge_attr, v)
            whole = stack_in_one(*given) or stack_in_torch(*given)
        if whole is not None:
            x, h = whole
        else:
            for layer in self.layers:
                x, h, v = layer(x, h, graph, edge_attr, v, x0, v0)
        return ModelOutput(x, h if self.embedding_out is None else embed(self.embedding_out, h), v)
