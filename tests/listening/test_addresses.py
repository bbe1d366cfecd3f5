"""IPv4, IPv6, several addresses, a Unix socket, any free port; and the file that tells them."""

import os
import signal
import socket
import stat

import pytest

from tests.control.operator import wait_until
from tests.listening.installed import Installed, UnixConnection, ask, ask_plainly
from tests.support.device import FULL_UPLOAD, Device

FAILED = 1


def is_well(host: str, port: int) -> bool:
    return ask_plainly(port, "GET", "/health", host).status == 200


def is_refused(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_wildcard_of_ipv6_takes_ipv4_along(installed: Installed) -> None:
    installed.set(host="::")
    installed.must("start")
    assert is_well("127.0.0.1", installed.port)
    assert is_well("::1", installed.port)
    assert installed.must("status", "--json").json["answering"] is True


def test_a_client_of_ipv4_is_known_by_its_address_there(installed: Installed) -> None:
    installed.set(host="::")
    installed.must("start")
    ask_plainly(installed.port, "GET", "/health", "127.0.0.1")
    assert "address=127.0.0.1 " in installed.log
    assert "ffff" not in installed.log


def test_the_wildcard_of_ipv4_leaves_ipv6_alone(installed: Installed) -> None:
    installed.set(host="0.0.0.0")
    installed.must("start")
    assert is_well("127.0.0.1", installed.port)
    assert is_refused("::1", installed.port)


@pytest.mark.parametrize("hosts", ["127.0.0.1, ::1", "0.0.0.0 ::"])
def test_several_addresses_are_listened_on_at_once(installed: Installed, hosts: str) -> None:
    installed.set(host=hosts)
    installed.must("start")
    assert is_well("127.0.0.1", installed.port)
    assert is_well("::1", installed.port)
    assert len(installed.addresses()) == 2
    installed.must("stop")
    assert is_refused("127.0.0.1", installed.port)
    assert is_refused("::1", installed.port)


def test_a_real_client_syncs_over_ipv6(installed: Installed, device: Device) -> None:
    installed.set(host="::1")
    assert f"http://[::1]:{installed.port}/" in installed.must("start").output
    device.login(f"http://[::1]:{installed.port}/", installed.add("anna"))
    device.add_note("over IPv6", "back")
    assert device.sync() == FULL_UPLOAD
    device.upload()


# A Unix socket


def test_a_unix_socket_has_exactly_the_mode_that_was_asked_for(installed: Installed) -> None:
    path = installed.folder / "own.sock"
    installed.set(unix_socket=path, unix_socket_mode="666")
    installed.must("start")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert ask(UnixConnection(path), "GET", "/health").status == 200
    assert is_well("127.0.0.1", installed.port)
    installed.must("stop")
    assert not path.exists()


def test_a_unix_socket_can_be_the_only_one(installed: Installed) -> None:
    path = installed.folder / "own.sock"
    installed.set(host="", unix_socket=path)
    started = installed.must("start")
    assert f"unix:{path}" in started.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert installed.addresses() == [f"unix:{path}"]
    assert is_refused("127.0.0.1", installed.port)
    assert installed.must("status", "--json").json["answering"] is True
    installed.must("restart")
    assert ask(UnixConnection(path), "GET", "/health").status == 200


def test_whoever_may_connect_there_is_believed_whom_it_speaks_for(installed: Installed) -> None:
    path = installed.folder / "own.sock"
    installed.set(host="", unix_socket=path)
    installed.must("start")
    connection = UnixConnection(path)
    connection.request("GET", "/health", headers={"X-Forwarded-For": "203.0.113.9"})
    assert connection.getresponse().status == 200
    connection.close()
    wait_until(lambda: "address=203.0.113.9" in installed.log)


def test_a_socket_file_that_a_killed_server_left_is_replaced(installed: Installed) -> None:
    path = installed.folder / "own.sock"
    installed.set(host="", unix_socket=path)
    installed.must("start")
    os.killpg(installed.server_pid(), signal.SIGKILL)
    wait_until(installed.is_stopped)
    assert path.exists()
    installed.must("start")
    assert ask(UnixConnection(path), "GET", "/health").status == 200


def test_what_is_no_stale_socket_is_never_removed(installed: Installed) -> None:
    document, busy = installed.folder / "thesis.txt", installed.folder / "busy.sock"
    document.write_text("of great value")
    with socket.socket(socket.AF_UNIX) as other_program:
        other_program.bind(str(busy))
        other_program.listen()
        for path, words in ((document, "no socket"), (busy, "in use")):
            installed.set(unix_socket=path)
            for command in ("start", "debug"):
                refused = installed.ctl(command)
                assert refused.exit_code == FAILED
                assert f"unix_socket: {path}" in refused.errors
                assert words in refused.errors
    assert document.read_text() == "of great value"
    assert busy.exists()


def test_a_socket_that_cannot_be_made_is_named(installed: Installed) -> None:
    for path in (installed.folder / "nowhere" / "own.sock", installed.folder / ("x" * 120)):
        installed.set(unix_socket=path)
        refused = installed.ctl("start")
        assert refused.exit_code == FAILED
        assert str(path) in refused.errors


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_what_is_no_host_name_is_said(installed: Installed, host: str) -> None:
    installed.set(host=host)
    refused = installed.ctl("start")
    assert refused.exit_code == FAILED
    assert f"cannot listen on {host}" in refused.errors


def test_there_must_be_somewhere_to_listen(installed: Installed) -> None:
    installed.set(host="")
    assert "nowhere to listen" in installed.ctl("start").errors


# Any free port


def test_any_free_port_is_told_by_a_file_and_by_the_control_script(
    installed: Installed, device: Device
) -> None:
    installed.set(port=0)
    started = installed.must("start")
    [url] = installed.addresses()
    assert url in started.output
    assert installed.must("status", "--json").json == {
        **installed.must("status", "--json").json,
        "answering": True,
        "url": url,
    }
    device.login(url, installed.add("anna"))
    installed.must("stop")
    assert not installed.address_file.exists()


def test_several_addresses_share_the_port_that_was_free(installed: Installed) -> None:
    installed.set(port=0, host="127.0.0.1, ::1")
    installed.must("start")
    ports = {url.rstrip("/").rpartition(":")[2] for url in installed.addresses()}
    assert len(ports) == 1


def test_the_file_of_a_killed_server_misleads_nobody(installed: Installed) -> None:
    installed.set(port=0)
    installed.must("start")
    [before] = installed.addresses()
    os.killpg(installed.server_pid(), signal.SIGKILL)
    wait_until(installed.is_stopped)
    assert installed.address_file.exists()
    installed.must("start")
    assert installed.addresses() != [before]


def test_the_addresses_can_be_written_elsewhere(installed: Installed) -> None:
    elsewhere = installed.folder / "where"
    installed.set(address_file=elsewhere)
    installed.must("start")
    assert elsewhere.read_text() == f"{installed.url}\n"
    assert not installed.address_file.exists()
    installed.set(address_file="/nowhere/at/all")
    refused = installed.ctl("debug", environment={"SYNCSERVER_DATA_ROOT": "/dev/null/data"})
    assert refused.exit_code != 0


def test_a_file_that_cannot_be_written_is_named(installed: Installed) -> None:
    installed.set(address_file="/nowhere/at/all")
    refused = installed.ctl("debug")
    assert refused.exit_code == FAILED
    assert "address_file: /nowhere/at/all" in refused.errors
    assert installed.is_stopped()
