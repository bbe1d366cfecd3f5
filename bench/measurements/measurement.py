"""The type of a measurement."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something that can be asked for by its name on the command line."""

    name: str
    title: str
    run: Callable[[Workbench], None]
