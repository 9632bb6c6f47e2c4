"""Small models that are wrong in known ways, and right ones that are hard to judge.

They are how the checker is checked, and worked examples of what goes wrong in practice.
"""

from eqnorm.testing.broken import behaviour, hard, hard_frames, labels, places, rotations
from eqnorm.testing.broken.specimens import COLLECTION, Specimen, sound, specimen, wrong

__all__ = [
    "COLLECTION",
    "Specimen",
    "behaviour",
    "hard",
    "hard_frames",
    "labels",
    "places",
    "rotations",
    "sound",
    "specimen",
    "wrong",
]
