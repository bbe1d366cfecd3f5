"""What the commands about restore points print and how they end, with a server and without one."""

from collections.abc import Iterator

import pytest

from tests.control.operator import Operator
from tests.control.test_terminal import on_a_terminal
from tests.support.accounts import Account
from tests.support.backups import Keeper
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_server import WatchedServer

OPTIONS = {"snapshot_interval": 0}
FAILED, WRONG_USAGE, NO_SUCH_USER = 1, 2, 67


@pytest.fixture
def empty_account(server: WatchedServer) -> Account:
    """An account that no device has synced with yet."""
    return server.new_account()


@pytest.fixture(params=["with a server", "without one"])
def _server_or_none(
    request: pytest.FixtureRequest, server: WatchedServer, laptop: Device
) -> Iterator[None]:
    assert laptop.col.note_count() == 3
    if request.param == "with a server":
        yield
        return
    server.stop()
    yield
    server.start()


@pytest.mark.usefixtures("_server_or_none")
class TestEveryCommand:
    def test_takes_lists_and_tries_points(self, keeper: Keeper, account: Account) -> None:
        taken = keeper.must("backup", account.name)
        assert "(3 notes, " in taken.output
        again = keeper.must("backup", account.name)
        assert again.output == f"{account.name}: unchanged since the newest restore point\n"
        (point,) = keeper.points(account)
        assert point["snapshot"] in taken.output
        assert (point["reason"], point["pinned"], point["offsite"]) == ("manual", False, False)
        assert (point["notes"], point["cards"], point["reviews"]) == (3, 3, 0)
        listed = keeper.must("backups", account.name).output.splitlines()
        assert listed[0].split() == [
            *("id", "taken", "reason", "bytes", "notes", "reviews", "media", "state")
        ]
        assert listed[1].startswith(point["snapshot"])
        drilled = keeper.must("restore-drill", account.name)
        assert "can be restored: 3 notes, 3 cards, 0 reviews" in drilled.output

    def test_pins_the_newest_point_if_that_has_the_present_state(
        self, keeper: Keeper, server: WatchedServer, account: Account
    ) -> None:
        snapshot = keeper.backup(account)
        pinned = keeper.must("backup", "--all", "--pin")
        (line,) = [one for one in pinned.output.splitlines() if account.name in one]
        assert line.startswith(f"{account.name}: {snapshot} (3 notes, ")
        assert line.endswith("unchanged since then, is pinned")
        (point,) = keeper.points(account)
        assert (point["snapshot"], point["pinned"], point["notes"]) == (snapshot, True, 3)
        again = keeper.must("backup", account.name, "--pin", "--json").json[account.name]
        assert (again["snapshot"], again["pinned"], again["unchanged"]) == (snapshot, True, True)
        assert len(keeper.files(account)) == 1
        assert counted_backups(keeper) == len(list(server.data_root.rglob("*.anki2.zst")))
        assert "can be restored: 3 notes" in keeper.must("restore-drill", account.name).output

    def test_tells_an_empty_collection_from_an_unchanged_one(
        self, keeper: Keeper, empty_account: Account
    ) -> None:
        taken = keeper.must("backup", empty_account.name, "--pin")
        assert taken.output == f"{empty_account.name}: empty\n"
        assert keeper.points(empty_account) == []

    def test_refuses_what_makes_no_sense(self, keeper: Keeper, account: Account) -> None:
        assert keeper.ctl("backup").exit_code == WRONG_USAGE
        assert keeper.ctl("backup", account.name, "--all").exit_code == WRONG_USAGE
        assert keeper.ctl("backups", "nobody").exit_code == NO_SUCH_USER
        offsite = keeper.ctl("backups", account.name, "--offsite")
        assert offsite.exit_code == FAILED
        assert "offsite_url" in offsite.errors
        assert "there is no restore point" in keeper.must("restore-drill", account.name).output


def counted_backups(keeper: Keeper) -> int:
    """Return how many backups `stats` tells, which `doctor --report` has to tell too."""
    disk = keeper.must("stats", "--json").json["disk"]
    assert keeper.must("doctor", "--report", "--json").json["sizes"]["backups"] == disk["backups"]
    many = disk["backups"]
    assert f"\n{many} backup{'s' if many > 1 else ''}: " in keeper.must("stats").output
    return int(many)


@pytest.mark.parametrize("afterwards", [False, True])
def test_a_pinned_point_outlasts_all_others(
    afterwards: bool, keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    before = keeper.backup(account) if afterwards else None
    keeper.must("backup", account.name, "--pin")
    for number in range(6):
        laptop.add_note(f"{number}", "")
        assert laptop.sync() == NO_CHANGES
        keeper.backup(account)
    # Four are recent; all of them are of one day.
    assert [point["notes"] for point in keeper.points(account)] == [9, 8, 7, 6, 3]
    pinned = keeper.points(account)[-1]
    assert pinned["pinned"]
    assert server.events("snapshot_taken")[-1]["notes"] == 9
    keeper.must("restore", account.name, before or pinned["snapshot"])


def test_only_what_is_there_now_is_pinned(keeper: Keeper, account: Account, laptop: Device) -> None:
    before = keeper.backup(account)
    laptop.add_note("newer", "")
    assert laptop.sync() == NO_CHANGES
    keeper.must("backup", account.name, "--pin")
    now, then = keeper.points(account)
    assert (now["pinned"], now["notes"]) == (True, 4)
    assert (then["pinned"], then["snapshot"]) == (False, before)


def test_a_terminal_shows_a_bar(operator: Operator) -> None:
    operator.add("anna")
    with on_a_terminal(operator, "backup", "--all") as terminal:
        terminal.expect("taking restore points")
        assert terminal.exit_code() == 0


@pytest.fixture
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An installation without a server."""
    operator = Operator(tmp_path_factory.mktemp("operator"))
    yield operator
    operator.clean_up()
