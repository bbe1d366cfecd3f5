"""The commands of `python -m bench`."""

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from bench import results, table
from bench.display import Display
from bench.measurements import MEASUREMENTS
from bench.measurements.measurement import Measurement
from bench.sample_collections import cache_folder
from bench.scale import FULL, SHORT, Scale
from bench.workbench import Workbench

program: Final = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)

_NAMES: Final = ", ".join(one.name for one in MEASUREMENTS)


@program.command()
def run(
    *,
    full: Annotated[bool, typer.Option("--full", help="Measure everything, often.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"One or more of: {_NAMES}.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where the results are written.")] = None,
) -> None:
    """Measure both servers, print the tables, write the results as JSON."""
    # As Ctrl+C does, so that nothing that was started is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    scale = FULL if full else SHORT
    chosen = _chosen(only)
    found = _measure(scale, chosen, json or results.RESULTS_FOLDER / f"{scale.name}.json")
    _print(found)
    if any(one.name in found.notes for one in chosen):
        raise typer.Exit(1)  # something was broken off


@program.command("table")
def make_table(
    files: list[Path],
    into: Annotated[Path | None, typer.Option(help="A document with the marks.")] = None,
) -> None:
    """Print results as Markdown, or write them into a document."""
    markdown = "\n".join(table.as_markdown(results.load(file)) for file in files)
    if into:
        table.write_into(into, markdown)
    else:
        typer.echo(markdown)


def _chosen(names: list[str] | None) -> list[Measurement]:
    unknown = set(names or ()) - {one.name for one in MEASUREMENTS}
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {_NAMES}")
    return [one for one in MEASUREMENTS if not names or one.name in names]


def _measure(scale: Scale, chosen: list[Measurement], path: Path) -> results.Run:
    recorder, display = results.Recorder(scale.name), Display()
    for one in chosen:
        recorder.measurement = one.title
        try:
            # Beside the cache, since /tmp may be memory, where nothing costs what it does on a disk.
            with (
                tempfile.TemporaryDirectory(dir=cache_folder(), prefix="run-") as folder,
                display.during(one.title),
            ):
                one.run(Workbench(scale, Path(folder), recorder, display))
        except Exception as problem:
            display.console.print_exception()
            recorder.note(one.name, f"{one.title}: broken off, {problem!r:.200}")
        recorder.save(path)  # after each, so that a long run is not lost with its end
    return recorder.run


def _print(found: results.Run) -> None:
    console = Console()
    for title, figures in table.by_measurement(found):
        shown = Table(*table.HEADINGS, title=title)
        for figure in figures:
            style = "red" if table.keeps_budget(figure) is False else ""
            shown.add_row(*table.cells(figure), style=style)
        console.print(shown)
    for note in found.notes.values():
        console.print(f"- {note}")
