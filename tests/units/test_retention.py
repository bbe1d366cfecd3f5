"""Which restore points stay, for any history of points and any limits."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from syncserver.collections.retention import MANUAL, SCHEDULE, THINNED_REASONS, Limits, superfluous

NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
NOTHING = Limits(recent=1, daily=0, weekly=0, monthly=0, before_changes=1)


@dataclass(frozen=True)
class Point:
    """A point as far as the rule is concerned."""

    taken_at: datetime
    reason: str = SCHEDULE
    pinned: bool = False


def kept(points: list[Point], limits: Limits) -> list[Point]:
    gone = superfluous(points, limits)
    return [point for point in points if not any(point is one for one in gone)]


histories = st.lists(
    st.builds(
        Point,
        st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 21), timezones=st.just(timezone.utc)),  # noqa: DTZ001 - the strategy wants naive bounds
        st.sampled_from([SCHEDULE, MANUAL, "upload", "import"]),
        st.booleans(),
    ),
    max_size=60,
    unique_by=lambda point: point.taken_at,
)
all_limits = st.builds(
    Limits,
    recent=st.integers(1, 5),
    daily=st.integers(0, 8),
    weekly=st.integers(0, 5),
    monthly=st.integers(0, 7),
    before_changes=st.integers(1, 5),
)


@given(histories, all_limits)
def test_pinned_points_stay(points: list[Point], limits: Limits) -> None:
    assert {point for point in points if point.pinned} <= set(kept(points, limits))


@given(histories, all_limits)
def test_the_newest_point_of_each_kind_stays(points: list[Point], limits: Limits) -> None:
    staying = set(kept(points, limits))
    for reasons in (THINNED_REASONS, {"upload"}, {"import"}):
        of_kind = [point for point in points if point.reason in reasons]
        if of_kind:
            assert max(of_kind, key=lambda point: point.taken_at) in staying


@given(histories, all_limits)
def test_no_more_stay_than_the_limits_say(points: list[Point], limits: Limits) -> None:
    staying = [point for point in kept(points, limits) if not point.pinned]
    thinned = [point for point in staying if point.reason in THINNED_REASONS]
    assert len(thinned) <= limits.recent + limits.daily + limits.weekly + limits.monthly
    for reason in ("upload", "import"):
        of_reason = [point for point in staying if point.reason == reason]
        assert len(of_reason) <= limits.before_changes


@given(histories, all_limits)
def test_thinning_out_twice_removes_nothing_more(points: list[Point], limits: Limits) -> None:
    once = kept(points, limits)
    assert kept(once, limits) == once


@given(histories, all_limits)
def test_the_last_point_of_each_recent_day_stays(points: list[Point], limits: Limits) -> None:
    thinned = [one for one in points if one.reason in THINNED_REASONS and not one.pinned]
    last_of_day: dict[object, Point] = {}
    for point in sorted(thinned, key=lambda one: one.taken_at):
        last_of_day[point.taken_at.date()] = point
    days = sorted(last_of_day, reverse=True)[: limits.daily]  # type: ignore[type-var]
    assert {last_of_day[day] for day in days} <= set(kept(points, limits))


def test_what_the_documents_promise() -> None:
    """The defaults, for somebody who studies every day for three years."""
    limits = Limits(recent=4, daily=7, weekly=4, monthly=6, before_changes=10)
    points = [Point(NOON - timedelta(hours=6 * number)) for number in range(4 * 365 * 3)]
    staying = kept(points, limits)
    assert staying[:4] == points[:4], "the newest four"
    days = {point.taken_at.date() for point in staying}
    assert {(NOON - timedelta(days=number)).date() for number in range(7)} <= days
    months = {(point.taken_at.year, point.taken_at.month) for point in staying}
    assert months == {(2026, month) for month in range(6, 12)}
    assert len(staying) <= 4 + 7 + 4 + 6


def test_a_day_without_points_does_not_use_up_the_limit() -> None:
    limits = Limits(recent=1, daily=3, weekly=0, monthly=0, before_changes=1)
    points = [Point(NOON - timedelta(days=30 * number)) for number in range(5)]
    assert kept(points, limits) == points[:3]


def test_imports_do_not_push_out_what_an_upload_replaced() -> None:
    upload = Point(NOON - timedelta(days=400), "upload")
    imports = [Point(NOON - timedelta(hours=number), "import") for number in range(50)]
    assert kept([upload, *imports], NOTHING) == [upload, imports[0]]
