"""A table of specs by name and type, and how names are compared."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar

from torch import nn


class Record(Protocol):
    """What a table needs of a spec."""

    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def factory(self) -> Callable[..., nn.Module]: ...


SpecT = TypeVar("SpecT", bound=Record)


class Table(Generic[SpecT]):
    """Specs by name and type, filled by decorators and, on first need, by entry points."""

    def __init__(self, what: str, group: str) -> None:
        self.what = what
        self.specs: dict[tuple[str, str], SpecT] = {}
        self._group = group
        self._loaded = False

    def load(self) -> None:
        """Import every module announced under the entry-point group, once."""
        if self._loaded:
            return
        self._loaded = True
        for entry in entry_points(group=self._group):
            try:
                entry.load()
            except Exception as error:
                warnings.warn(
                    f"{self.what} entry point {entry.name!r} ({entry.value}) could not be "
                    f"loaded and is left out: {error}",
                    stacklevel=2,
                )

    def add(self, spec: SpecT, on: str, override: bool) -> None:
        """Add a spec under its name and aliases, all of them or none.

        Raises:
            ValueError: one of them is taken for this type and ``override`` is False.
        """
        names = {normalise(name): name for name in (spec.name, *spec.aliases)}
        for key, name in names.items():
            old = self.specs.get((key, on))
            if old is not None and not override:
                raise ValueError(
                    f"a {self.what} named {name!r} is registered already ({old.factory}); "
                    "choose another name or pass override=True"
                )
        self.specs.update({(key, on): spec for key in names})

    def all(self) -> list[SpecT]:
        """Every spec once, by name."""
        self.load()
        return sorted(dict.fromkeys(self.specs.values()), key=lambda spec: spec.name)

    def find(self, name: str) -> list[SpecT]:
        """Specs under a name, or a ValueError with the closest names."""
        self.load()
        key = normalise(name)
        found = [spec for (known, _), spec in self.specs.items() if known == key]
        if found:
            return list(dict.fromkeys(found))
        raise ValueError(unknown_name(self.what, name, [spec.name for spec in self.all()]))


def unknown_name(what: str, name: str, choices: Iterable[str]) -> str:
    """The message for a name that is not among the choices, with the closest ones."""
    choices = sorted(set(choices))
    plain = {normalise(choice): choice for choice in choices}
    near = [plain[key] for key in difflib.get_close_matches(normalise(name), plain, n=3)]
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ";"
    return f"unknown {what} {name!r}{hint} choose from {', '.join(choices)}"


def normalise(name: str) -> str:
    """A name as it is compared: case, `-`, `_` and spaces do not count."""
    return re.sub(r"[\s_\-]", "", name).lower()
