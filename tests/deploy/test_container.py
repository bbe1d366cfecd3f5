"""The Dockerfile and the compose file, as far as they can be tried without Docker.

The command of the image runs with the image's variables as the image's user, on a read-only file
system; that the image builds is not shown here.
"""

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

import syncserver
from syncserver.control.process import CLOSING_TIMEOUT
from syncserver.deploy.catalogue import KINDS
from syncserver.settings import ServerSettings, Settings
from tests.control.operator import wait_until
from tests.support.accounts import Account
from tests.support.debian_python import open_folder
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.our_server import REPOSITORY
from tests.support.processes import answers_health, free_port

DOCKER = REPOSITORY / "deploy" / "docker"
OPTIONS = {*Settings.model_fields, *ServerSettings.model_fields}

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def instructions() -> list[Instruction]:
    """The instructions of the Dockerfile in their order."""
    text = re.sub(r"(?m)^#.*\n", "", (DOCKER / "Dockerfile").read_text())
    lines = text.replace("\\\n", " ").splitlines()
    found = [re.match(r"([A-Z]+) (.*)", line) for line in lines if line.strip()]
    return [(match[1], match[2].strip()) for match in found if match]


def of_last_stage(instructions: list[Instruction]) -> list[Instruction]:
    start = max(number for number, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[start:]


def last(instructions: list[Instruction], wanted: str) -> str:
    return [arguments for name, arguments in of_last_stage(instructions) if name == wanted][-1]


def variables(instructions: list[Instruction]) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", last(instructions, "ENV")))


def copied(instructions: list[Instruction]) -> list[str]:
    """Return what is copied from the source folder."""
    lines = [arguments for name, arguments in instructions if name == "COPY"]
    return [one for line in lines if "--from" not in line for one in line.split()[:-1]]


def test_what_is_copied_exists_and_is_not_ignored(instructions: list[Instruction]) -> None:
    rules = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    assert "*" in rules
    for path in copied(instructions):
        assert (REPOSITORY / path).exists(), path
        assert any(fnmatch.fnmatch(path, rule) for rule in let_in), path
    assert {Path(rule).parts[0] for rule in let_in} == {
        Path(path).parts[0] for path in copied(instructions)
    }


def test_the_wheel_that_is_built_of_what_is_copied_holds_the_templates(
    instructions: list[Instruction], tmp_path: Path
) -> None:
    context = tmp_path / "source"
    for path in copied(instructions):
        source, target = REPOSITORY / path, context / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=context, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = {file.template for kind in KINDS.values() for file in kind.files}
    assert {f"syncserver/deploy/templates/{name}" for name in templates} <= names


def test_the_image_does_not_run_as_root(instructions: list[Instruction]) -> None:
    assert int(last(instructions, "USER")) > 0
    created = "".join(arguments for name, arguments in instructions if name == "RUN")
    assert f"--uid {last(instructions, 'USER')} " in created


def test_every_variable_is_an_option(instructions: list[Instruction]) -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    named = {*variables(instructions), *compose["services"]["syncserver"]["environment"]}
    ours = {name.removeprefix("SYNCSERVER_").lower() for name in named if "SYNCSERVER_" in name}
    assert ours - OPTIONS == {"config"}


def test_the_container_writes_nothing_but_its_data(instructions: list[Instruction]) -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    service: dict[str, Any] = compose["services"]["syncserver"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    (volume,) = service["volumes"]
    assert volume.split(":") == ["data", last(instructions, "VOLUME")]
    assert volume.split(":")[1] == variables(instructions)["SYNCSERVER_DATA_ROOT"]
    assert "data" in compose["volumes"]


def test_the_compose_file_builds_this_and_gives_the_server_time_to_stop() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    service: dict[str, Any] = compose["services"]["syncserver"]
    context = (DOCKER / service["build"]["context"]).resolve()
    assert context == REPOSITORY
    assert context / service["build"]["dockerfile"] == DOCKER / "Dockerfile"
    needed = ServerSettings().stop_timeout + CLOSING_TIMEOUT
    assert int(service["stop_grace_period"].removesuffix("s")) > needed


class Container:
    """What the image would run, as its user, where nothing but the data can be written.

    The Python that runs the tests, its packages and the server are seen in places that this user
    may enter, whoever's home they lie in.
    """

    def __init__(self, folder: Path, instructions: list[Instruction]) -> None:
        self.data = folder / "data"
        self.port = free_port()
        user = int(last(instructions, "USER"))
        self.data.mkdir(mode=0o700)
        os.chown(self.data, user, user)
        config = folder / "syncserver.ini"
        shutil.copy(REPOSITORY / "example.ini", config)
        self._environment = {
            **variables(instructions),
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "PYTHONPATH": f"{folder / 'source'}:{folder / 'packages'}",
            "LD_LIBRARY_PATH": f"{folder / 'python' / 'lib'}",
            "SYNCSERVER_CONFIG": str(config),
            "SYNCSERVER_DATA_ROOT": str(self.data),
            "SYNCSERVER_PORT": str(self.port),
            "SYNCSERVER_HOST": "127.0.0.1",
        }
        (folder / "bin").mkdir()
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        (folder / "bin" / "python").symlink_to(folder / "python" / "bin" / version)
        seen = {
            folder / "python": sys.base_prefix,
            folder / "packages": sysconfig.get_path("purelib"),
            folder / "source" / "syncserver": Path(syncserver.__file__).parent,
        }
        for place in seen:
            place.mkdir(parents=True)
        shown = "".join(
            f"mount --bind {real} {place} && mount -o remount,bind,ro {place} && "
            for place, real in seen.items()
        )
        prepared = (
            f"{shown}mount --bind {self.data} {self.data} && mount -o remount,bind,ro / "
            f"&& cd {self.data} && exec setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs "
            '--bounding-set=-all -- "$@"'
        )
        self._inside = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-ec",
            prepared,
            "sh",
        ]

    def started(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self._inside, *command],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, stdin: str = "") -> tuple[int, str]:
        process = self.started(*command)
        output, _ = process.communicate(stdin, timeout=120)
        return process.returncode, output

    def control(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        return self.run("python", "-m", "syncserver.control", *arguments, stdin=stdin)


@pytest.fixture
def container(instructions: list[Instruction]) -> Iterator[Container]:
    if os.geteuid() != 0:
        pytest.skip("only root may make a file system read-only for one process")
    with open_folder("container") as folder:
        yield Container(folder, instructions)


def test_the_images_command_serves_on_a_read_only_file_system_without_any_right(
    container: Container, instructions: list[Instruction], tmp_path: Path
) -> None:
    assert container.run("touch", f"{container.data.parent}/x")[0] != 0
    assert container.run("touch", f"{container.data}/x")[0] == 0
    # The console script of the package is this module.
    assert json.loads(last(instructions, "ENTRYPOINT")) == ["syncserver-ctl"]
    command = json.loads(last(instructions, "CMD"))
    server = container.started("python", "-m", "syncserver.control", *command)
    try:
        wait_until(lambda: answers_health(container.port) or server.poll() is not None)
        assert server.poll() is None, server.communicate()[0]
        health = last(instructions, "HEALTHCHECK").partition(" CMD ")[2]
        assert container.run(*json.loads(health)) == (0, "")
        code, output = container.control("adduser", "anna", "--password-stdin", stdin="secret\n")
        assert code == 0, output
        device = Device(tmp_path / "laptop")
        device.login(f"http://127.0.0.1:{container.port}/", Account("anna", "secret"))
        device.add_note("one", "")
        assert device.sync() == FULL_UPLOAD
        device.upload()
        device.add_note("two", "")
        assert device.sync() == NO_CHANGES
        device.close()
        server.send_signal(signal.SIGTERM)
        output, _ = server.communicate(timeout=120)
        assert "event=server_stopped" in output
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def test_the_health_check_notices_a_server_that_does_not_answer(
    container: Container, instructions: list[Instruction]
) -> None:
    health = last(instructions, "HEALTHCHECK").partition(" CMD ")[2]
    assert container.run(*json.loads(health))[0] != 0
