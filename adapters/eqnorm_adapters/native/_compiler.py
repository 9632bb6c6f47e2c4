"""Finding the C compiler, and calling it."""

from __future__ import annotations

import functools
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

# No -ffast-math: NaN must come through, and linked with it a library makes the whole process
# flush denormal numbers to zero.
_FLAGS = (
    *("-O2", "-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden"),
    *("-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"),
)
# In order of preference; the first combination that the compiler takes. Clang on Apple's
# processors takes -mcpu only, and no OpenMP.
_FOR_THIS_PROCESSOR = (("-march=native",), ("-mcpu=native",), ())
_THREADS = (("-fopenmp",), ())
_SECONDS = 300


class CompilerError(RuntimeError):
    """The compiler is missing, or did not compile a kernel."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler: the command that calls it, and what it calls itself."""

    command: tuple[str, ...]
    version: str

    def identity(self) -> str:
        """All that the result depends on beside the sources."""
        flags = (_FLAGS, _FOR_THIS_PROCESSOR, _THREADS)
        return "\n".join([shlex.join(self.command), self.version, repr(flags), processor()])

    def build(self, sources: Sequence[Path], include: Sequence[Path], target: Path) -> None:
        """Compile and link all sources to one shared library.

        Raises:
            CompilerError: it fails with every choice of flags; the text is that of the last.
        """
        folders = [f"-I{folder}" for folder in include]
        said = ""
        for tuned, threads in product(_FOR_THIS_PROCESSOR, _THREADS):
            flags = [*_FLAGS, *tuned, *threads, *folders]
            done = _run([*self.command, *flags, *map(str, sources), "-o", str(target), "-lm"])
            if done.returncode == 0 and target.exists():
                return
            said = done.stderr.strip() or f"exit status {done.returncode}"
        raise CompilerError(f"{shlex.join(self.command)} did not compile it: {said[-2000:]}")


def find_compiler() -> Compiler:
    """``$CC`` if that is set, else the first of cc, gcc and clang.

    Raises:
        CompilerError: there is none, or it does not even tell its version.
    """
    chosen = os.environ.get("CC", "").strip()
    candidates = [tuple(shlex.split(chosen))] if chosen else [("cc",), ("gcc",), ("clang",)]
    for command in candidates:
        if shutil.which(command[0]) is None:
            continue
        done = _run([*command, "--version"])
        if done.returncode:
            raise CompilerError(f"{shlex.join(command)} --version: exit status {done.returncode}")
        return Compiler(command, done.stdout.strip())
    names = ", ".join(shlex.join(command) for command in candidates)
    raise CompilerError(f"no C compiler found ({names}); install one, or set CC")


@functools.cache
def processor() -> str:
    """Model and features: code for one processor may be illegal instructions on another."""
    lines = [platform.system(), platform.machine(), platform.processor()]
    info = Path("/proc/cpuinfo")
    if info.exists():
        wanted = ("model name", "flags", "Features", "CPU part")
        first = info.read_text(errors="replace").split("\n\n")[0].splitlines()
        lines += [line for line in first if line.startswith(wanted)]
    return "\n".join(lines)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # Messages in English, whatever the user's locale: they go into a log.
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilerError(f"{shlex.join(command[:1])} could not be run: {error}") from error
