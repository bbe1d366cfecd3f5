"""OpenStack Swift with its S3 API on free ports of this machine: one device, one copy of each object.

The four programs come from Debian. All that they write lies in one folder, whose file system must
have extended attributes.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import urllib3
from minio import Minio

from tests.support.processes import free_port

BUCKET = "copies"
ACCESS_KEY = "test:tester"
SECRET_KEY = "testing-4711"
REGION = "us-east-1"
# What Debian's own Python runs; the packages are not for ours.
PYTHON = "/usr/bin/python3"
PROGRAMS = ("account", "container", "object", "proxy")
PATIENCE = 60.0
STOP_SECONDS = 10.0

COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
disable_fallocate = true
workers = 0
log_level = ERROR
log_address = {folder}/no-such-socket
"""
STORAGE = """
[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 30
conn_timeout = 5

[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
check_bucket_owner = false

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing-4711 .admin

[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


class ObjectStore:
    """A running store; it can be stopped and started again, with all that it holds."""

    def __init__(self, folder: Path) -> None:
        missing = [one for one in PROGRAMS if not shutil.which(f"swift-{one}-server")]
        if missing:
            reason = f"OpenStack Swift is not installed: {', '.join(missing)}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        self.folder = folder
        self._ports = {program: free_port() for program in PROGRAMS}
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "devices" / "disk").mkdir(parents=True)
        self._write_configurations()
        self._make_rings()
        self.start()
        self.client = Minio(
            f"127.0.0.1:{self._ports['proxy']}",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            region=REGION,
            secure=False,
        )
        self.client.make_bucket(BUCKET)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['proxy']}"

    def start(self) -> None:
        """Start all of it, and return when it answers."""
        for program in PROGRAMS:
            with (self.folder / f"{program}.log").open("ab") as log:
                command = [
                    PYTHON,
                    str(shutil.which(f"swift-{program}-server")),
                    str(self.folder / f"{program}.conf"),
                    "-v",
                ]
                self._processes.append(
                    subprocess.Popen(
                        command,
                        stdout=log,
                        stderr=log,
                        stdin=subprocess.DEVNULL,
                        start_new_session=True,
                        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                    )
                )
        for program in PROGRAMS:
            self._wait_for(program)

    def stop(self) -> None:
        """End it."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(STOP_SECONDS)
        self._processes.clear()

    def pause(self) -> None:
        """Let it accept connections and answer nothing, as an overloaded store does."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGCONT)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all objects that begin with `prefix`."""
        found = self.client.list_objects(BUCKET, prefix=prefix, recursive=True)
        return sorted(str(one.object_name) for one in found)

    def _write_configurations(self) -> None:
        for program in PROGRAMS:
            text = COMMON + (PROXY if program == "proxy" else STORAGE)
            filled = text.format(
                port=self._ports[program],
                user="root" if os.geteuid() == 0 else os.environ.get("USER", "nobody"),
                folder=self.folder,
                kind=program,
                memcached=free_port(),
            )
            (self.folder / f"{program}.conf").write_text(filled, encoding="utf-8")

    def _make_rings(self) -> None:
        for program in ("account", "container", "object"):
            builder = f"{program}.builder"
            self._ring(builder, "create", "4", "1", "1")
            self._ring(builder, "add", f"r1z1-127.0.0.1:{self._ports[program]}/disk", "1")
            self._ring(builder, "rebalance")

    def _ring(self, *arguments: str) -> None:
        done = subprocess.run(
            [PYTHON, str(shutil.which("swift-ring-builder")), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        # It exits with 1 for what is only a warning.
        assert done.returncode in (0, 1), done.stdout + done.stderr

    def _wait_for(self, program: str) -> None:
        path = "/healthcheck" if program == "proxy" else "/recon/version"
        url = f"http://127.0.0.1:{self._ports[program]}{path}"
        deadline = time.monotonic() + PATIENCE
        while not _answers(url):
            log = (self.folder / f"{program}.log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"{program} does not answer\n{log}"
            time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        urllib3.request("GET", url, retries=False, timeout=5)
    except urllib3.exceptions.HTTPError:
        return False
    return True
