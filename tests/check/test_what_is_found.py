"""`ctl.py check` finds each defect that was really made, and says what to do about it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncserver.collections.folders import UserFolder
from syncserver.collections.restore_points import restore_points
from tests.check.conftest import CLEAN, FOUND, Check, run_check
from tests.support.accounts import Account
from tests.support.device import FULL_SYNC, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer
from tests.support.faults_small_disk import small_disk
from tests.support.raw_client import RawClient
from tests.support.stored_files import change

PAGE = 4096
SOMEBODY_ELSE = 12345
DAY = 86_400
META = {"v": 11, "cv": "test"}


def overwrite_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3 * PAGE : -2 * PAGE] = b"\xaa" * (len(content) - 5 * PAGE)
    path.write_bytes(content)


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


# The whole


def test_a_sound_server_is_clean_running_and_stopped(
    server: WatchedServer, device: Device, check: Check
) -> None:
    for arguments in ((), ("--quick",)):
        assert check(*arguments).exit_code == CLEAN, check(*arguments)
    device.add_note("afterwards", "back")
    assert device.sync() == NO_CHANGES
    server.stop()
    for arguments in ((), ("--quick",)):
        checked = check(*arguments)
        assert (checked.exit_code, checked.json["clean"]) == (CLEAN, True)
        assert checked.json["users"] == 1
    server.start()


def test_people_read_what_is_wrong_and_what_to_do(
    server: WatchedServer, device: Device, closed: Path
) -> None:
    assert "nothing wrong; the data of 1 user looked at" in run_check(server.config).output
    os.chmod(server.data_root, 0o755)
    checked = run_check(server.config)
    assert checked.exit_code == FOUND
    assert f"warning: {server.data_root}: other users of this computer" in checked.output
    assert f"    → chmod 700 {server.data_root}" in checked.output
    assert "1 warning; the data of 1 user looked at" in checked.output


def test_one_users_data_can_be_looked_at(
    server: WatchedServer, account: Account, device: Device, closed: Path, check: Check
) -> None:
    other = server.new_account()
    overwrite_pages(closed)
    assert check(other.name).exit_code == CLEAN
    assert check(account.name).only(account.name)
    assert check("nobody").exit_code == 67


def test_a_sync_in_progress_is_not_ended(
    server: WatchedServer, account: Account, device: Device, check: Check
) -> None:
    client = RawClient(server.url).login(account)
    told = client.expect("meta", META)
    client.expect("start", {"minUsn": told["usn"], "lnewer": True, "graves": None})
    assert "a device is syncing" in check().only(account.name)["problem"]
    client.expect("finish")
    assert check().exit_code == CLEAN


# Files


def test_a_data_root_that_others_may_look_into(server: WatchedServer, check: Check) -> None:
    server.new_account()
    os.chmod(server.data_root, 0o750)
    assert check().only("data")["remedy"] == f"chmod 700 {server.data_root}"


def test_files_that_are_somebody_elses(
    server: WatchedServer, account: Account, device: Device, check: Check
) -> None:
    if os.geteuid():
        pytest.skip("only root may give files away")
    backups = list((server.user_folder(account) / "backups").iterdir())
    os.chown(server.user_folder(account) / "media.db", SOMEBODY_ELSE, SOMEBODY_ELSE)
    os.chown(backups[0], SOMEBODY_ELSE, SOMEBODY_ELSE)
    quick, deep = check("--quick"), check()
    assert "chown" in quick.only("media.db")["remedy"]
    assert [len(deep.about(name)) for name in ("media.db", backups[0].name)] == [1, 1]


def test_many_files_of_somebody_else_are_counted(
    server: WatchedServer, account: Account, device: Device, check: Check
) -> None:
    if os.geteuid():
        pytest.skip("only root may give files away")
    folder = server.user_folder(account) / "backups"
    for number in range(20):
        path = folder / f"{number}.txt"
        path.write_bytes(b"")
        os.chown(path, SOMEBODY_ELSE, SOMEBODY_ELSE)
    problems = [one["problem"] for one in check().about("data")]
    assert len(problems) == 6
    assert "15 more files" in problems[-1]


def test_files_that_even_the_server_may_not_write(
    server: WatchedServer, account: Account, device: Device, check: Check
) -> None:
    os.chmod(server.user_folder(account) / "media.db", 0o400)
    assert check("--quick").only("media.db")["severity"] == "error"


def test_a_data_root_that_is_not_the_servers(tmp_path: Path, check: Check) -> None:
    if os.geteuid():
        pytest.skip("only root may give files away")
    config = tmp_path / "server" / "server.ini"
    data_root = config.parent / "data"
    os.chown(data_root, SOMEBODY_ELSE, SOMEBODY_ELSE)
    checked = check("--quick")
    assert checked.exit_code == FOUND
    assert next(one["where"] for one in checked.about("data")) == str(data_root)


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    config = tmp_path / "production.ini"
    with small_disk(tmp_path / "disk", 64):
        config.write_text(f"[DEFAULT]\ndata_root = {tmp_path / 'disk' / 'data'}\n{SERVER_SECTIONS}")
        prepare(config)
        finding = run_check(config, "--json").only("disk of")
    assert (finding["severity"], "MB free" in finding["problem"]) == ("error", True)
    assert "make room" in finding["remedy"]


def test_a_control_socket_that_is_gone(server: WatchedServer, check: Check) -> None:
    server.new_account()
    (server.data_root / "control.sock").unlink()
    places = [one["where"] for one in check().json["findings"] if one["severity"] == "error"]
    assert places == ["control.sock", "collections and media"]


def test_a_clock_that_went_back(closed: Path, check: Check) -> None:
    in_two_days = closed.stat().st_mtime + 2 * DAY
    os.utime(closed, (in_two_days, in_two_days))
    assert "files here were changed" in check("--quick").only("clock")["problem"]


# Accounts


def test_a_folder_of_nobody(server: WatchedServer, device: Device, check: Check) -> None:
    (server.data_root / "users" / "ghost").mkdir(mode=0o700)
    (server.data_root / "users" / ".old.removed").mkdir(mode=0o700)
    assert "nobody who has an account" in check().only("users/ghost")["problem"]


def test_a_user_whose_folder_is_gone(
    server: WatchedServer, account: Account, device: Device, check: Check
) -> None:
    assert check("--quick").exit_code == CLEAN
    server.stop()  # writes down that the device has synced
    server.user_folder(account).rename(server.data_root / "set aside")
    assert "the folder is gone" in check("--quick").only(account.name)["problem"]
    (server.data_root / "set aside").rename(server.data_root / "users" / account.name)
    server.start()


def test_an_account_database_of_a_newer_program(
    server: WatchedServer, device: Device, check: Check
) -> None:
    server.stop()
    run_sql(server.data_root / "accounts.db", "update alembic_version set version_num = '9999'")
    assert "newer than this program" in check().only("account database")["problem"]
    run_sql(server.data_root / "accounts.db", "update alembic_version set version_num = '0001'")
    assert "start or restart the server" in check().only("account database")["remedy"]


def test_a_damaged_account_database(server: WatchedServer, device: Device, check: Check) -> None:
    server.stop()
    accounts = server.data_root / "accounts.db"
    sound = accounts.read_bytes()
    accounts.write_bytes(sound[:PAGE] + b"\xaa" * (len(sound) - PAGE))
    assert check().only("account database")["severity"] == "error"
    accounts.write_bytes(b"no database at all" * 100)
    assert check().only("account database")["severity"] == "error"
    accounts.write_bytes(sound)


# Collections, media, backups


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_damaged_pages_of_a_collection(
    running: bool,
    server: WatchedServer,
    account: Account,
    device: Device,
    closed: Path,
    check: Check,
) -> None:
    if not running:
        server.stop()
    overwrite_pages(closed)
    damaged = closed.read_bytes()
    finding = check().only(account.name)
    assert finding["severity"] == "error"
    assert "restore a backup" in finding["remedy"]
    assert closed.read_bytes() == damaged, "a check mends nothing"
    if not running:
        server.start()


def test_who_syncs_is_told_of_damage_that_a_check_has_found(
    server: WatchedServer, device: Device, closed: Path, check: Check
) -> None:
    overwrite_pages(closed)
    assert check().exit_code == FOUND
    assert device.auth is not None
    device.add_note("later", "back")
    answer = device.col.sync_collection(device.auth, sync_media=False)
    assert "damaged" in answer.server_message
    assert answer.required == FULL_SYNC


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_a_collection_that_is_none(
    content: bytes, account: Account, closed: Path, check: Check
) -> None:
    closed.write_bytes(content)
    for arguments in ((), ("--quick",)):
        assert check(*arguments).only(account.name)["severity"] == "error"


def test_rows_that_no_sync_could_pass_with(account: Account, closed: Path, check: Check) -> None:
    change(closed, "update cards set usn = -1 where id = (select min(id) from cards)")
    assert "1 rows of cards have no usn" in check().only(account.name)["problem"]
    change(closed, "update cards set usn = 999 where usn = -1")
    assert "usn above the collection's" in check().only(account.name)["problem"]


def test_what_anki_itself_would_mend(account: Account, closed: Path, check: Check) -> None:
    change(closed, "update cards set did = 12345 where id = (select min(id) from cards)")
    finding = check().only(account.name)
    assert finding["problem"] == "Anki would mend: Fixed 1 missing deck."
    assert "Check Database" in finding["remedy"]


def test_missing_and_changed_media(
    server: WatchedServer, account: Account, device: Device, check: Check
) -> None:
    folder = server.user_folder(account) / "media"
    (folder / "one.png").unlink()
    problem = check("--quick").only(account.name)
    assert "1 media files are missing, such as 'one.png'" in problem["problem"]
    assert f"ctl.py media check {account.name} --fix" in problem["remedy"]
    content = (folder / "two.png").read_bytes()
    (folder / "two.png").unlink()
    (folder / "two.png").write_bytes(content[::-1])
    (folder / "two.png").chmod(0o600)
    assert len(check("--quick").about(account.name)) == 1
    assert len(check().about(account.name)) == 2


def test_a_backup_that_could_not_be_restored(
    server: WatchedServer, account: Account, device: Device, check: Check
) -> None:
    newest = restore_points(UserFolder(server.user_folder(account)))[-1]
    content = newest.path.read_bytes()
    newest.path.write_bytes(content[: len(content) // 2])
    finding = check().only(account.name)
    assert newest.id in finding["problem"]
    assert check("--quick").exit_code == CLEAN


# Configuration

SERVER_SECTIONS = """
[app:main]
use = egg:syncserver#main

