"""Which restore points stay: a pure rule over their times and reasons, nothing is touched here.

What the clock or an operator asked for is thinned out with age: the newest few, then one a day, a
week and a month. Of what was kept because something was about to be replaced or deleted the newest
few stay, of each reason, so that a program's imports never push out what an upload has replaced.
Pinned points stay for good.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar

# Taken by the clock, and by an operator.
SCHEDULE: Final = "schedule"
MANUAL: Final = "manual"
THINNED_REASONS: Final = frozenset({SCHEDULE, MANUAL})

Period = Callable[[datetime], object]


class Dated(Protocol):
    """What the rule needs to know of a restore point."""

    @property
    def taken_at(self) -> datetime:
        """When it was taken (UTC)."""
        ...

    @property
    def reason(self) -> str:
        """What it was taken for."""
        ...

    @property
    def pinned(self) -> bool:
        """Whether it stays for good."""
        ...


Point = TypeVar("Point", bound=Dated)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many points of one user stay: of the last days, weeks, months, and before changes."""

    recent: int
    daily: int
    weekly: int
    monthly: int
    before_changes: int


def superfluous(points: Iterable[Point], limits: Limits) -> list[Point]:
    """Return the points of one user that may go."""
    ordinary = sorted(
        (point for point in points if not point.pinned),
        key=lambda point: point.taken_at,
        reverse=True,
    )
    thinned = [point for point in ordinary if point.reason in THINNED_REASONS]
    reasons = {point.reason for point in ordinary} - THINNED_REASONS
    return [
        *_thinned_out(thinned, limits),
        *(old for reason in reasons for old in _of(reason, ordinary)[limits.before_changes :]),
    ]


def _of(reason: str, points: list[Point]) -> list[Point]:
    return [point for point in points if point.reason == reason]


def _thinned_out(newest_first: list[Point], limits: Limits) -> list[Point]:
    kept = {id(point) for point in newest_first[: limits.recent]}
    for period, most in ((_day, limits.daily), (_week, limits.weekly), (_month, limits.monthly)):
        kept |= {id(point) for point in _newest_of_each(newest_first, period)[:most]}
    return [point for point in newest_first if id(point) not in kept]


def _newest_of_each(newest_first: list[Point], period: Period) -> list[Point]:
    found: dict[object, Point] = {}
    for point in newest_first:
        found.setdefault(period(point.taken_at), point)
    return list(found.values())


def _day(time: datetime) -> object:
    return time.date()


def _week(time: datetime) -> object:
    return time.isocalendar()[:2]


def _month(time: datetime) -> object:
    return (time.year, time.month)
