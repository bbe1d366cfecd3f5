"""Write the results of a run as tables: for a terminal, and as Markdown for the documents."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Final

from bench.budgets import BUDGETS
from bench.figures import ratio
from bench.results import Figure, Run

HEADINGS: Final = ("", "ours", "official", "ratio", "budget")
# What stands around the tables in a document, so that they can be written anew.
BEGIN: Final = "<!-- measured: `python -m bench table` writes what follows -->"
END: Final = "<!-- end of what was measured -->"


def as_markdown(run: Run) -> str:
    """Return a table for each measurement, and the notes."""
    tables = [_markdown_table(name, figures) for name, figures in by_measurement(run)]
    notes = "".join(f"- {note}\n" for note in run.notes.values())
    return "\n".join(filter(None, [_about(run), *tables, notes]))


def by_measurement(run: Run) -> Iterator[tuple[str, list[Figure]]]:
    """Yield the title of each measurement and its figures."""
    for title, figures in groupby(run.figures, lambda figure: figure.measurement):
        yield title, list(figures)


def cells(figure: Figure) -> tuple[str, ...]:
    """Return one row of a table; see HEADINGS."""
    metric = figure.metric
    found = ratio(figure.ours, figure.official)
    budget = BUDGETS.get(metric.key)
    return (
        f"{metric.title}, {metric.unit}",
        _values(figure.ours),
        _values(figure.official),
        "" if found is None else f"{found:.3g}",
        "" if budget is None else f"{'≥' if metric.more_is_better else '≤'} {budget:g}",
    )


def keeps_budget(figure: Figure) -> bool | None:
    """Tell whether a figure is within its budget; None when there is none, or nothing to compare."""
    found, budget = ratio(figure.ours, figure.official), BUDGETS.get(figure.metric.key)
    if found is None or budget is None:
        return None
    return found >= budget if figure.metric.more_is_better else found <= budget


def write_into(document: Path, markdown: str) -> None:
    """Put the tables between the two marks of a document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{document} lacks the line {BEGIN!r}, or after it {END!r}")
    document.write_text(f"{before}{BEGIN}\n\n{markdown}\n{END}{after}", encoding="utf-8")


def _about(run: Run) -> str:
    machine = run.machine
    return (
        f"Measured on {run.began:%Y-%m-%d} ({run.scale} run): {machine.cores} cores of "
        f"{machine.processor}, {machine.memory_gb:g} GB, {machine.system}, Python "
        f"{machine.python}, anki {machine.anki}.\n"
    )


def _markdown_table(title: str, figures: Sequence[Figure]) -> str:
    rows = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *map(_marked, figures)]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"**{title}**\n\n{lines}"


def _marked(figure: Figure) -> tuple[str, ...]:
    *others, found, budget = cells(figure)
    return (*others, f"**{found}**" if keeps_budget(figure) is False else found, budget)


def _values(values: Sequence[float]) -> str:
    if not values:
        return ""
    spread = f" ({_short(min(values))} – {_short(max(values))})" if len(values) > 1 else ""
    return _short(median(values)) + spread


def _short(value: float) -> str:
    """Return a number with about three digits, and never with an exponent."""
    if abs(value) >= 100 or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