[server:main]
use = egg:syncserver#server
"""


def prepare(config: Path) -> None:
    """Make the data root and the accounts, as the server would."""
    done = run_check(config, "--json")
    assert done.exit_code == FOUND
    assert done.about("data")[0]["problem"] == "is missing"
    from syncserver.control.installation import open_accounts, open_installation

    with open_accounts(open_installation(config)):
        pass


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose server was never started."""
    path = tmp_path / "production.ini"
    path.write_text(f"[DEFAULT]\ndata_root = {tmp_path / 'data'}\n{SERVER_SECTIONS}")
    prepare(path)
    return path


def with_options(config: Path, *options: str, section: str = "DEFAULT") -> Path:
    head = f"[{section}]\n"
    config.write_text(config.read_text().replace(head, head + "\n".join(options) + "\n"))
    return config


def test_a_sound_configuration_is_clean(config: Path) -> None:
    assert run_check(config).exit_code == CLEAN


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_colection_bytes = 3", "max_colection_bytes: there is no such option"),
        ("sync_timeout = soon", "sync_timeout"),
        ("trusted_proxies = my proxy", "trusted_proxies"),
        ("[server:main]", "already exists"),
        ("this is no option", "production.ini"),
        ("[app:main2]\nuse = egg:syncserver#nothing\n[composite:main]\n/ = x", "production.ini"),
    ],
)
def test_an_ini_file_with_which_no_server_starts(line: str, words: str, config: Path) -> None:
    config.write_text(f"{config.read_text()}\n" if line[0] == "[" else config.read_text())
    if line[0] == "[":
        config.write_text(f"{config.read_text()}{line}\n")
    else:
        with_options(config, line)
    finding = run_check(config, "--json").only("production.ini")
    assert words in finding["problem"]


