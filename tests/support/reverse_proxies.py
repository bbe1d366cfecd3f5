"""Real web servers in front of ours, started from the very files that `deploy-files` wrote.

What stands around such a file here is what Debian's packages have around it: which modules are
loaded, where temporary files go, as whom it runs.
"""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

import psutil

from tests.support.authority import Authority
from tests.support.debian_programs import file_of, program
from tests.support.our_server import REPOSITORY
from tests.support.processes import free_port

START_TIMEOUT = 30.0
APACHE_MODULES = Path("/usr/lib/apache2/modules")
# What `a2enmod` and Debian's own selection load, of what the written files use.
APACHE_LOADED = (
    *("mpm_event", "authz_core", "alias", "env", "headers", "reqtimeout", "socache_shmcb", "ssl"),
)


def deploy_files(config: Path, *arguments: str | Path, python: str = sys.executable) -> str:
    """Call `ctl.py deploy-files`, which must succeed, and return what it printed."""
    done = subprocess.run(
        [
            *(python, str(REPOSITORY / "ctl.py"), "deploy-files", "--config", str(config)),
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class ReverseProxy:
    """A running proxy with TLS for a configuration file of ours, at a path of https://localhost."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        config: Path,
        authority: Authority,
        path: str = "/",
        python: str = sys.executable,
    ) -> None:
        """Have its file written by that Python, start it, return when it lets a request through."""
        folder.mkdir(parents=True)
        self._python = python
        self.folder, self._authority = folder, authority
        self.port, self.http_port = free_port(), free_port()
        self.path = path
        self._log = folder / "proxy.log"
        self.written = self._have_written(kind, config)
        command = COMMANDS[kind](self)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()

    @property
    def url(self) -> str:
        """The address that people enter in their clients."""
        return f"https://localhost:{self.port}{self.path}"

    @property
    def temporary_folder(self) -> Path:
        """Where it may put what does not fit into memory."""
        return self.folder / "temporary"

    def memory(self) -> int:
        """Return the bytes that its processes hold for themselves."""
        return sum(process.memory_full_info().uss for process in self.processes())

    def processes(self) -> list[psutil.Process]:
        """Return its processes, the first one first."""
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def log(self) -> str:
        """Return what it printed."""
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """End it, whatever state it is in."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)

    def _have_written(self, kind: str, config: Path) -> Path:
        own = self.folder / "public.ini"
        lines = config.read_text().replace("[DEFAULT]", f"[DEFAULT]\npublic_url = {self.url}", 1)
        own.write_text(lines)
        shown = self._authority.issue()
        certificate = shown.in_one_file() if kind == "haproxy" else shown.certificate
        deploy_files(
            own,
            *(kind, "--output", self.folder / "written", "--certificate", certificate),
            *("--key", shown.key, "--http-port", str(self.http_port)),
            python=self._python,
        )
        written = {path.suffix: path for path in (self.folder / "written").iterdir()}
        if script := written.pop(".wsgi", None):
            # Where it belongs: beside the configuration file.
            script.rename(own.with_name(script.name))
        (one,) = written.values()
        return one

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not self._lets_through():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the proxy does not serve:\n{self.log()}")
            time.sleep(0.05)

    def _lets_through(self) -> bool:
        try:
            context = self._authority.trusting()
            connection = HTTPSConnection("localhost", self.port, timeout=10, context=context)
            with contextlib.closing(connection):
                connection.request("GET", f"{self.path}health")
                return connection.getresponse().status == 200
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, HTTPException):
            return False


def _nginx(proxy: ReverseProxy) -> Sequence[str]:
    temporary = proxy.temporary_folder
    temporary.mkdir()
    folders = "\n".join(
        f"    {kind}_temp_path {temporary / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    around = proxy.folder / "nginx.conf"
    around.write_text(
        f"daemon off;\npid {proxy.folder / 'pid'};\nerror_log stderr;\n"
        # Its workers must be allowed to enter the folders of the test.
        f"{'user root;' if os.geteuid() == 0 else ''}\n"
        f"events {{}}\nhttp {{\n    access_log off;\n{folders}\n    include {proxy.written};\n}}\n"
    )
    return [program("nginx"), "-c", str(around), "-p", str(proxy.folder), "-e", "stderr"]


def _apache_around(proxy: ReverseProxy, modules: Sequence[str]) -> str:
    proxy.temporary_folder.mkdir()
    loaded = "".join(f"LoadModule {name}_module {_module(name)}\n" for name in modules)
    # Apache refuses to serve as root.
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    return (
        f"{loaded}{user}ServerName localhost\nServerRoot {proxy.folder}\n"
        f"DefaultRuntimeDir {proxy.folder}\nPidFile {proxy.folder / 'pid'}\n"
        f"ErrorLog {proxy.folder / 'error.log'}\nMutex posixsem\n"
        f"IncludeOptional {proxy.written}\n"
    )


def _module(name: str) -> Path:
    return file_of("mod_wsgi" if name == "wsgi" else "apache2", APACHE_MODULES / f"mod_{name}.so")


def _apache(proxy: ReverseProxy, *modules: str) -> Sequence[str]:
    around = proxy.folder / "apache2.conf"
    around.write_text(_apache_around(proxy, [*APACHE_LOADED, *modules]))
    return [program("apache2"), "-f", str(around), "-D", "FOREGROUND"]


def _mod_proxy(proxy: ReverseProxy) -> Sequence[str]:
    return _apache(proxy, "proxy", "proxy_http")


def _mod_wsgi(proxy: ReverseProxy) -> Sequence[str]:
    return _apache(proxy, "wsgi")


def _caddy(proxy: ReverseProxy) -> Sequence[str]:
    around = proxy.folder / "Caddyfile"
    around.write_text(
        f"{{\n\tadmin off\n\tskip_install_trust\n"
        f"\thttp_port {proxy.http_port}\n\thttps_port {proxy.port}\n}}\nimport {proxy.written}\n"
    )
    command = [program("caddy"), "run", "--config", str(around)]
    return [*command, "--adapter", "caddyfile"]


def _haproxy(proxy: ReverseProxy) -> Sequence[str]:
    around = proxy.folder / "haproxy.cfg"
    around.write_text("global\n    maxconn 1000\n")
    return [program("haproxy"), "-db", "-f", str(around), "-f", str(proxy.written)]


COMMANDS = {
    "nginx": _nginx,
    "apache": _mod_proxy,
    "apache-wsgi": _mod_wsgi,
    "caddy": _caddy,
    "haproxy": _haproxy,
}
