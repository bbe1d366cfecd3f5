"""The files for other programs: what stands in the source folder, and what settings change."""

import configparser
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from syncserver.control import deploying
from syncserver.control.installation import open_installation
from syncserver.control.process import CLOSING_TIMEOUT
from syncserver.control.program import build_program
from syncserver.deploy.catalogue import KINDS, example_files
from syncserver.deploy.deployment import EXAMPLE, Deployment
from syncserver.deploy.directives import NotExpressible
from syncserver.deploy.template import fill_in
from syncserver.settings import ServerSettings, Settings

ROOT = Path(__file__).parents[2]
PROXIES = [name for name, kind in KINDS.items() if kind.is_proxy]
REGENERATE = "make deploy-files writes deploy/ and supervisor/ anew"


def deployment(**changes: Any) -> Deployment:
    """Return the example with other options of [DEFAULT]."""
    options = EXAMPLE.settings.model_dump() | changes
    return replace(EXAMPLE, settings=Settings.model_validate(options))


def text_of(kind: str, deployed: Deployment) -> str:
    return "".join(file.text(deployed) for file in KINDS[kind].files)


@pytest.mark.parametrize(("path", "text"), list(example_files()))
def test_the_source_folder_holds_what_the_templates_say(path: str, text: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == text, REGENERATE


def test_nothing_else_lies_in_the_folders_of_written_files() -> None:
    written = {path for path, _text in example_files()}
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in {Path(path).parts[0] for path in written}
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "docker" not in path.parts
    }
    assert found == written


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "public_url", ["", "https://anki.example.org/", "https://example.org:8443/some/path"]
)
def test_every_placeholder_is_filled_in(kind: str, public_url: str) -> None:
    assert "@{" not in text_of(kind, deployment(public_url=public_url))


def test_a_line_of_nothing_but_an_empty_value_goes_away() -> None:
    assert fill_in("a\n    @{gone}\nb @{empty}\n", {"gone": "", "empty": ""}) == "a\nb \n"


def test_a_value_of_several_lines_keeps_its_place() -> None:
    assert fill_in("a\n  @{two}\n", {"two": "b\nc"}) == "a\n  b\n  c\n"


def test_an_unknown_placeholder_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        fill_in("@{unknown}", {})


@pytest.mark.parametrize("kind", ["nginx", "apache", "apache-wsgi", "caddy"])
def test_a_proxy_lets_more_through_than_the_server_takes(kind: str) -> None:
    small = deployment(max_collection_bytes=100, max_request_bytes=200, max_media_zip_bytes="900MB")
    assert "1200" in text_of(kind, small)
    assert "1200" not in text_of(kind, EXAMPLE)


@pytest.mark.parametrize("kind", PROXIES)
def test_a_proxy_waits_longer_than_the_server(kind: str) -> None:
    assert "305s" in text_of(kind, deployment(sync_wait=25)).replace("timeout=305", "305s")


@pytest.mark.parametrize("kind", ["systemd", "supervisor", "apache-wsgi"])
def test_whoever_stops_the_server_gives_it_time(kind: str) -> None:
    slow = replace(EXAMPLE, server=ServerSettings(stop_timeout=500))
    assert slow.stop_seconds > 500 + CLOSING_TIMEOUT
    assert f"{slow.stop_seconds}" in text_of(kind, slow)


@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.parametrize(
    ("host", "called"),
    [
        *[("0.0.0.0", "127.0.0.1:9000"), ("::", "[::1]:9000"), ("10.0.0.5", "10.0.0.5:9000")],
        *[("127.0.0.1, ::1", "127.0.0.1:9000"), ("10.0.0.5 ::1", "[::1]:9000")],
    ],
)
def test_a_proxy_calls_the_server_where_it_listens(kind: str, host: str, called: str) -> None:
    assert called in text_of(kind, replace(EXAMPLE, server=ServerSettings(host=host, port=9000)))