def test_two_mistakes_are_two_findings(config: Path) -> None:
    with_options(config, "one = 1", "two = 2")
    assert len(run_check(config, "--json").about("production.ini")) == 2


@pytest.mark.parametrize(
    "options",
    [
        ["max_media_zip_bytes = 1MB"],
        ["media_quota = 1MB"],
        ["max_collection_bytes = 1MB"],
        ["takeover_after = 20", "sync_timeout = 19"],
        ["sync_wait = 5"],
        ["max_requests = 256"],
        ["max_requests_per_user = 0"],
        ["max_requests_per_address = 300"],
        ["trusted_proxies = 0.0.0.0/0"],
        ["public_url = https://anki.example.org/sync/"],
    ],
)
def test_options_that_do_not_fit_together(options: list[str], config: Path) -> None:
    with_options(config, *options)
    finding = run_check(config, "--json").only("production.ini")
    assert options[0].split()[0] in finding["problem"] + finding["remedy"]


def test_an_address_that_no_device_reaches(config: Path) -> None:
    with_options(config, "public_url = http://localhost:8080/")
    assert run_check(config).exit_code == CLEAN
    with_options(config, "host = 0.0.0.0", section="server:main")
    assert "localhost" in run_check(config, "--json").only("production.ini")["problem"]


