"""A report holds what helps, and nothing of what was planted wherever a name or a secret may stand."""

import getpass
import json
import socket
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from syncserver.control.installation import open_installation
from syncserver.control.report.checks import UNKNOWN, quick_checks
from syncserver.control.report.masking import Masker
from tests.control.operator import Operator
from tests.support.device import Device
from tests.support.media_device import sync_media, write_media
from tests.support.processes import free_port
from tests.support.raw_client import RawClient
from tests.support.somebody_else import somebody_else

# In every name, password and text of these tests, and nowhere else.
MARK = "planted"

TEXT_FAILURE = f"""\
timestamp=2026-11-21T10:00:00.000000Z level=error event=request_failed request_id=abc user=x
  Traceback (most recent call last):
    File "/srv/{MARK}/lib/python3.11/site-packages/anki/collection.py", line 17, in db
      secret = "{MARK}"
    File "/srv/{MARK}/syncserver/sync/start.py", line 7, in start
  sqlite3.DatabaseError: malformed {MARK}
  {MARK} on a line of its own: {MARK}
thread '<unnamed>' panicked at '{MARK}'
"""
# Sentences as they stand in causes and problems, with the mark where people's things may be.
SENTENCES = [
    f"{MARK} is no number",
    f"it is '{MARK} thing'",
    f'a deck called "{MARK} \\" {MARK}" is damaged',
    f"/srv/{MARK}/users: no such file",
    f"{MARK}@example.org wrote to {MARK}.example.org",
    f"https://{MARK}:{MARK}@host/{MARK} refused",
    f"the user {MARK} Änne is away",
    f"key {MARK}0123456789abcdefghij and {MARK}_x",
    "somebody at 127.0.0.1 or [::1]:80",
    f"ошибка {MARK}ы",
]
JSON_FAILURE = {
    "timestamp": "2026-11-21T10:00:00.000000Z",
    "level": "error",
    "event": "request_failed",
    "user": MARK,
    "exception": [
        {
            "exc_type": "CollectionDamaged",
            "exc_value": MARK,
            "frames": [{"filename": f"/{MARK}/syncserver/x/y.py", "lineno": 5, "name": "open"}],
        }
    ],
}


@pytest.fixture(params=["text", "json"])
def planted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """An installation in which everything that may be told nobody has a mark."""
    operator = Operator(tmp_path)
    operator.config.write_text(
        operator.config.read_text().replace(
            "[server:main]",
            f"log_format = {request.param}\n"
            f"server_name = {MARK} title\n"
            f"public_url = https://{MARK}.example.org:8443/{MARK}path/\n"
            f"allowed_hosts = {MARK}.example.net\n"
            f"cors_origins = https://{MARK}.example.com\n"
            f"database_url = sqlite:///%(here)s/data/{MARK}.db\n"
            f"sync_wait = 7\n"
            f"[server:main]\nlog_file = {MARK}.log\n",
        )
    )
    yield operator
    operator.clean_up()


def use_it(operator: Operator, folder: Path) -> list[str]:
    """Do what leaves traces in files and in the log; return the keys that were given out."""
    operator.must("start")
    account = operator.add(f"{MARK} Änne", f"{MARK}password")
    operator.add("al", "other")  # a name that is short, and a part of words
    operator.must("token", "add", account.name, "--name", f"{MARK}token")
    device = Device(folder / "device").login(operator.url, account)
    device.add_deck(f"{MARK}deck")
    device.add_note(f"{MARK}front [sound:{MARK}.mp3]", f"{MARK}back")
    write_media(device, f"{MARK}.mp3", MARK.encode())
    device.sync()
    device.upload()
    sync_media(device)
    assert device.auth
    key = device.auth.hkey
    device.close()
    misbehave(RawClient(operator.url))
    return [key, f"{MARK}password"]


def misbehave(client: RawClient) -> None:
    """Put the mark into every part of requests that may end up in the log."""
    client.call("hostKey", {"u": f"{MARK}stranger", "p": f"{MARK}guess"})
    client.call("hostKey", {MARK: MARK})
    client.call(f"{MARK}method")
    client.call(f"../api/v1/{MARK}/{MARK}?{MARK}={MARK}")
    client.call(f"../{MARK}")
    client.send_as_is(
        "meta", b"", sync_header=client.sync_header(k=f"{MARK}key", c=f"{MARK}client")
    )
    client.send_as_is("hostKey", MARK.encode(), sync_header=client.sync_header(c=f"{MARK},1,linux"))
    client.send_as_is("meta", b"", sync_header=MARK)
    client.host_key = f"{MARK}key"
    client.call("meta", {"v": 11, "cv": MARK})


def test_nothing_that_was_planted_gets_into_a_report(planted: Operator, tmp_path: Path) -> None:
    secrets = use_it(planted, tmp_path)
    log = planted.data_root / f"{MARK}.log"
    with log.open("a") as file:
        file.write(TEXT_FAILURE)
        file.write(json.dumps(JSON_FAILURE) + "\n")
        file.write(f"{MARK} said something\n")
        file.writelines(planted_lines())
    assert log.read_text().count(MARK) > 20
    for arguments in (("doctor", "--report"), ("doctor", "--report", "--json")):
        told = planted.must(*arguments)
        for text in (told.output, told.errors):
            assert MARK not in text.lower()
            for secret in (*secrets, str(tmp_path), "127.0.0.1", "Änne"):
                assert secret not in text
    assert_named_nobody(planted.must("doctor", "--report", "--json").json)