@pytest.mark.parametrize(
    ("kind", "called"),
    [
        ("nginx", "proxy_pass http://unix:/run/syncserver/socket;"),
        ("apache", "unix:/run/syncserver/socket|http://localhost/"),
        ("caddy", "reverse_proxy unix//run/syncserver/socket {"),
        ("haproxy", "server syncserver unix@/run/syncserver/socket"),
        ("systemd", "ReadWritePaths=/srv/syncserver/app/data\nRuntimeDirectory=syncserver\n"),
    ],
)
def test_a_unix_socket_is_used_when_the_server_has_one(kind: str, called: str) -> None:
    server = ServerSettings(unix_socket="/run/syncserver/socket")
    text = text_of(kind, replace(EXAMPLE, server=server))
    assert called in text
    assert "127.0.0.1:8080" not in text


def test_a_relative_unix_socket_is_relative_to_the_data_root() -> None:
    server = ServerSettings(unix_socket="http.sock")
    assert "unix:/srv/syncserver/app/data/http.sock;" in text_of(
        "nginx", replace(EXAMPLE, server=server)
    )


@pytest.mark.parametrize(
    ("options", "reason"), [({"tls_certificate": "x.pem"}, "TLS itself"), ({"port": 0}, "port = 0")]
)
def test_a_server_that_no_proxy_can_stand_before_is_noticed(
    options: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    opened = open_installation(config)
    changed = replace(opened, server=ServerSettings.model_validate(options))
    monkeypatch.setattr(deploying, "open_installation", lambda _config: changed)
    assert call(config, "systemd").exit_code == 0
    assert reason in str(call(config, "nginx").exception)


def test_any_port_is_no_low_port() -> None:
    any_port = replace(EXAMPLE, server=ServerSettings(port=0))
    assert "CapabilityBoundingSet=\n" in text_of("systemd", any_port)


def test_a_socket_elsewhere_may_be_written() -> None:
    server = ServerSettings(unix_socket="/var/lib/anki/http.sock")
    text = text_of("systemd", replace(EXAMPLE, server=server))
    assert "ReadWritePaths=/srv/syncserver/app/data /var/lib/anki\n" in text
    assert "RuntimeDirectory" not in text


def test_the_unit_may_write_where_the_settings_say() -> None:
    server = ServerSettings(log_file="/var/log/syncserver/log", pid_file="other.pid")
    text = text_of("systemd", replace(EXAMPLE, server=server))
    assert "\nReadWritePaths=/srv/syncserver/app/data /var/log/syncserver\n" in text


def test_the_unit_sees_a_home_only_when_the_server_lies_in_one() -> None:
    at_home = replace(EXAMPLE, config=Path("/home/anna/anki/production.ini"))
    assert "ProtectHome=yes" in text_of("systemd", EXAMPLE)
    assert "ProtectHome=read-only" in text_of("systemd", at_home)


def test_the_unit_has_a_capability_only_for_a_low_port() -> None:
    assert "CapabilityBoundingSet=\n" in text_of("systemd", EXAMPLE)
    low = text_of("systemd", replace(EXAMPLE, server=ServerSettings(port=443)))
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in low
    assert "PrivateUsers=no" in low


@pytest.mark.parametrize(
    ("server", "needed"),
    [
        (ServerSettings(port=8443, redirect_port=80), True),
        (ServerSettings(port=443, unix_socket="/run/syncserver/socket"), True),
        (ServerSettings(host="", port=443, unix_socket="/run/syncserver/socket"), False),
    ],
)
def test_each_port_that_is_listened_on_may_be_a_low_one(
    server: ServerSettings, needed: bool
) -> None:
    text = text_of("systemd", replace(EXAMPLE, server=server))
    assert ("AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text) is needed


@pytest.mark.parametrize("option", ["pid_file", "address_file", "log_file", "unix_socket"])
def test_what_the_server_writes_in_a_home_can_be_written(option: str) -> None:
    server = ServerSettings.model_validate({option: "/home/anna/run/file"})
    text = text_of("systemd", replace(EXAMPLE, server=server))
    assert "ReadWritePaths=/srv/syncserver/app/data /home/anna/run\n" in text
    assert "ProtectHome=read-only" in text


def test_the_audit_trail_may_lie_elsewhere() -> None:
    text = text_of("systemd", deployment(audit_file="/var/log/anki/audit.log"))
    assert "ReadWritePaths=/srv/syncserver/app/data /var/log/anki\n" in text


def test_a_certificate_in_a_home_can_be_read() -> None:
    server = ServerSettings(tls_certificate="/home/anna/chain.pem", tls_key="/home/anna/key.pem")
    assert "ProtectHome=read-only" in text_of("systemd", replace(EXAMPLE, server=server))


@pytest.mark.parametrize("kind", ["apache", "apache-wsgi"])
def test_apache_is_told_to_listen_on_a_port_that_is_not_its_usual_one(kind: str) -> None:
    assert "Listen" not in text_of(kind, EXAMPLE)
    elsewhere = deployment(public_url="https://example.org:8443/")
    assert "\nListen 8443\n<VirtualHost" in text_of(kind, elsewhere)


def test_who_is_banned_is_banned_from_every_port() -> None:
    assert "port = http,https,8080\n" in text_of("fail2ban", EXAMPLE)
    server = ServerSettings(port=0, redirect_port=8081)
    elsewhere = replace(deployment(public_url="https://example.org:8443/"), server=server)
    assert "port = http,https,8081,8443\n" in text_of("fail2ban", elsewhere)


def test_paths_with_blanks_and_percent_signs_stay_whole() -> None:
    odd = replace(
        deployment(data_root="/srv/50 % of it"), config=Path("/srv/my server/production.ini")
    )
    assert 'ReadWritePaths="/srv/50 %% of it"\n' in text_of("systemd", odd)
    assert '--config "/srv/my server/production.ini"' in text_of("systemd", odd)
    parser = configparser.ConfigParser(interpolation=configparser.BasicInterpolation())
    parser.read_string(text_of("supervisor", replace(odd, command=("/opt/a%b/ctl.py",))))
    assert parser["program:syncserver"]["command"].startswith("/opt/a%b/ctl.py debug --config ")


@pytest.mark.parametrize(
    "changes", [{"public_url": 'https://example.org/a";b'}, {"data_root": '/srv/a"b'}]
)
def test_what_configuration_files_take_apart_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(NotExpressible):
        text_of("logrotate", deployment(**changes))


@pytest.mark.parametrize("folder", ["/srv/anna's", "/srv/$HOME", "/srv/new\nline"])
def test_a_command_that_service_managers_take_apart_is_refused(folder: str) -> None:
    with pytest.raises(NotExpressible):
        text_of("systemd", replace(EXAMPLE, config=Path(folder) / "production.ini"))


def test_a_trusted_proxy_is_never_banned() -> None:
    text = text_of("fail2ban", deployment(trusted_proxies="10.1.2.3/32"))
    assert "ignoreip = 127.0.0.0/8 ::1 10.1.2.3/32\n" in text


# The document


def rows_under(heading: str) -> list[list[str]]:
    section = (
        (ROOT / "docs" / "proxies.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    assert rows
    return rows


def test_the_document_names_every_kind_its_files_and_their_places() -> None:
    rows = [row for row in rows_under("The files, filled in") if not row[0].startswith("`--")]
    assert [row[0].strip("`") for row in rows] == list(KINDS)
    for (_name, files, places), kind in zip(rows, KINDS.values(), strict=True):
        links = re.findall(r"\(\.\./([^)]+)\)", files)
        assert links == [f"{kind.example_folder}/{file.name}" for file in kind.files]
        assert all(file.place in places.replace("`", "") for file in kind.files)


def test_the_document_names_every_option_of_the_command() -> None:
    rows = [row for row in rows_under("The files, filled in") if row[0].startswith("`--")]
    named = {option for row in rows for option in re.findall(r"--[a-z-]+", " ".join(row))}
    command = get_command(build_program()).commands["deploy-files"]
    options = {parameter.opts[0] for parameter in command.params} - {"kind", "--config"}
    assert named == options


# The command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    config = tmp_path / "production.ini"
    config.write_text(
        "[DEFAULT]\ndata_root = %(here)s/data\npublic_url = https://example.org/anki/\n"
        "[server:main]\nuse = egg:syncserver#server\n"
    )
    return config


def call(config: Path, *arguments: str) -> Any:
    command = ["deploy-files", *arguments, "--config", str(config)]
    return CliRunner().invoke(build_program(), command)


@pytest.mark.parametrize("kind", [name for name in KINDS if len(KINDS[name].files) == 1])
def test_one_file_is_printed_as_it_is_written(kind: str, config: Path, tmp_path: Path) -> None:
    printed = call(config, kind, "--log-file", "/var/log/x")
    assert printed.exit_code == 0
    assert call(config, kind, "--log-file", "/var/log/x", "--output", str(tmp_path)).exit_code == 0
    assert printed.stdout == (tmp_path / KINDS[kind].files[0].name).read_text()


def test_several_files_are_printed_under_their_names(config: Path) -> None:
    printed = call(config, "fail2ban").stdout
    assert printed.index("# --- filter.d/syncserver.conf") < printed.index("# --- jail.d/")


def test_files_are_written_for_everybody_to_read(config: Path, tmp_path: Path) -> None:
    done = call(config, "fail2ban", "--output", str(tmp_path / "new"))
    assert done.exit_code == 0
    written = tmp_path / "new" / "jail.d" / "syncserver.conf"
    assert f"{written}: for /etc/fail2ban/jail.d/\n" in done.stdout
    assert written.stat().st_mode & 0o777 == 0o644


def test_a_changed_file_is_replaced_only_when_that_is_asked_for(
    config: Path, tmp_path: Path
) -> None:
    output = ("nginx", "--output", str(tmp_path))
    assert call(config, *output).exit_code == 0
    assert call(config, *output).exit_code == 0
    (tmp_path / "syncserver.conf").write_text("mine")
    refused = call(config, *output)
    assert refused.exit_code != 0
    assert "--force" in str(refused.exception)
    assert (tmp_path / "syncserver.conf").read_text() == "mine"
    assert call(config, *output, "--force").exit_code == 0
    assert "location /anki/" in (tmp_path / "syncserver.conf").read_text()


def test_the_installation_is_that_of_the_configuration_file(config: Path) -> None:
    printed = call(config, "systemd", "--user", "anna").stdout
    assert "User=anna\n" in printed
    assert f"WorkingDirectory={config.parent}\n" in printed
    assert f"ReadWritePaths={config.parent / 'data'}\n" in printed


def test_a_public_address_without_https_is_noticed(config: Path) -> None:
    config.write_text(config.read_text().replace("https://", "http://"))
    assert "begins with http://" in call(config, "nginx").stderr
    assert "http://" not in call(config, "systemd").stderr


def test_what_the_settings_do_not_tell_is_said(tmp_path: Path) -> None:
    config = tmp_path / "production.ini"
    config.write_text("[DEFAULT]\ndata_root = %(here)s/data\n[server:main]\nuse = egg:syncserver\n")
    said = {
        kind: subprocess.run(
            [sys.executable, str(ROOT / "ctl.py"), "deploy-files", kind, "-c", str(config)],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        for kind in ("nginx", "systemd", "logrotate")
    }
    assert "public_url is empty" in said["nginx"]
    assert f"make {tmp_path / 'data'} first" in said["systemd"]
    assert said["logrotate"] == ""