def test_a_password_that_everybody_may_read(config: Path, tmp_path: Path) -> None:
    url = "postgresql://anna:geheim@127.0.0.1:1/none"
    os.chmod(with_options(config, f"database_url = {url}"), 0o644)
    checked = run_check(config, "--json")
    assert checked.about("production.ini")[0]["remedy"] == f"chmod 600 {config}"
    assert "geheim" not in checked.output
    os.chmod(config, 0o600)
    assert not run_check(config, "--json").about("production.ini")


@pytest.mark.parametrize(
    ("option", "section"),
    [
        ("metrics_token = geheim", "DEFAULT"),
        ("offsite_secret_key = geheim", "DEFAULT"),
        ("first_password = geheim", "server:main"),
    ],
)
def test_every_option_that_is_a_secret_is_one_in_a_file_that_others_may_read(
    option: str, section: str, config: Path, tmp_path: Path
) -> None:
    os.chmod(with_options(config, option, section=section), 0o644)
    checked = run_check(config, "--json")
    assert "everybody" in checked.only("production.ini")["problem"]
    assert "geheim" not in checked.output
    secret_file = tmp_path / "secret"
    secret_file.write_text("geheim")
    os.chmod(secret_file, 0o644)
    name = f"SYNCSERVER_{option.split(maxsplit=1)[0].upper()}"
    told = run_check(config, "--json", **{f"{name}_FILE": str(secret_file)})
    assert told.only("secret")["remedy"] == f"chmod 600 {secret_file}"
    assert not run_check(config, "--json", **{name: "geheim"}).about("production.ini")


def test_a_variable_of_no_option(config: Path) -> None:
    told = run_check(config, "--json", SYNCSERVER_FROBNICATE="1", SYNCSERVER_SERVICE_HOST="::1")
    assert "no effect" in told.only("SYNCSERVER_FROBNICATE")["problem"]
    misspelt = run_check(config, "--json", SYNCSERVER_HOTS="::")
    assert "did you mean SYNCSERVER_HOST?" in misspelt.only("production.ini")["problem"]


def test_a_database_that_does_not_answer(config: Path) -> None:
    os.chmod(with_options(config, "database_url = postgresql://a:b@127.0.0.1:1/none"), 0o600)
    assert "cannot be used" in run_check(config, "--json").only("account database")["problem"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    checked = run_check(tmp_path / "production.ini")
    assert checked.exit_code == 78
    assert "copy example.ini" in checked.errors
