"""The statistics of the benchmark."""

import pytest

from bench.figures import percentile, ratio, slope


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), percent) == expected


def test_the_only_value_is_every_percentile() -> None:
    assert percentile([7.0], 1) == percentile([7.0], 99) == 7.0


def test_the_slope_tells_growth_and_not_the_start() -> None:
    assert slope([(1, 12), (10, 30), (100, 210)]) == pytest.approx(2)


def test_the_ratio_is_that_of_the_medians() -> None:
    assert ratio([1, 2, 90], [4, 4, 5]) == 0.5


@pytest.mark.parametrize(("ours", "official"), [([], [1.0]), ([1.0], []), ([1.0], [0.0])])
def test_there_is_no_ratio_to_nothing(ours: list[float], official: list[float]) -> None:
    assert ratio(ours, official) is None