def planted_lines() -> Iterator[str]:
    """Yield fewer lines of the log than a report shows, in both formats."""
    sentences = product(("cause", "reason", "problem", "text"), SENTENCES)
    others = product(("answer", "remedy", "name", MARK), SENTENCES[:2])
    for number, (key, sentence) in enumerate((*sentences, *others)):
        time = f"2026-11-21T10:00:{number}Z"
        if number % 2:
            fields = {"timestamp": time, "level": "warning", "event": "request", key: sentence}
            yield json.dumps(fields) + "\n"
        else:
            quoted = json.dumps(sentence, ensure_ascii=False)
            yield f"timestamp={time} level=warning event={MARK} {key}={quoted}\n"


def test_sentences_keep_our_own_words_alone() -> None:
    masker = Masker(["anna", "Zoë Example"])
    assert masker.text("unknown or revoked host key") == "unknown or revoked host key"
    assert masker.text("more than 100000000 bytes") == "more than 100000000 bytes"
    assert masker.text("wrong_password of anna, zoë example") == "wrong_password of … …"
    assert masker.text("No space left on device") == "No space left on device"
    for sentence in SENTENCES:
        assert MARK not in masker.text(sentence)
        assert "127.0.0.1" not in masker.text(sentence)


def assert_named_nobody(report: dict[str, object]) -> None:
    """Fail if the machine or its user are named where that can be told from ordinary words."""
    told = json.dumps({**report, "versions": {}, "checks": {}})
    for name in {socket.gethostname(), getpass.getuser()}:
        assert f'"{name}' not in told
        assert f"={name} " not in told


def test_a_report_tells_what_helps(planted: Operator, tmp_path: Path) -> None:
    use_it(planted, tmp_path)
    with (planted.data_root / f"{MARK}.log").open("a") as file:
        file.write(TEXT_FAILURE)
    report = planted.must("doctor", "--report", "--json").json
    assert {"syncserver", "python", "sqlite", "anki", "granian"} <= report["versions"].keys()
    assert report["machine"]["memory_bytes"] > 0
    changed = report["configuration"]["changed"]
    assert changed["sync_wait"] == 7
    assert changed["database_url"] == "(sqlite)"
    assert changed["public_url"] == "https://(host):(port)/(path)/"
    assert changed["server_name"] == "(set)"
    assert changed["allowed_hosts"] == "(1 entries)"
    assert "sync_timeout" not in changed
    assert report["accounts"] == {"users": 2, "host_keys": 1, "api_tokens": 1}
    assert report["sizes"]["largest_collection_bytes"] > 50_000
    assert report["sizes"]["media_files"] == 1
    assert report["checks"]["server_answers"]
    assert report["log"]["events"]["login_failed"] == 1
    assert report["log"]["failures"] == [
        [
            "anki/collection.py:17 db",
            "syncserver/sync/start.py:7 start",
            "DatabaseError",
        ]
    ]
    lines = "\n".join(report["log"]["lines"])
    assert "event=upload_refused" not in lines
    assert "path=/sync/upload status=200" in lines
    assert "user=user-1" in lines
    assert 'cause="unknown or revoked host key"' in lines


def test_a_password_of_a_database_that_does_not_answer_stays_secret(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    url = f"postgresql://{MARK}user:{MARK}word@127.0.0.1:{free_port()}/{MARK}base"
    started = time.monotonic()
    told = operator.ctl("doctor", "--report", environment={"SYNCSERVER_DATABASE_URL": url})
    assert told.exit_code == 0
    assert MARK not in told.output + told.errors
    assert "database_url: (postgresql)" in told.output
    assert "database_url: environment" in told.output
    assert "accounts_readable: False" in told.output
    assert time.monotonic() - started < 60


def test_a_report_without_a_server_or_a_data_root_makes_neither(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    report = operator.must("doctor", "--report", "--json").json
    assert not operator.data_root.exists()
    assert report["accounts"] == {"problem": "there is no account database yet"}
    assert report["checks"]["server_running"] is False
    assert "journalctl" in report["log"]["note"]


def test_a_configuration_by_the_environment_alone_is_reported(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.config.unlink()
    variables = {"SYNCSERVER_DATA_ROOT": str(operator.data_root), "SYNCSERVER_SYNC_WAIT": "7"}
    told = operator.ctl("doctor", "--report", "--json", environment=variables)
    assert told.json["configuration"]["changed"]["sync_wait"] == 7
    assert told.json["configuration"]["from"]["sync_wait"] == "environment"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    told = operator.ctl(
        *("doctor", "--report", "--json"),
        environment={"SYNCSERVER_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"},
    )
    assert told.json["accounts"] == {"problem": "there is no account database yet"}
    assert not (tmp_path / "none.db").exists()


def test_a_database_url_that_cannot_be_used_leaves_the_rest_of_the_report(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    told = operator.ctl(
        *("doctor", "--report", "--json"), environment={"SYNCSERVER_DATABASE_URL": MARK}
    )
    assert MARK not in told.output + told.errors
    assert "database_url cannot be used" in told.json["accounts"]["problem"]
    assert told.json["checks"]["accounts_readable"] is False


def test_what_this_user_may_not_look_at_is_told_as_unknown(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.add("anna")
    installation = open_installation(operator.config)
    with somebody_else():
        told = quick_checks(installation, accounts_readable=False)
    assert told["server_running"] == told["data_root_exists"] == UNKNOWN
    assert quick_checks(installation, accounts_readable=True)["data_root_exists"] is True


def test_a_configuration_that_cannot_be_read_is_reported_without_its_text(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.config.write_text(f"[DEFAULT]\nsync_wait = {MARK}\n[server:main]\n")
    told = operator.must("doctor", "--report")
    assert MARK not in told.output + told.errors
    assert "it cannot be used" in told.output
    assert "syncserver: " in told.output
