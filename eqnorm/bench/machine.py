"""The machine and the versions that a table was measured with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

from eqnorm.bench.records import Settings

_PACKAGES = ("torch", "e3nn", "numpy", "numba", "egnn-pytorch", "torch-geometric")


def machine(settings: Settings) -> dict[str, Any]:
    """Processor or GPU, threads, load and versions, as JSON values."""
    found: dict[str, Any] = {
        "device": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": settings.threads,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
    if settings.device != "cpu":
        found["gpu"] = torch.cuda.get_device_name(settings.device)
        found["cuda"] = torch.version.cuda
    return {**found, "versions": {name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
