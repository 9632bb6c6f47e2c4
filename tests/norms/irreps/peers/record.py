"""Run the norms of other repositories once and write peers.json; see README.md."""

from __future__ import annotations

import ast
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import e3nn.o3
import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm


def scatter(x: Tensor, index: Tensor, dim: int, dim_size: int, reduce: str) -> Tensor:
    total = x.new_zeros(dim_size, *x.shape[1:]).index_add(0, index, x)
    if reduce == "sum":
        return total
    return total / degree(index, dim_size, x.dtype).view(-1, *[1] * (x.dim() - 1))


def degree(index: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    return torch.zeros(size, dtype=dtype).index_add(0, index, torch.ones(len(index), dtype=dtype))


def pool(x: Tensor, batch: Tensor) -> Tensor:
    return scatter(x, batch, 0, int(batch.max()) + 1, "mean")


NAMES = {
    "__name__": "peers",  # which torch.jit.script asks for
    "torch": torch,
    "nn": nn,
    "F": nn.functional,
    "Tensor": Tensor,
    "Optional": Optional,
    "Dict": dict,
    "Fiber": Any,
    "nvtx_range": nullcontext,
    "OptTensor": Tensor | None,
    "_InstanceNorm": _InstanceNorm,
    "Irreps": e3nn.o3.Irreps,
    "scatter": scatter,
    "degree": degree,
    "global_mean_pool": pool,
    "ones": lambda t: t.data.fill_(1),
    "zeros": lambda t: t.data.fill_(0),
    "EPS": 1e-6,
}


def load(path: Path) -> dict[str, Any]:
    """Classes and functions of a file, without what it imports."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    tree.body = [node for node in tree.body if "MessagePassing" not in ast.dump(node)]
    space = dict(NAMES)
    exec(compile(tree, str(path), "exec"), space)
    return space


def randomised(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        parameter.data.normal_(1.0, 0.3)
    return module


def listed(module: nn.Module) -> dict[str, Any]:
    return {name: value.tolist() for name, value in module.state_dict().items()}


def main(root: Path) -> None:
    torch.manual_seed(0)
    out: dict[str, Any] = {}

    arrays = load(root / "equiformer_v2/nets/equiformer_v2/layer_norm.py")
    x = torch.randn(3, 9, 4) * torch.tensor([0.5, 3.0, 1.0])[:, None, None] + 0.2
    out["equiformer_v2"] = {"x": x.tolist()}
    for name in ("", "SphericalHarmonics"):
        module = randomised(arrays[f"EquivariantLayerNormArray{name}"](2, 4))
        out["equiformer_v2"][f"layer{name}"] = {"y": module(x).tolist(), **listed(module)}
    for name in ("", "V2"):
        module = randomised(arrays[f"EquivariantRMSNormArraySphericalHarmonics{name}"](2, 4))
        out["equiformer_v2"][f"rms{name}"] = {"y": module(x).tolist(), **listed(module)}

    gvp = load(root / "gvp-pytorch/gvp/__init__.py")
    s, v = torch.randn(3, 4) + 1, torch.randn(3, 2, 3)
    module = randomised(gvp["LayerNorm"]((4, 2)))
    ys, yv = module((s, v))
    out["gvp"] = {"s": s.tolist(), "v": v.tolist(), "ys": ys.tolist(), "yv": yv.tolist()}
    out["gvp"].update(listed(module))

    vnn = load(root / "vnn/models/vn_layers.py")
    x = 2 * torch.randn(6, 3, 3)
    module = randomised(vnn["VNBatchNorm"](3, 3))
    y = module(x)
    out["vnn"] = {"x": x.tolist(), "y": y.tolist(), **listed(module)}
    out["vnn"]["y_eval"] = module.eval()(x).tolist()

    segnn = load(root / "Steerable-E3-GNN/models/segnn/instance_norm.py")
    batch = torch.tensor([0, 0, 0, 1, 1, 2])
    for name, irreps in (("segnn", "3x0e+2x1o+1x2e"), ("segnn_odd", "2x0o+1x1o")):
        module = randomised(segnn["InstanceNorm"](irreps))
        x = torch.randn(6, e3nn.o3.Irreps(irreps).dim) * 2 + 1
        out[name] = {"irreps": irreps, "x": x.tolist(), "batch": batch.tolist()}
        out[name].update(y=module(x, batch).tolist(), y_minus=module(-x, batch).tolist())
        out[name].update(listed(module))

    norms = root / "pytorch_geometric/torch_geometric/nn/norm"
    x = torch.randn(6, 4) * 2 + 1
    for name, file, extra in (
        ("GraphNorm", "graph_norm.py", {}),
        ("InstanceNorm", "instance_norm.py", {"affine": True}),
    ):
        module = randomised(load(norms / file)[name](4, **extra))
        y = module(x, batch)
        out[name] = {"x": x.tolist(), "batch": batch.tolist(), "y": y.tolist(), **listed(module)}

    fiber = SimpleNamespace(degrees=[1, 2], channels=[4, 4])
    layers = "DGLPyTorch/DrugDiscovery/SE3Transformer/se3_transformer/model/layers"
    module = load(root / "DeepLearningExamples" / layers / "norm.py")["NormSE3"](fiber)
    randomised(module)
    module.group_norm.bias.data -= 1
    x1, x2 = torch.randn(5, 4, 3), torch.randn(5, 4, 5)
    y = module({"1": x1, "2": x2})
    out["se3_transformer"] = {"x": torch.cat([x1.flatten(1), x2.flatten(1)], 1).tolist()}
    out["se3_transformer"]["y"] = torch.cat([y[d].flatten(1) for d in ("1", "2")], 1).tolist()
    out["se3_transformer"].update(listed(module))

    rounded = json.loads(json.dumps(out), parse_float=lambda text: float(f"{float(text):.9g}"))
    Path(__file__).with_name("peers.json").write_text(json.dumps(rounded) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
