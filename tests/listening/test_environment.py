"""A container: no configuration file, every option and the first user from the environment."""

import configparser
import json
from pathlib import Path

import pytest

from syncserver.settings import BUILTIN_CONFIG
from tests.listening.installed import Installed, ask_plainly
from tests.support.accounts import Account
from tests.support.device import FULL_UPLOAD, Device

EXAMPLE = Path(__file__).parents[2] / "example.ini"
PASSWORD = "not-to-be-logged"

WRONG_CONFIGURATION = 78


@pytest.fixture
def variables(installed: Installed) -> dict[str, str]:
    """The environment of an installation that has no file."""
    installed.config.unlink()
    return {
        "SYNCSERVER_DATA_ROOT": str(installed.data_root),
        "SYNCSERVER_PORT": str(installed.port),
        "SYNCSERVER_PASSWORD_HASH_MEMORY": "1MiB",
    }


def test_the_apps_without_a_file_are_those_of_the_example() -> None:
    example, builtin = configparser.RawConfigParser(), configparser.RawConfigParser()
    example.read(EXAMPLE, encoding="utf-8")
    builtin.read(BUILTIN_CONFIG, encoding="utf-8")
    assert builtin.defaults() == {}
    assert builtin.sections() == example.sections()
    for section in builtin.sections():
        own = dict(example.items(section)).items() - example.defaults().items()
        assert dict(builtin.items(section)) == dict(own)


def test_a_server_without_a_file_serves_the_first_user(
    installed: Installed, variables: dict[str, str], device: Device
) -> None:
    secret = installed.folder / "secret"
    secret.write_text(f"{PASSWORD}\n")
    variables["SYNCSERVER_FIRST_USER"] = "anna"
    variables["SYNCSERVER_FIRST_PASSWORD_FILE"] = str(secret)
    assert installed.ctl("start", environment=variables).exit_code == 0
    device.login(installed.url, Account("anna", PASSWORD))
    device.add_note("in a container", "back")
    assert device.sync() == FULL_UPLOAD
    device.upload()
    for path in ("/", "/health", "/api/v1/", "/ankiconnect"):
        assert ask_plainly(installed.port, "GET", path).status != 404
    listed = installed.ctl("lsuser", "--json", environment=variables).json
    assert [user["name"] for user in listed] == ["anna"]
    assert installed.ctl("stop", environment=variables).exit_code == 0
    assert PASSWORD not in installed.log


def test_the_first_user_is_added_once_and_never_changed(
    installed: Installed, variables: dict[str, str]
) -> None:
    first = {**variables, "SYNCSERVER_FIRST_USER": "anna", "SYNCSERVER_FIRST_PASSWORD": "one"}
    second = {**variables, "SYNCSERVER_FIRST_USER": "bob", "SYNCSERVER_FIRST_PASSWORD": "two"}
    for environment in (first, {**first, "SYNCSERVER_FIRST_PASSWORD": "changed"}, second):
        assert installed.ctl("restart", environment=environment).exit_code == 0
    installed.client(Account("anna", "one"))
    listed = installed.ctl("lsuser", "--json", environment=variables).json
    assert [user["name"] for user in listed] == ["anna"]


@pytest.mark.parametrize(
    "half", [{"SYNCSERVER_FIRST_USER": "anna"}, {"SYNCSERVER_FIRST_PASSWORD": PASSWORD}]
)
def test_half_a_first_user_is_explained(
    installed: Installed, variables: dict[str, str], half: dict[str, str]
) -> None:
    refused = installed.ctl("debug", environment={**variables, **half})
    assert refused.exit_code == WRONG_CONFIGURATION
    assert "first_user and first_password" in refused.errors
    assert PASSWORD not in refused.errors


def test_a_bad_name_of_the_first_user_is_explained_without_the_password(
    installed: Installed, variables: dict[str, str]
) -> None:
    first = {"SYNCSERVER_FIRST_USER": "x" * 200, "SYNCSERVER_FIRST_PASSWORD": PASSWORD}
    refused = installed.ctl("debug", environment={**variables, **first})
    assert refused.exit_code == 1
    assert "name" in refused.errors
    assert PASSWORD not in refused.errors


def test_no_request_is_handed_what_the_server_was_told_by_its_environment(
    installed: Installed,
) -> None:
    text = installed.config.read_text().replace("/sync = sync", "/seen = seen\n/sync = sync")
    app = "tests.support.seen_environment:make_app"
    installed.config.write_text(f"{text}\n[app:seen]\npaste.app_factory = {app}\n")
    secrets = {
        "SYNCSERVER_FIRST_USER": "anna",
        "SYNCSERVER_FIRST_PASSWORD": PASSWORD,
        "SYNCSERVER_METRICS_TOKEN": PASSWORD,
        "SOMEBODY_ELSES_PASSWORD": PASSWORD,
        "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    }
    installed.debug(secrets)
    seen = json.loads(ask_plainly(installed.port, "GET", "/seen").text)
    assert seen["request"]["REQUEST_METHOD"] == "GET"
    assert PASSWORD not in seen["request"].values()
    assert "HTTP_X_FORWARDED_FOR" not in seen["request"]
    assert not [name for name in seen["process"] if name.startswith("SYNCSERVER_")]


def test_the_command_for_the_first_user_takes_the_same_options(
    installed: Installed, variables: dict[str, str]
) -> None:
    first = {"SYNCSERVER_FIRST_USER": "anna", "SYNCSERVER_FIRST_PASSWORD": PASSWORD}
    told = installed.ctl("first-user", environment={**variables, **first})
    assert "anna" in told.output
    assert PASSWORD not in told.output
    assert installed.ctl("start", environment=variables).exit_code == 0
    installed.client(Account("anna", PASSWORD))


def test_a_file_that_is_there_comes_before_the_built_in_one(
    installed: Installed, variables: dict[str, str]
) -> None:
    installed.config.write_text("[DEFAULT]\nunheard_of = 1\n[server:main]\nuse = egg:x#y\n")
    refused = installed.ctl("status", environment=variables)
    assert refused.exit_code == WRONG_CONFIGURATION
    assert "unheard_of" in refused.errors


def test_without_a_file_and_without_the_variable_the_file_is_asked_for(
    installed: Installed, variables: dict[str, str]
) -> None:
    del variables["SYNCSERVER_DATA_ROOT"]
    refused = installed.ctl("status", environment=variables)
    assert refused.exit_code == WRONG_CONFIGURATION
    assert "production.ini" in refused.errors


def test_another_file_that_is_missing_is_still_missing(
    installed: Installed, variables: dict[str, str]
) -> None:
    refused = installed.ctl("status", "--config", "other.ini", environment=variables)
    assert refused.exit_code == WRONG_CONFIGURATION
    assert "other.ini" in refused.errors
