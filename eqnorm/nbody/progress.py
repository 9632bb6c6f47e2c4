"""Progress of a simulation: a bar, a function of the caller's, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = bool | Callable[[int, int], object]


@contextmanager
def reporter(progress: Progress, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with the number of trajectories just finished."""
    done = 0
    if callable(progress):
        call = progress

        def report(count: int) -> None:
            nonlocal done
            done += count
            call(done, total)

        yield report
    elif progress:
        try:
            from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]
        except ImportError as error:
            raise ImportError(
                "progress=True needs tqdm, which is not installed. Install it with: "
                "pip install 'eqnorm-zoo[nbody]', or pass a function of (done, total)"
            ) from error
        with tqdm(total=total, desc="simulating", unit="traj") as bar:
            yield lambda count: bar.update(count) and None
    else:
        yield lambda count: None
