"""Wrong configurations and wrong calls end in a sentence and an exit code."""

import pytest

from syncserver import __version__
from tests.control.operator import Operator

FAILED, WRONG_USAGE, WRONG_CONFIGURATION = 1, 2, 78


def test_the_version_is_printed(operator: Operator) -> None:
    assert operator.must("--version").output == f"syncserver {__version__}\n"


def test_every_command_explains_itself(operator: Operator) -> None:
    listed = operator.must("--help").output
    for command in ("adduser", "deluser", "lsuser", "passwd", "lskeys", "revoke"):
        assert command in listed
    assert "--password-stdin" in operator.must("adduser", "--help").output


def test_an_unknown_command_and_an_unknown_option_are_wrong_usage(operator: Operator) -> None:
    for arguments in (("frobnicate",), ("lsuser", "--frobnicate"), ("adduser",), ("revoke",)):
        assert operator.ctl(*arguments).exit_code == WRONG_USAGE


def test_a_missing_configuration_file_is_named(operator: Operator) -> None:
    operator.config.unlink()
    for command in ("lsuser", "status", "start", "debug"):
        refused = operator.ctl(command)
        assert refused.exit_code == WRONG_CONFIGURATION
        assert "production.ini" in refused.errors
    assert "other.ini" in operator.ctl("lsuser", "--config", "other.ini").errors


def test_the_environment_can_name_the_configuration_file(operator: Operator) -> None:
    elsewhere = operator.folder / "elsewhere.ini"
    operator.config.rename(elsewhere)
    environment = {"SYNCSERVER_CONFIG": str(elsewhere)}
    assert operator.ctl("lsuser", environment=environment).exit_code == 0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("data_root = data\nfrobnicate = 1", "frobnicate"),
        ("data_root = data\nsync_timeout = soon", "sync_timeout"),
        ("data_root = /dev/null/data", "/dev/null/data"),
        ("data_root =", "data_root: must not be empty"),
        ("[unfinished", "production.ini"),
    ],
)
def test_a_wrong_configuration_is_explained_in_one_line(
    operator: Operator, wrong: str, named: str
) -> None:
    text = operator.config.read_text()
    operator.config.write_text(text.replace("data_root = %(here)s/data", wrong))
    for command in ("lsuser", "start"):
        refused = operator.ctl(command)
        assert refused.exit_code == WRONG_CONFIGURATION
        assert named in refused.errors
        assert len(refused.errors.splitlines()) == 1


def test_a_misspelt_variable_is_explained(operator: Operator) -> None:
    for command in ("lsuser", "start", "debug"):
        refused = operator.ctl(command, environment={"SYNCSERVER_HOTS": "0.0.0.0"})
        assert refused.exit_code == WRONG_CONFIGURATION
        assert refused.errors == (
            "SYNCSERVER_HOTS: there is no such variable; did you mean SYNCSERVER_HOST?\n"
        )
    assert operator.is_stopped()


def test_an_unknown_variable_is_told_in_the_log(operator: Operator) -> None:
    environment = {"SYNCSERVER_FROBNICATE": "1", "SYNCSERVER_PORT": "tcp://10.0.0.7:8080"}
    assert operator.ctl("start", environment=environment).exit_code == 0
    [line] = [line for line in operator.log.splitlines() if "variable_unknown" in line]
    assert "level=warning" in line
    assert line.endswith("variable=SYNCSERVER_FROBNICATE")


def test_an_empty_data_root_puts_nothing_into_the_current_folder(operator: Operator) -> None:
    for arguments in (("adduser", "zoe", "--password-stdin"), ("start",)):
        environment = {"SYNCSERVER_DATA_ROOT": ""}
        refused = operator.ctl(*arguments, stdin="x\n", environment=environment)
        assert refused.exit_code == WRONG_CONFIGURATION
        assert "SYNCSERVER_DATA_ROOT: data_root: must not be empty" in refused.errors
    assert list(operator.folder.iterdir()) == [operator.config]


@pytest.mark.parametrize(
    ("database_url", "exit_code", "named"),
    [
        ("nonsense", WRONG_CONFIGURATION, "database_url"),
        ("sqlite:////dev/null/accounts.db", FAILED, "/dev/null/accounts.db"),
    ],
)
def test_a_database_that_cannot_be_used_is_explained(
    operator: Operator, database_url: str, exit_code: int, named: str
) -> None:
    environment = {"SYNCSERVER_DATABASE_URL": database_url}
    refused = operator.ctl("lsuser", environment=environment)
    assert refused.exit_code == exit_code
    assert named in refused.errors
    assert len(refused.errors.splitlines()) == 1
    refused = operator.ctl("start", environment=environment)
    assert refused.exit_code == exit_code
    assert named in refused.errors


def test_a_server_that_is_not_installed_is_explained(operator: Operator) -> None:
    text = operator.config.read_text()
    operator.config.write_text(text.replace("egg:syncserver#server", "egg:frobnicate#main"))
    refused = operator.ctl("debug")
    assert refused.exit_code == WRONG_CONFIGURATION
    assert "frobnicate" in refused.errors
    assert operator.is_stopped()
    assert not operator.pid_file.exists()
