"""What a server costs: CPU time and memory of all its processes, read from the kernel.

Reading is cheap and happens outside of what is measured; no sampling thread disturbs the servers.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

MEGABYTE: Final = 1_000_000
# A server may still tidy up when its answer is there; its CPU time for that counts.
SETTLING_TIME: Final = 0.05
# Of clock_getcpuclockid(3): a process's clock is made of its id and the kind of clock. It has
# nanoseconds, and holds threads that have ended; /proc/<pid>/stat counts hundredths of a second.
_CLOCK_OF_ALL_THREADS: Final = 2
# Written to /proc/<pid>/clear_refs: the peak is the present size again.
_RESET_PEAK: Final = "5"


@dataclass(slots=True)
class Spent:
    """What was used while something ran: CPU seconds, and MB above what was used before it."""

    cpu: float = 0.0
    memory: float = 0.0


class Usage:
    """The process tree below, and with, one process."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    @contextmanager
    def spent(self) -> Iterator[Spent]:
        """Measure what is used during the `with` statement; complete when it has ended."""
        found = Spent()
        rest = self._start_peak()
        began = self.cpu_seconds()
        yield found
        found.cpu = self.cpu_seconds() - began
        found.memory = self._status("VmHWM") - rest

    def cpu_seconds(self) -> float:
        """Return the CPU time that all processes have used, once they have settled."""
        time.sleep(SETTLING_TIME)
        return sum(time.clock_gettime(_cpu_clock(one.pid)) for one in self._processes())

    def memory(self) -> float:
        """Return the memory of all processes in MB; what they share is counted once.

        What they share with others, such as the libraries of the clients here, counts in full.
        """
        processes = self._processes()
        own = sum(_kernel_bytes(one.pid, "smaps_rollup", "Pss_Anon") for one in processes)
        files: dict[str, int] = {}
        for mapping in (one for process in processes for one in process.memory_maps()):
            from_file = mapping.rss - mapping.anonymous
            files[mapping.path] = max(from_file, files.get(mapping.path, 0))
        return (own + sum(files.values())) / MEGABYTE

    def _start_peak(self) -> float:
        """Forget earlier peaks, and return what is resident now, in MB."""
        for one in self._processes():
            Path(f"/proc/{one.pid}/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
        return self._status("VmRSS")

    def _processes(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def _status(self, field: str) -> float:
        return sum(_kernel_bytes(one.pid, "status", field) for one in self._processes()) / MEGABYTE


def _cpu_clock(pid: int) -> int:
    return (~pid << 3) | _CLOCK_OF_ALL_THREADS


def _kernel_bytes(pid: int, file: str, field: str) -> int:
    lines = Path(f"/proc/{pid}/{file}").read_text(encoding="ascii").splitlines()
    found = next(line for line in lines if line.startswith(f"{field}:"))
    return int(found.split()[1]) * 1024
