"""The server inside Apache, as the one daemon process of mod_wsgi."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from anki.errors import BackendError

from syncserver.collections import data_root_lock
from syncserver.control.installation import open_accounts, open_installation
from tests.support.accounts import Account
from tests.support.authority import Authority
from tests.support.contents import contents
from tests.support.debian_python import debian_environment, open_folder
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.media_device import media_of, refer_to_media, sync_media, write_media
from tests.support.our_server import REPOSITORY
from tests.support.reverse_proxies import ReverseProxy, deploy_files

APACHES_USER = "www-data"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that Apache's user may enter, unlike those of pytest."""
    with open_folder("mod-wsgi") as folder:
        yield folder


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    """Debian's Python, for which mod_wsgi was built, in an environment with our packages."""
    with open_folder("debian-python") as folder:
        yield str(debian_environment(folder))


@pytest.fixture(scope="module")
def config(folder: Path) -> Path:
    (folder / "data").mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder / "data", APACHES_USER, APACHES_USER)
    config = folder / "production.ini"
    config.write_text(
        f"[DEFAULT]\ndata_root = {folder / 'data'}\npassword_hash_memory = 1MiB\n"
        "max_collection_bytes = 40MB\n"
        "[app:main]\nuse = egg:syncserver#main\n[server:main]\nuse = egg:syncserver#server\n"
    )
    return config


@pytest.fixture(scope="module")
def apache(folder: Path, config: Path, python: str, authority: Authority) -> Iterator[ReverseProxy]:
    apache = ReverseProxy(
        "apache-wsgi", folder / "apache", config, authority, "/anki/", python=python
    )
    yield apache
    apache.stop()


@pytest.fixture
def account(config: Path, apache: ReverseProxy) -> Account:
    name = secrets.token_hex(4)
    with open_accounts(open_installation(config)) as accounts:
        accounts.users.add(name, "secret")
    return Account(name, "secret")


@pytest.fixture
def laptop(
    apache: ReverseProxy, account: Account, authority: Authority, tmp_path: Path
) -> Iterator[Device]:
    laptop = authority.trusted_by(Device(tmp_path / "laptop")).login(apache.url, account)
    yield laptop
    laptop.close()


@pytest.fixture
def phone(
    apache: ReverseProxy, account: Account, authority: Authority, tmp_path: Path
) -> Iterator[Device]:
    phone = authority.trusted_by(Device(tmp_path / "phone")).login(apache.url, account)
    yield phone
    phone.close()


def test_devices_sync_both_ways_with_media(laptop: Device, phone: Device) -> None:
    laptop.add_notes([(str(one), secrets.token_hex(500_000)) for one in range(30)])
    write_media(laptop, "lecture.mp3", secrets.token_bytes(22_000_000))
    refer_to_media(laptop, media_of(laptop))
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    sync_media(laptop)
    phone.download()
    sync_media(phone)
    phone.add_note("from the phone", "")
    assert phone.sync() == NO_CHANGES
    assert laptop.sync() == NO_CHANGES
    assert contents(laptop.col) == contents(phone.col)
    assert media_of(phone) == media_of(laptop) != {}


def test_a_collection_that_is_too_large_is_refused_in_words(laptop: Device) -> None:
    laptop.add_notes([(str(one), secrets.token_hex(500_000)) for one in range(45)])
    with pytest.raises(BackendError, match="larger than this server accepts"):
        laptop.upload()


def test_the_control_script_reaches_the_server_in_apache(
    config: Path, apache: ReverseProxy, python: str, laptop: Device, account: Account
) -> None:
    laptop.upload()
    server = data_root_lock.server(config.parent / "data")
    assert server is not None
    assert b"wsgi:syncserver" in Path(f"/proc/{server}/cmdline").read_bytes()
    arguments = ("media", "check", account.name, "--config", str(config))
    subprocess.run([python, str(REPOSITORY / "ctl.py"), *arguments], check=True, timeout=60)


def test_what_is_served_is_closed_when_apache_stops(
    folder: Path, python: str, authority: Authority, tmp_path: Path
) -> None:
    data_root = folder / "other-data"
    data_root.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data_root, APACHES_USER, APACHES_USER)
    config = folder / "other.ini"
    config.write_text(
        f"[DEFAULT]\ndata_root = {data_root}\n[app:main]\nuse = egg:syncserver#main\n"
        "[server:main]\nuse = egg:syncserver#server\n"
    )
    apache = ReverseProxy("apache-wsgi", folder / "apache-2", config, authority, python=python)
    try:
        with open_accounts(open_installation(config)) as accounts:
            accounts.users.add("anna", "secret")
        device = authority.trusted_by(Device(tmp_path / "device"))
        device.login(apache.url, Account("anna", "secret")).upload()
        device.add_note("more", "")
        device.sync()
        device.close()
    finally:
        apache.stop()
    assert data_root_lock.owner(data_root) is None
    left = {path.name for path in (data_root / "users" / "anna").iterdir()}
    assert "collection.anki2" in left
    assert "collection.anki2-wal" not in left


def test_the_written_script_is_python(config: Path) -> None:
    printed = deploy_files(config, "apache-wsgi")
    script = printed.partition("# --- syncserver.wsgi\n")[2]
    compile(script, "syncserver.wsgi", "exec")
    assert repr(str(config)) in script
