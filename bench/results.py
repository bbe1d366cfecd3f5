"""What a run found: figures of both servers, round by round, as they are stored in JSON."""

import os
import platform
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import psutil

from bench.servers import OFFICIAL, OURS

RESULTS_FOLDER: Final = Path(__file__).parent / "results"


class Metric(msgspec.Struct, frozen=True):
    """Something that is measured on both servers. `key` is its name in JSON and in budgets."""

    key: str
    title: str
    unit: str
    more_is_better: bool = False


class Figure(msgspec.Struct):
    """The values of one metric, one for each round, in the metric's unit."""

    measurement: str
    metric: Metric
    ours: list[float] = []
    official: list[float] = []


class Machine(msgspec.Struct):
    """Where the run took place."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    anki: str


class Run(msgspec.Struct):
    """One run of the benchmark. `notes` are sentences that a reader of the figures should know."""

    began: datetime
    scale: str
    machine: Machine
    figures: list[Figure] = []
    notes: dict[str, str] = {}


def this_machine() -> Machine:
    """Describe this machine without its name."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
        anki=version("anki"),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


class Recorder:
    """Collects the figures of a run."""

    def __init__(self, scale: str) -> None:
        self.run = Run(datetime.now(timezone.utc), scale, this_machine())
        self._figures: dict[str, Figure] = {}
        self.measurement = ""

    def add(self, metric: Metric, server: str, value: float) -> None:
        """Add one value of one server."""
        figure = self._figure(metric)
        {OURS: figure.ours, OFFICIAL: figure.official}[server].append(value)

    def note(self, key: str, text: str) -> None:
        """Add a sentence that belongs to the figures; a later one takes its place."""
        self.run.notes[key] = text

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = msgspec.json.format(msgspec.json.encode(self.run), indent=1)
        path.write_bytes(text + b"\n")

    def _figure(self, metric: Metric) -> Figure:
        found = self._figures.get(metric.key)
        if found is None:
            found = self._figures[metric.key] = Figure(self.measurement, metric)
            self.run.figures.append(found)
        return found


def load(path: Path) -> Run:
    """Read what `Recorder.save` has written."""
    return msgspec.json.decode(path.read_bytes(), type=Run)
