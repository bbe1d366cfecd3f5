"""The last steps: a real Anki client in a process of its own syncs cards and media."""

import json
import os
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.control.doctor.address import Address
from syncserver.control.doctor.findings import Finding, failed, skipped, well
from syncserver.control.doctor.login import Person

# For a large collection on a slow line; the client itself gives up after 30 s without a byte.
SYNC_SECONDS: Final = 300.0
MODULE: Final = "syncserver.control.doctor.real_client"


@dataclass(frozen=True, slots=True)
class ClientJob:
    """What the client is to do; `scratch` says that the account's data are there to be changed."""

    address: Address
    person: Person
    ca: Path | None = None
    scratch: bool = False
    seconds: float = SYNC_SECONDS


def sync_as_a_client(job: ClientJob) -> tuple[Finding, Finding]:
    """Return what was found about cards and about media."""
    with tempfile.TemporaryDirectory(prefix="syncserver-doctor-") as folder:
        told, problem = _run(job, folder)
    if "login" not in told:
        return _failed("log in", problem), skipped("The client could not log in.")
    if "sync" not in told:
        return _failed("sync cards", problem), skipped("The client could not sync cards.")
    cards = well(f"Anki itself syncs: {told['sync']}.")
    if "media" not in told:
        return cards, _failed("sync media", problem)
    return cards, well(f"Anki itself syncs media: {told['media']}.")


def _run(job: ClientJob, folder: str) -> tuple[dict[str, str], str]:
    """Return what each step that succeeded told, and the problem of the one that did not."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", MODULE],
            input=_as_json(job, folder),
            capture_output=True,
            text=True,
            timeout=job.seconds,
            env=_environment(job, Path(folder)),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        told, _ = _read(_as_text(late.stdout))
        return told, f"it took longer than {job.seconds:.0f} seconds"
    told, problem = _read(done.stdout)
    last_line = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    return told, problem or last_line


def _as_json(job: ClientJob, folder: str) -> str:
    return json.dumps(
        {
            "url": job.address.url,
            "user": job.person.name,
            "password": job.person.password,
            "folder": folder,
            "scratch": job.scratch,
        }
    )


def _environment(job: ClientJob, folder: Path) -> dict[str, str]:
    if job.ca is None:
        return dict(os.environ)
    # The client trusts what OpenSSL's own variable names, and then nothing else of the system's.
    trusted = folder / "trusted.pem"
    system = ssl.get_default_verify_paths()
    files = [Path(system.cafile), job.ca] if system.cafile else [job.ca]
    atomic_files.write_parts(trusted, (b"%b\n" % file.read_bytes() for file in files))
    folders = {"SSL_CERT_DIR": system.capath} if system.capath else {}
    return {**os.environ, "SSL_CERT_FILE": str(trusted), **folders}


def _as_text(output: bytes | str | None) -> str:
    return output.decode("utf-8", "replace") if isinstance(output, bytes) else output or ""


def _read(output: str) -> tuple[dict[str, str], str]:
    told: dict[str, str] = {}
    problem = ""
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        problem = message.get("problem", problem)
        if "step" in message:
            told[message["step"]] = message["what"]
    return told, problem


def _failed(what: str, problem: str) -> Finding:
    return failed(
        f"A real Anki client cannot {what}. It says: {problem}",
        "The steps above may say why; the server's log has a line for each of its requests."
        " docs/diagnosis.md explains what clients say.",
    )
