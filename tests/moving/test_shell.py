"""ctl.py shell: an operator's code on a copy, under the lease, kept whole or not at all."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import NewDevice
from tests.control.test_terminal import Terminal
from tests.moving.conftest import Operating
from tests.support.accounts import Account
from tests.support.device import FULL_SYNC, NO_CHANGES, Device
from tests.support.media_server import wait_until
from tests.support.moving_server import MovingServer
from tests.support.raw_client import CLIENT_VERSION, RawClient

OPTIONS = {"sync_wait": 1, "api_wait": 1, "takeover_after": 300}
ADD = (
    "note = col.new_note(col.models.by_name('Basic'))\n"
    "note.fields[0] = 'by hand'\n"
    "col.add_note(note, 1)\n"
)


def test_what_is_committed_reaches_every_device(
    server: MovingServer, account: Account, laptop: Device, operating: Operating
) -> None:
    with operating():
        result = server.must("shell", account.name, "--commit", stdin=ADD)
    assert result.errors == "committed\n"
    assert laptop.sync() == NO_CHANGES
    assert sorted(laptop.fields(note)[0] for note in laptop.col.find_notes("")) == [
        "by hand",
        "one",
        "two",
    ]
    laptop.add_note("afterwards", "")
    assert laptop.sync() == NO_CHANGES
    assert laptop.check_database() == ""
    assert len(server.backups(account)) == 1


def test_without_commit_nothing_is_changed(
    server: MovingServer, account: Account, laptop: Device, operating: Operating
) -> None:
    before = server.query(account, "select * from col")
    with operating():
        for arguments in ((), ("--discard",)):
            result = server.must("shell", account.name, *arguments, stdin=ADD)
            assert "discarded" in result.errors
    assert server.query(account, "select * from col") == before
    assert server.notes(account) == ["one", "two"]
    assert server.unfinished(account) == []


def test_one_command_shows_its_value(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    result = server.must("shell", account.name, "--command", "col.note_count()")
    assert (result.output, result.errors) == ("2\n", "")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (f"{ADD}1 / 0", "ZeroDivisionError"),
        (f"{ADD}import sys; sys.exit(1)", ""),
        ("is no python", "SyntaxError"),
        (f"{ADD}exit(3)", ""),
        (f"{ADD}import sys; sys.exit('nothing to do')", "nothing to do\n"),
    ],
)
def test_after_an_error_nothing_is_kept(
    server: MovingServer, account: Account, laptop: Device, code: str, shown: str
) -> None:
    result = server.ctl("shell", account.name, "--commit", stdin=code)
    assert result.exit_code == (3 if "exit(3)" in code else 1)
    assert shown in result.errors
    assert "syncserver/control" not in result.errors, "the traceback is the operator's own"
    assert server.notes(account) == ["one", "two"]


def test_whatever_the_code_does_to_its_copy_the_collection_stays_sound(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    wipe = "open(col.path, 'wb').write(b'no database')"
    trigger = "col.db.execute('create trigger t after insert on notes begin select 1; end')"
    for code in (f"col.close()\n{wipe}", trigger, "col.db.execute('drop table notes')"):
        result = server.ctl("shell", account.name, "--commit", "--command", code)
        assert result.exit_code == 1, code
    assert server.notes(account) == ["one", "two"]
    assert laptop.sync() == NO_CHANGES


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("drop table notes", "no such table: notes"),
        ("alter table cards drop column flags", "no such column: flags"),
        ("create trigger t after insert on notes begin select 1; end", "contains a trigger"),
    ],
)
def test_an_operator_is_told_that_the_changes_were_dropped_and_what_was_wrong(
    server: MovingServer,
    account: Account,
    laptop: Device,
    operating: Operating,
    statement: str,
    wrong: str,
) -> None:
    code = f"col.db.execute({statement!r})"
    with operating():
        result = server.ctl("shell", account.name, "--commit", "--command", code)
    assert result.exit_code == 1
    assert result.errors.startswith("the changes were dropped: ")
    assert wrong in result.errors
    assert "Check Database" not in result.errors
    assert server.notes(account) == ["one", "two"]
    assert server.unfinished(account) == []


def test_code_that_closes_the_collection_or_checks_it_is_no_problem(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    server.must("shell", account.name, "--commit", stdin=f"{ADD}print(col.fix_integrity())\n")
    server.must("shell", account.name, "--commit", stdin="col.close()\n")
    assert server.notes(account) == ["by hand", "one", "two"]
    assert server.unfinished(account) == []


def test_changes_by_sql_reach_devices_if_they_are_stamped(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    code = "col.db.execute('update cards set flags = 2, usn = (select usn from col)')"
    server.must("shell", account.name, "--commit", "--command", code)
    assert laptop.sync() == NO_CHANGES
    assert laptop.db.list("select flags from cards") == [2, 2]


def test_a_changed_schema_is_said_to_need_a_full_sync(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    code = (
        "basic = col.models.by_name('Basic')\n"
        "col.models.add_field(basic, col.models.new_field('Third'))\n"
        "col.models.update_dict(basic)\n"
    )
    result = server.must("shell", account.name, "--commit", stdin=code)
    assert "every device will have to do a full sync" in result.errors
    assert laptop.sync() == FULL_SYNC


# Beside others


@contextmanager
def open_shell(server: MovingServer, account: Account) -> Iterator["subprocess.Popen[str]"]:
    """Somebody is in the middle of code in a shell; it goes on when the input is closed."""
    wait = f"{ADD}print('here', flush=True)\nimport time; time.sleep(60)"
    shell = server.begin("shell", account.name, "--commit", "--command", wait)
    assert shell.stdout is not None
    try:
        readable, _, _ = select.select([shell.stdout], [], [], 60)
        assert readable
        assert "here" in shell.stdout.readline()
        yield shell
    finally:
        shell.kill()
        shell.communicate()


def test_meanwhile_the_users_syncs_get_409_and_others_notice_nothing(
    server: MovingServer, account: Account, laptop: Device, unused_device: NewDevice
) -> None:
    other = server.new_account()
    device = unused_device("other").login(server.url, other)
    client = RawClient(server.url).login(account)
    with open_shell(server, account):
        assert client.call("meta", {"v": 11, "cv": CLIENT_VERSION}).status == 200
        start = client.call("start", {"minUsn": 0, "lnewer": False, "graves": None})
        assert start.status == 409
        device.add_note("undisturbed", "")
        device.sync()
        device.upload()
        assert server.ctl("shell", account.name, "--command", "1").exit_code == 1
    wait_until(lambda: client_may_start(server, account), "the lease is given back")


def client_may_start(server: MovingServer, account: Account) -> bool:
    client = RawClient(server.url).login(account)
    client.call("meta", {"v": 11, "cv": CLIENT_VERSION})
    started = client.call("start", {"minUsn": 0, "lnewer": False, "graves": None})
    client.call("abort", {})
    return started.status == 200


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_shell_that_is_ended_from_outside_changes_nothing(
    server: MovingServer, account: Account, laptop: Device, sign: signal.Signals
) -> None:
    with open_shell(server, account) as shell:
        shell.send_signal(sign)
        shell.wait(30)
    wait_until(lambda: client_may_start(server, account), "the lease is given back")
    assert server.notes(account) == ["one", "two"]
    wait_until(lambda: server.unfinished(account) == [], "the copy is removed")
    assert laptop.sync() == NO_CHANGES


def test_a_server_that_stops_does_not_wait_for_a_shell(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    with open_shell(server, account):
        assert server.stop() == 0
    server.start()
    assert server.notes(account) == ["one", "two"]


def test_a_sync_in_progress_is_waited_for_but_not_for_ever(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    client = RawClient(server.url).login(account)
    client.call("meta", {"v": 11, "cv": CLIENT_VERSION})
    assert client.call("start", {"minUsn": 0, "lnewer": False, "graves": None}).status == 200
    for command in (("shell", account.name, "--command", "1"), ("sql", account.name, "select 1")):
        result = server.ctl(*command)
        assert result.exit_code == 1
        assert "Another device is syncing" in result.errors
    assert client.call("abort", {}).status == 200
    server.must("sql", account.name, "select 1")


# On a terminal


class Operator:
    """What the terminal of other tests needs to know of a server."""

    def __init__(self, server: MovingServer) -> None:
        self.config = server.config


class Prompt(Terminal):
    """A shell on a terminal, read word by word."""

    def __init__(self, server: MovingServer, account: Account) -> None:
        super().__init__(Operator(server), "shell", account.name)  # type: ignore[arg-type]
        self._read_to = 0

    def expect(self, text: str) -> None:
        """Read until `text` is shown, after all that was expected so far."""
        while (found := self.shown.find(text, self._read_to)) < 0:
            assert self._read(), f"{text!r} was not shown, but {self.shown!r}"
        self._read_to = found + len(text)


@pytest.mark.parametrize(("answer", "kept"), [("y", True), ("n", False)])
def test_at_a_prompt_it_is_asked_at_the_end(
    server: MovingServer, account: Account, laptop: Device, answer: str, kept: bool
) -> None:
    terminal = Prompt(server, account)
    try:
        terminal.expect(f"`col` is the collection of {account.name}")
        for line in ("1 / 0", *ADD.splitlines()):
            terminal.expect(">>> ")
            terminal.type(line)
        terminal.expect(">>> ")
        terminal.type("exit()")
        terminal.expect("Keep the changes?")
        terminal.type(answer)
        assert terminal.exit_code() == 0
    finally:
        terminal.close()
    assert ("by hand" in server.notes(account)) is kept


def test_a_look_around_is_not_asked_about(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    terminal = Prompt(server, account)
    try:
        terminal.expect(">>> ")
        terminal.type("col.note_count()")
        terminal.expect("2")
        terminal.expect(">>> ")
        os.write(terminal._terminal, b"\x04")
        assert terminal.exit_code() == 0
        assert "Keep" not in terminal.shown
    finally:
        terminal.close()
    assert server.backups(account) == []


def test_ctrl_c_at_the_question_keeps_nothing(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    terminal = Prompt(server, account)
    try:
        for line in (*ADD.splitlines(), "exit()"):
            terminal.expect(">>> ")
            terminal.type(line)
        terminal.expect("Keep the changes?")
        os.write(terminal._terminal, b"\x03")
        terminal.exit_code()
        assert "discarded" in terminal.shown
    finally:
        terminal.close()
    assert server.notes(account) == ["one", "two"]


# sql and copy


def test_sql_shows_tables_and_json(
    server: MovingServer, account: Account, laptop: Device, operating: Operating
) -> None:
    with operating():
        plain = server.must("sql", account.name, "select ord, usn as n from cards")
        document = server.must("sql", account.name, "select sfld, null from notes", "--json")
    assert plain.output.split() == ["ord", "n", "0", "0", "0", "0"]
    assert json.loads(document.output) == {
        "columns": ["sfld", "null"],
        "rows": [["one", None], ["two", None]],
        "complete": True,
    }


def test_sql_knows_the_collation_of_names(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    rows = server.query(account, "select name from notetypes where name = 'BASIC' order by name")
    assert rows == [["Basic"]]


def test_long_results_are_cut_with_a_note(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    numbers = (
        "with recursive n(i) as (select 1 union all select i + 1 from n limit 1500) select i from n"
    )
    cut = server.must("sql", account.name, numbers)
    assert len(cut.output.split()) == 1001
    assert "more than 1000 rows" in cut.errors
    assert len(server.must("sql", account.name, numbers, "--limit", "0").output.split()) == 1501


@pytest.mark.parametrize(
    "statement",
    [
        "update notes set flds = 'x'",
        "delete from cards",
        "insert into graves values (1, 2, 3)",
        "create table t (x)",
        "create temp table t (x)",
        "drop table notes",
        "pragma journal_mode = delete",
        "pragma query_only = off",
        "attach '{folder}/other.db' as other",
        "vacuum into '{folder}/other.db'",
        "vacuum",
        "begin",
        "with x as (select 1) delete from notes",
    ],
)
def test_sql_refuses_to_write(
    server: MovingServer, account: Account, laptop: Device, tmp_path: Path, statement: str
) -> None:
    result = server.ctl("sql", account.name, statement.format(folder=tmp_path))
    assert result.exit_code == 1
    assert result.errors == "sql only reads; ctl.py shell changes collections\n"
    assert not (tmp_path / "other.db").exists()
    assert server.notes(account) == ["one", "two"]


@pytest.mark.parametrize("statement", ["select", "select nothing", "select 1; select 2", ""])
def test_wrong_sql_is_explained(
    server: MovingServer, account: Account, laptop: Device, statement: str
) -> None:
    result = server.ctl("sql", account.name, statement)
    if statement:
        assert result.exit_code == 1
        assert result.errors.startswith("SQL: ")
    else:
        assert result.output == "no result\n"


def test_a_query_without_end_is_ended_by_ctrl_c(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    query = server.begin("sql", account.name, endless)
    wait_until(lambda: server.unfinished(account), "the query has its copy")
    with pytest.raises(subprocess.TimeoutExpired):
        query.communicate(timeout=3)
    query.send_signal(signal.SIGINT)
    _output, errors = query.communicate(timeout=60)
    assert query.returncode != 0
    assert "Traceback" not in errors
    wait_until(lambda: server.unfinished(account) == [], "the copy is removed")


def test_a_copy_is_a_whole_collection(
    server: MovingServer,
    account: Account,
    laptop: Device,
    operating: Operating,
    tmp_path: Path,
) -> None:
    target = tmp_path / "copy.anki2"
    with operating():
        assert "(2 notes)" in server.must("copy", account.name, target).output
        refused = server.ctl("copy", account.name, target)
        assert (refused.exit_code, "--force" in refused.errors) == (1, True)
        server.must("copy", account.name, target, "--force")
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("*copy*")) == ["copy.anki2"]
    other = server.new_account()
    server.must("import", other.name, target)
    assert server.notes(other) == ["one", "two"]


def test_a_damaged_collection_is_not_copied_as_if_it_were_sound(
    server: MovingServer, account: Account, laptop: Device, tmp_path: Path
) -> None:
    server.stop()
    stored = server.stored_collection(account)
    stored.write_bytes(stored.read_bytes()[:5000] + bytes(10_000))
    for command in ("copy", "export"):
        result = server.ctl(command, account.name, tmp_path / "x.colpkg")
        assert result.exit_code == 1
        assert "damaged" in result.errors
    server.start()
    assert list(tmp_path.glob("*.colpkg*")) == []


@pytest.mark.parametrize(
    "command", [("shell",), ("sql", "select 1"), ("copy", "x"), ("export", "x.colpkg")]
)
def test_nobody_is_not_found(server: MovingServer, command: tuple[str, ...]) -> None:
    result = server.ctl(command[0], "nobody", *command[1:])
    assert result.exit_code == 67
    assert "there is no user called 'nobody'" in result.errors
