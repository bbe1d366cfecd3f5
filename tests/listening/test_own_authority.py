"""What the document tells people to type makes certificates that server and clients take."""

import re
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.listening.installed import Installed
from tests.support.device import Device

DOCUMENT = Path(__file__).parents[2] / "docs" / "listening.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed_commands() -> str:
    """Return the commands with openssl, for a server on this machine."""
    blocks = [block for block in CONSOLE.findall(DOCUMENT.read_text()) if "openssl" in block]
    assert len(blocks) == 2
    lines = re.sub(r"^\$ ", "", "".join(blocks), flags=re.MULTILINE).splitlines()
    kept = [line for line in lines if not line.startswith("curl")]
    return "\n".join(kept).replace("192.168.1.20", "127.0.0.1")


def test_the_documented_commands_make_what_server_and_clients_take(
    installed: Installed, device: Device, tmp_path: Path
) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    done = subprocess.run(
        ["bash", "-e", "-c", typed_commands()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    installed.set(tls_certificate=folder / "server.pem", tls_key=folder / "server-key.pem")
    installed.must("start")
    assert device.col._backend.set_custom_certificate((folder / "ca.pem").read_text())
    device.login(f"https://127.0.0.1:{installed.port}/", installed.add("anna"))

    installed.set(tls_client_ca=folder / "ca.pem")
    installed.must("restart")
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        installed.get(context, host="127.0.0.1")
    context.load_cert_chain(folder / "laptop.pem", folder / "laptop-key.pem")
    assert installed.get(context, host="127.0.0.1").status == 200
