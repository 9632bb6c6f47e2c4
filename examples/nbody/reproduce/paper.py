"""What the GeoNorm paper prints: numbers of its Table 1, and statements about its figures.

Transcribed from Meng et al. 2024 (IJCAI), "Towards Geometric Normalization Techniques in SE(3)
Equivariant Graph Neural Networks for Physical Dynamics Simulations". Figures 2 and 5 are curves
without printed numbers; of them only what captions and text state is held here.
"""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (20, 50, 100)  # section 5
DEPTHS = (3, 5, 8, 10)
RATES = (5e-3, 5e-4)
SEEDS = (30, 40, 50, 60)


@dataclass(frozen=True)
class Row:
    """A row of Table 1: errors (MSE) of a norm after random rotations and translations.

    Attributes:
        size, layers, seed: the configuration, printed above each block.
        norm: "layernorm", "scalenorm" or "geonorm" (EGNN-LN, -SN, -GN).
        r_mean, r_median, r_max, r_increment: under rotations; the increment is over the error on
            the unmoved systems.
        t_mean, t_median, t_max, t_increment: under translations.
    """

    size: int
    layers: int
    seed: int
    norm: str
    r_mean: float
    r_median: float
    r_max: float
    r_increment: float
    t_mean: float
    t_median: float
    t_max: float
    t_increment: float

    @property
    def unmoved(self) -> float:
        """The error on unmoved systems, which the table implies: mean less increment."""
        return self.r_mean - self.r_increment


_LN, _SN, _GN = "layernorm", "scalenorm", "geonorm"
TABLE_1 = (
    Row(100, 5, 30, _LN, 77.6337, 76.2877, 120.6114, 70.2623, 76.4022, 76.5329, 108.3657, 69.0064),
    Row(100, 5, 30, _SN, 11.6812, 11.6423, 12.8005, 0.0, 79.9684, 79.0553, 113.0788, 68.3327),
    Row(100, 5, 30, _GN, 12.0141, 11.9806, 13.1563, 0.0, 12.0149, 11.9934, 13.1494, 0.0),
    Row(100, 5, 40, _LN, 79.7006, 78.9167, 119.5280, 72.3209, 80.5087, 80.8898, 117.7024, 73.1220),
    Row(100, 5, 40, _SN, 11.7812, 11.7750, 12.9575, 0.0, 84.7791, 82.4171, 139.6815, 73.0484),
    Row(100, 5, 40, _GN, 11.9976, 11.9577, 13.1755, 0.0, 12.0059, 11.9898, 13.0797, 0.0),
    Row(100, 3, 30, _LN, 75.7769, 77.0998, 114.7744, 68.4406, 74.4919, 73.3482, 120.7420, 67.1195),
    Row(100, 3, 30, _SN, 11.6409, 11.5987, 12.6707, 0.0, 81.2245, 81.2323, 108.4697, 69.7046),
    Row(100, 3, 30, _GN, 12.0191, 11.997, 13.0744, 0.0, 12.01149, 12.00350, 13.1469, 0.0),
    Row(100, 3, 40, _LN, 76.2032, 73.3847, 116.7627, 68.8349, 73.0035, 72.6746, 104.7594, 65.6595),
    Row(100, 3, 40, _SN, 11.4117, 11.3684, 12.5119, 0.0, 81.2904, 79.4168, 120.2692, 69.9343),
    Row(100, 3, 40, _GN, 11.9349, 11.9154, 13.1020, 0.0, 11.8147, 11.8018, 12.8062, 0.0),
    Row(50, 5, 30, _LN, 43.4534, 43.2547, 74.5962, 38.1556, 42.3317, 41.4941, 66.3715, 37.0249),
    Row(50, 5, 30, _SN, 8.5636, 8.5396, 9.5382, 0.0, 51.8175, 50.1510, 68.9853, 43.2368),
    Row(50, 5, 30, _GN, 9.0896, 9.0807, 9.9733, 0.0, 9.1155, 9.1257, 10.0839, 0.0),
    Row(50, 5, 40, _LN, 42.7479, 41.4761, 75.6686, 37.4484, 43.5382, 41.7819, 71.8296, 38.2338),
    Row(50, 5, 40, _SN, 8.6886, 8.6783, 9.6922, 0.0, 52.4891, 50.8263, 84.0599, 43.7528),
    Row(50, 5, 40, _GN, 9.1182, 9.0935, 10.1146, 0.0, 9.0662, 9.0217, 10.0238, 0.0),
)


@dataclass(frozen=True)
class Curve:
    """What Figure 2 and section 1 state about the training of vanilla EGNN.

    Attributes:
        size, layers: the configuration.
        stable: whether the paper calls its training stable.
        source: where.
    """

    size: int
    layers: int
    stable: bool
    source: str


FIGURE_2 = (
    Curve(20, 1, True, "Figure 2, caption: depth 1 is the stable end of 'from 1 to 10'"),
    Curve(20, 10, False, "Figure 2, caption: explosion as depth increases from 1 to 10"),
    Curve(50, 5, False, "Figure 2, caption: unstable even at depth 5"),
    Curve(50, 10, False, "Figure 2, caption: too large to plot"),
    Curve(100, 3, False, "Figure 2, caption: explosion easily occurs at depth 3"),
)


def table_row(size: int, layers: int, seed: int, norm: str) -> Row | None:
    """The row of Table 1 of this configuration, if it is printed.

    >>> table_row(50, 5, 30, "geonorm").r_mean
    9.0896
    """
    for row in TABLE_1:
        if (row.size, row.layers, row.seed, row.norm) == (size, layers, seed, norm):
            return row
    return None
