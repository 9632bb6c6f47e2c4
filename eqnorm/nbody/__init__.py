"""Charged N-body systems: a fast simulator of the reference data, and data sets made from it."""

from ._numba import compiled as _compiled  # noqa: F401  first: says how to install numba
from .baselines import centre, linear, no_motion
from .batch import Batch
from .cache import RebuiltFileWarning, cache_directory, load_or_simulate
from .config import Config
from .dataset import Item, NBodyDataset
from .energies import energy
from .fileformat import DamagedFileError, FormatVersionError
from .integration import integrate
from .official import load_official
from .reader import load_trajectories
from .simulation import generate, simulate
from .splits import Splits, load_datasets, official_datasets
from .tasks import TASKS, task_frames
from .trajectories import Trajectories
from .writer import save_trajectories

__all__ = [
    "TASKS",
    "Batch",
    "Config",
    "DamagedFileError",
    "FormatVersionError",
    "Item",
    "NBodyDataset",
    "RebuiltFileWarning",
    "Splits",
    "Trajectories",
    "cache_directory",
    "centre",
    "energy",
    "generate",
    "integrate",
    "linear",
    "load_datasets",
    "load_official",
    "load_or_simulate",
    "load_trajectories",
    "no_motion",
    "official_datasets",
    "save_trajectories",
    "simulate",
    "task_frames",
]
