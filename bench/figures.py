"""The few statistics that the results are made of."""

import statistics
from collections.abc import Sequence

# A pair of numbers: what was varied, and what was measured.
Point = tuple[float, float]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of the values do not exceed."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)  # rounded up
    return ranked[max(0, int(rank) - 1)]


def slope(points: Sequence[Point]) -> float:
    """Return by how much the second number grows when the first one grows by one."""
    xs, ys = zip(*points, strict=True)
    return statistics.linear_regression(xs, ys).slope


def ratio(ours: Sequence[float], official: Sequence[float]) -> float | None:
    """Return the median of ours over the official server's; None where one of them is missing."""
    if not ours or not official or not statistics.median(official):
        return None
    return statistics.median(ours) / statistics.median(official)
