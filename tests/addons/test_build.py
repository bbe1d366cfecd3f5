"""The files that people install in Anki."""

import ast
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from addons.build import ADDONS, build
from tests.support.virtual_display import DEBIAN_PACKAGES

ROOT = ADDONS.parent
NAMES = ("old_clients", "self_hosted_server")


def contents(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_make_builds_both_add_ons() -> None:
    done = subprocess.run(
        ["make", "--silent", f"PYTHON={sys.executable}", "addons"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    built = [Path(line) for line in done.stdout.splitlines()]
    assert built == [ROOT / "dist" / f"{name}.ankiaddon" for name in NAMES]
    assert all("manifest.json" in contents(package) for package in built)


@pytest.mark.parametrize("name", NAMES)
class TestPackage:
    def test_anki_finds_the_manifest_and_the_module_at_the_top(
        self, name: str, packages: dict[str, Path]
    ) -> None:
        packed = contents(packages[name])
        manifest = json.loads(packed["manifest.json"])
        assert manifest["package"] == name
        assert manifest["name"]
        assert {"__init__.py", "LICENSE"} <= packed.keys()
        assert not [path for path in packed if "/" in path]

    def test_it_holds_what_the_source_folder_holds(
        self, name: str, packages: dict[str, Path]
    ) -> None:
        packed = contents(packages[name])
        for module in (ADDONS / name).glob("*.py"):
            assert packed.pop(module.name) == module.read_bytes()
        assert packed.keys() <= {"LICENSE", "manifest.json", "config.json", "config.md"}

    def test_the_same_sources_give_the_same_bytes(
        self, name: str, packages: dict[str, Path], tmp_path: Path
    ) -> None:
        for path in (ADDONS / name).iterdir():
            path.touch()
        again = {path.stem: path for path in build(tmp_path)}
        assert again[name].read_bytes() == packages[name].read_bytes()


def test_the_manifests_say_for_which_versions_they_are() -> None:
    old, new = (json.loads((ADDONS / name / "manifest.json").read_text("utf-8")) for name in NAMES)
    # Not negative, with which newer ones would not start it: it tells there what to do instead.
    assert old["max_point_version"] == 56
    assert new["min_point_version"] == 57


@pytest.mark.parametrize(("name", "oldest"), [(NAMES[0], (3, 6)), (NAMES[1], (3, 9))])
def test_the_syntax_is_that_of_the_oldest_python(name: str, oldest: tuple[int, int]) -> None:
    for module in (ADDONS / name).glob("*.py"):
        ast.parse(module.read_text(encoding="utf-8"), feature_version=oldest)


def test_continuous_integration_installs_what_the_windows_of_anki_need() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert set(DEBIAN_PACKAGES) <= set(script.split())
