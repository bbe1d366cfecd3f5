"""Statistics as HTML: the ancestor's stats_report of a collection and of a card.

What people wrote is escaped in them. The scripts that drew the graphs are no part of libanki any
more, so the graphs have their data and their legends only.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Final, Literal

from anki import stats_pb2
from anki.cards import CardId
from anki.collection import Collection
from anki.stats import CollectionStats
from anki.statsbg import bg
from pydantic import Field

from syncserver.rest.ancestor.handlers import AncestorRequest, Data, Handlers

handlers: Final = Handlers()

ReportName = Literal["today", "due", "reps", "interval", "hourly", "ease", "card", "footer"]
REPORTS: Final[Mapping[str, Callable[[CollectionStats], str]]] = {
    "today": CollectionStats.todayStats,
    "due": CollectionStats.dueGraph,
    "reps": CollectionStats.repsGraphs,
    "interval": CollectionStats.ivlGraph,
    "hourly": CollectionStats.hourGraph,
    "ease": CollectionStats.easeGraph,
    "card": CollectionStats.cardGraph,
}
ALL_REPORTS: Final[tuple[ReportName, ...]] = (
    *("today", "due", "reps", "interval"),
    *("hourly", "ease", "card", "footer"),
)


class Reports(Data):
    """Which reports, and the size of their graphs in pixels."""

    reports: list[ReportName] = Field(default_factory=lambda: list(ALL_REPORTS))
    width: int = Field(default=600, ge=1, le=10_000)
    height: int = Field(default=200, ge=1, le=10_000)
    include_css: bool = False


@handlers.add("collection", "stats_report")
def stats_report(collection: Collection, _request: AncestorRequest, data: Reports) -> str:
    """Return reports about the selected deck as HTML."""
    stats = CollectionStats(collection)
    stats.type = 0  # the last month
    stats.width, stats.height = data.width, data.height
    pieces = [str(stats.css) % bg] if data.include_css else []
    for name in data.reports:
        html = _footer(collection) if name == "footer" else REPORTS[name](stats)
        pieces.append(f'<div class="anki-graph anki-graph-{name}">{html}</div>')
    return "".join(pieces)


@handlers.add("card", "stats_report")
def stats_report_of_card(collection: Collection, request: AncestorRequest) -> str:
    """Return what is known of a card as an HTML table."""
    card = collection.get_card(CardId(request.item_id))
    lines = _lines(collection.card_stats_data(card.id))
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in lines
    )
    return f"<table>{rows}</table>"


def _footer(collection: Collection) -> str:
    # libanki's own does not escape the name of the deck.
    return f"<small>{escape(collection.decks.current()['name'])}</small>"


def _lines(stats: stats_pb2.CardStatsResponse) -> list[tuple[str, str]]:
    return [
        ("Card", str(stats.card_id)),
        ("Note", str(stats.note_id)),
        ("Deck", stats.deck),
        ("Notetype", stats.notetype),
        ("Card type", stats.card_type),
        ("Interval (days)", str(stats.interval)),
        ("Ease (per mille)", str(stats.ease)),
        ("Reviews", str(stats.reviews)),
        ("Lapses", str(stats.lapses)),
        ("Average time (s)", f"{stats.average_secs:.1f}"),
        ("Total time (s)", f"{stats.total_secs:.1f}"),
    ]
