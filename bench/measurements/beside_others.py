"""Small syncs of one user while others do what is hard on a server."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bench import background
from bench.helper import Helper, HelperFailed
from bench.load import Pace
from bench.measurements.many_users import (
    COLLECTION,
    load_of,
    prepared_content,
    users_with,
)
from bench.measurements.measurement import Measurement
from bench.packed import packed
from bench.results import Metric
from bench.sample_collections import sample_collection
from bench.scale import COLLECTION_OF_20_MB, COLLECTION_OF_200_MB
from bench.servers import Account, Server
from bench.wire import Client, chunks, login, upload
from bench.workbench import Workbench

# Between the beginnings of two syncs; much more than one takes on a server that is left alone.
INTERVAL: Final = 0.1
# For an answer to a helper that is told to end; an upload in progress need not be waited for.
ENDING_TIME: Final = 2.0
WRONG_PASSWORDS_PER_SECOND: Final = 20
STALLED_CONNECTIONS: Final = 80


@dataclass(frozen=True, slots=True)
class _Stage:
    """A server, the user whose syncs are measured, and another one who is a burden."""

    server: Server
    syncing: Client
    other: Client
    other_account: Account


_Burden = Callable[[_Stage], Helper]


def _uploads(stage: _Stage) -> Helper:
    body = packed(sample_collection(COLLECTION_OF_200_MB))
    return Helper(background.upload_again_and_again, stage.other, body)


def _logins(stage: _Stage) -> Helper:
    name = stage.other_account.name
    per_second = WRONG_PASSWORDS_PER_SECOND
    return Helper(background.guess_passwords, stage.server.port, name, per_second)


def _slow_download(stage: _Stage) -> Helper:
    body = chunks(packed(sample_collection(COLLECTION_OF_20_MB)).read_bytes())
    client = login(stage.server, stage.server.new_account())
    upload(client, body)
    return Helper(background.download_slowly, client)


def _stalled(stage: _Stage) -> Helper:
    return Helper(background.stall, stage.other, STALLED_CONNECTIONS)


# The last part of their keys, what the table says, and what burdens the server.
_SCENES: Final[tuple[tuple[str, str, tuple[_Burden, ...]], ...]] = (
    ("nothing", "alone", ()),
    ("uploads", "beside uploads of 200 MB", (_uploads,)),
    ("logins", "beside 20 wrong passwords a second", (_logins,)),
    ("slow", "beside a download at 10 kB/s", (_slow_download,)),
    ("all", "beside all of these", (_uploads, _logins, _slow_download)),
    ("stalled", f"beside {STALLED_CONNECTIONS} stalled connections", (_stalled,)),
)


def _run(bench: Workbench) -> None:
    for key, title, burdens in _SCENES:
        if key not in bench.scale.scenes:
            continue
        for name in bench.turns(bench.scale.slow_rounds):
            # What a burden leaves behind must not be one for the next scene.
            with bench.server(name, accounts=3) as server, ExitStack() as helpers:
                stage = _set(server)
                started = [helpers.enter_context(burden(stage)) for burden in burdens]
                for helper in started:
                    helper.receive()
                seconds = _duration(bench, burdens)
                _sync(bench, stage, (f"beside.{key}", title), Pace(seconds, INTERVAL))
                done = ", ".join(map(_last_words, started))
                if done:
                    bench.recorder.note(f"beside.{key}.{name}", f"{title}, {name}: {done}.")


def _set(server: Server) -> _Stage:
    (syncing,) = users_with(server, COLLECTION, 1)
    account = server.new_account()
    return _Stage(server, syncing, login(server, account), account)


def _duration(bench: Workbench, burdens: tuple[_Burden, ...]) -> float:
    return bench.scale.beside_uploads_seconds if _uploads in burdens else bench.scale.beside_seconds


def _sync(bench: Workbench, stage: _Stage, scene: tuple[str, str], pace: Pace) -> None:
    key, title = scene
    load = load_of([stage.syncing], prepared_content(), pace)
    name = stage.server.name
    for part, percent in (("p50", 50), ("p99", 99), ("max", 100)):
        metric = Metric(f"{key}.{part}", f"{title}: {part}", "ms")
        bench.record(metric, name, load.milliseconds(percent))
    errors = Metric(f"{key}.errors", f"{title}: errors", "syncs")
    bench.record(errors, name, load.problems.total())


def _last_words(helper: Helper) -> str:
    """Tell a helper to end, and return what it has done."""
    helper.send("end")
    try:
        return str(helper.receive(ENDING_TIME))
    except HelperFailed as problem:
        return str(problem).strip().splitlines()[-1]


BESIDE_OTHERS: Final = Measurement("beside-others", "Small syncs of one user beside others", _run)
