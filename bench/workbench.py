"""What every measurement works with: servers that take turns, a folder, a place for figures."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.display import Display
from bench.results import Metric, Recorder
from bench.scale import Scale
from bench.servers import OFFICIAL, OURS, Server


@dataclass(slots=True)
class Workbench:
    """The surroundings of one run. `folder` is emptied by whoever made it."""

    scale: Scale
    folder: Path
    recorder: Recorder
    display: Display
    _numbers: Iterator[int] = field(default_factory=count)

    def new_folder(self, name: str) -> Path:
        """Return a path in the run's folder at which there is nothing yet."""
        return self.folder / f"{next(self._numbers)}-{name}"

    def turns(self, rounds: int) -> Iterator[str]:
        """Yield the name of the server whose turn it is; who is first changes with each round."""
        for number in range(rounds):
            self.display.tell(f"round {number + 1} of {rounds}")
            yield from (OURS, OFFICIAL) if number % 2 == 0 else (OFFICIAL, OURS)

    @contextmanager
    def both_servers(
        self, *, accounts: int, quick_logins: bool = False
    ) -> Iterator[dict[str, Server]]:
        """Start both servers, for measurements that do not care for what was before them."""
        with ExitStack() as running:
            yield {
                name: running.enter_context(
                    self.server(name, accounts=accounts, quick_logins=quick_logins)
                )
                for name in (OURS, OFFICIAL)
            }

    def server(self, name: str, *, accounts: int = 1, quick_logins: bool = False) -> Server:
        """Start one server, to be used in a `with` statement."""
        folder = self.new_folder(name)
        return Server(name, folder, accounts=accounts, quick_logins=quick_logins)

    def record(self, metric: Metric, server: str, value: float) -> None:
        """Keep one value of one server, in the metric's unit."""
        self.recorder.add(metric, server, value)
