"""The statistics as a plain page: a table of numbers, without scripts and without graphs."""

from html import escape
from typing import Final

from anki.collection import Collection

from syncserver.rest.ankiconnect.finding import id_list
from syncserver.rest.reading import rows
from syncserver.rest.studying import scheduler_of

DAY_MS: Final = 86_400_000
CARDS_SQL: Final = """
select count(), count(distinct nid), sum(type = 0), sum(type in (1, 3)), sum(type = 2),
  sum(queue = -1), avg(case when type = 2 then ivl end) from cards where {chosen}
"""
REVIEWS_SQL: Final = """
select count(), sum(id > {month}), sum(id > {today}), sum(id > {today} and ease = 1),
  sum(case when id > {today} then time else 0 end) / 60000.0
from revlog where ease > 0 and cid in (select id from cards where {chosen})
"""
CARD_LINES: Final = (
    *("Cards", "Notes", "New cards", "Cards being learned", "Cards in review"),
    *("Suspended cards", "Mean interval (days)"),
)
REVIEW_LINES: Final = (
    *("Reviews", "Reviews in the last 30 days", "Reviews today"),
    *("Of these forgotten", "Minutes today"),
)


def statistics_page(collection: Collection, *, everything: bool) -> str:
    """Return the page, about everything or about the selected deck and those below it."""
    deck = collection.decks.current()
    decks = id_list(collection.decks.deck_and_child_ids(deck["id"]))
    chosen = "true" if everything else f"did in ({decks})"
    cutoff = scheduler_of(collection).day_cutoff * 1000
    reviews = REVIEWS_SQL.format(chosen=chosen, today=cutoff - DAY_MS, month=cutoff - 30 * DAY_MS)
    lines = [
        *zip(CARD_LINES, rows(collection, CARDS_SQL.format(chosen=chosen))[0], strict=True),
        *zip(REVIEW_LINES, rows(collection, reviews)[0], strict=True),
    ]
    title = "Collection" if everything else escape(deck["name"])
    return (
        f"<center><h1>{title}</h1><table>{''.join(_row(*line) for line in lines)}</table></center>"
    )


def _row(name: str, value: float | None) -> str:
    number = f"{value:.1f}" if isinstance(value, float) else str(value or 0)
    return f"<tr><th>{name}</th><td>{number}</td></tr>"
