"""How a configuration file is read: sections, `%(here)s`, and files that cannot be read."""

from pathlib import Path

import pytest

from syncserver.settings import SettingsError, load_file

SERVER = "[server:main]\nuse = egg:syncserver#server\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file to be written."""
    return tmp_path / "production.ini"


def test_here_is_the_folder_of_the_file(config: Path) -> None:
    config.write_text(f"[DEFAULT]\ndata_root = %(here)s/data\n{SERVER}")
    shared, _ = load_file(config, {})
    assert shared.options.data_root == config.parent / "data"


def test_each_section_has_its_own_options(config: Path) -> None:
    config.write_text(f"[DEFAULT]\ndata_root = /srv\nsync_timeout = 60\n{SERVER}port = 9000\n")
    shared, server = load_file(config, {})
    assert shared.options.sync_timeout == 60
    assert server.options.port == 9000
    assert server.sources == {"port": f"{config} [server:main]"}


def test_a_server_option_in_the_wrong_section_is_refused(config: Path) -> None:
    config.write_text(f"[DEFAULT]\ndata_root = /srv\nport = 9000\n{SERVER}")
    with pytest.raises(SettingsError, match=r"\[DEFAULT\]: port: there is no such option"):
        load_file(config, {})


def test_the_environment_reaches_both_sections(config: Path) -> None:
    config.write_text(f"[DEFAULT]\ndata_root = /srv\n{SERVER}")
    environment = {"SYNCSERVER_PORT": "9000", "SYNCSERVER_SYNC_TIMEOUT": "60"}
    shared, server = load_file(config, environment)
    assert (shared.options.sync_timeout, server.options.port) == (60, 9000)


def test_a_missing_file_is_named(config: Path) -> None:
    with pytest.raises(SettingsError, match=str(config)):
        load_file(config, {})


def test_a_file_that_may_not_be_read_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(SERVER)
    # For root there is no such file.
    monkeypatch.setattr(Path, "is_file", lambda _path: True)
    unreadable = config / "below a file"
    with pytest.raises(SettingsError, match=f"{unreadable}: Not a directory"):
        load_file(unreadable, {})


@pytest.mark.parametrize(
    "broken",
    [
        b"data_root = /srv\n",
        b"[DEFAULT]\ndata_root = /srv\n",
        b"[DEFAULT]\ndata_root = %(nowhere)s\n[server:main]\n",
        b"[DEFAULT]\ndata_root = /srv\ndata_root = /srv2\n[server:main]\n",
        b"[DEFAULT]\ndata_root = /\xff\n[server:main]\n",
    ],
    ids=["no section", "no server", "unknown placeholder", "an option twice", "not UTF-8"],
)
def test_a_file_that_makes_no_sense_is_named(config: Path, broken: bytes) -> None:
    config.write_bytes(broken)
    with pytest.raises(SettingsError, match=str(config)):
        load_file(config, {})
