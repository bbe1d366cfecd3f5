"""Where the value of each option comes from: the ini file, the environment, or a file for secrets."""

import configparser
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from paste.deploy.loadwsgi import ConfigLoader
from pydantic import BaseModel, ValidationError

from syncserver.settings.options import Settings
from syncserver.settings.server_options import ServerSettings
from syncserver.settings.values import SettingsError
from syncserver.settings.variables import (
    ENVIRONMENT_PREFIX,
    FILE_SUFFIX,
    is_service_link,
    refuse_misspelt,
)

SERVER_SECTION: Final = "server:main"
OUR_EGG: Final = "egg:syncserver"
# In the place of a file of the operator's; every option then comes from the environment.
BUILTIN_CONFIG: Final = Path(__file__).parents[1] / "builtin.ini"
# PasteDeploy puts these into every [DEFAULT] section by itself.
PASTE_OWN_KEYS: Final = frozenset({"here", "__file__"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Loaded(Generic[Model]):
    """Validated options, and for each one that is not a default where its value came from."""

    options: Model
    sources: Mapping[str, str]


def load_options(
    model: type[Model],
    section: str,
    values: Mapping[str, str],
    *,
    file: str,
    environment: Mapping[str, str] = os.environ,
) -> Loaded[Model]:
    """Validate the options of one section of `file`, overridden by `environment`.

    Raises SettingsError, which names the file (or variable), the section and the option.
    """
    refuse_misspelt(environment)
    raw = {key: value for key, value in values.items() if key not in PASTE_OWN_KEYS}
    sources = dict.fromkeys(raw, f"{file} [{section}]")
    for option in model.model_fields:
        override = _environment_value(option, environment)
        if override is not None:
            raw[option], sources[option] = override
    try:
        return Loaded(model.model_validate(raw), sources)
    except ValidationError as problem:
        raise SettingsError(_explain(problem, sources, f"{file} [{section}]")) from None


def load_file(
    config: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Loaded[Settings], Loaded[ServerSettings]]:
    """Read [DEFAULT] and [server:main] of an ini file, as the control script needs them.

    Raises SettingsError when the file is missing, cannot be read or parsed, or holds a wrong option.
    """
    if not config.is_file():
        raise SettingsError(f"{config}: there is no such configuration file")
    try:
        loader = ConfigLoader(str(config.absolute()))
        loader.update_defaults({"here": str(config.absolute().parent)}, overwrite=False)
        shared_values = dict(loader.parser.defaults())
        all_server_values = dict(loader.parser.items(SERVER_SECTION))
    except OSError as problem:
        raise SettingsError(f"{config}: {problem.strerror}") from None
    except (configparser.Error, UnicodeDecodeError) as problem:
        raise SettingsError(f"{config}: {' '.join(str(problem).split())}") from None
    file = str(config)
    shared = load_options(Settings, "DEFAULT", shared_values, file=file, environment=environment)
    server_values = _own_server_options(all_server_values, shared_values)
    server = load_options(
        ServerSettings, SERVER_SECTION, server_values, file=file, environment=environment
    )
    return shared, server


def forget_variables(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take the values of options, passwords among them, out of the environment: all are loaded.

    Else every program that this process starts would be handed them, and whatever shows an
    environment would show them.
    """
    for option in (*Settings.model_fields, *ServerSettings.model_fields):
        environment.pop(ENVIRONMENT_PREFIX + option.upper(), None)


def _own_server_options(section: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """Return what [server:main] says to us; another WSGI server has options of its own there."""
    ours = section.get("use", "").startswith(OUR_EGG)
    return {
        option: value
        for option, value in section.items()
        if option != "use"
        and inherited.get(option) != value
        and (ours or option in ServerSettings.model_fields)
    }


def _environment_value(option: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    name = ENVIRONMENT_PREFIX + option.upper()
    file_variable = f"{name}{FILE_SUFFIX}"
    if path := environment.get(file_variable):
        try:
            return Path(path).read_text(encoding="utf-8").strip(), f"{file_variable}={path}"
        except OSError as problem:
            raise SettingsError(f"{file_variable}={path}: {problem.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"{file_variable}={path}: is not UTF-8") from None
    if name in environment and not is_service_link(name, environment[name]):
        return environment[name], name
    return None


def _explain(problem: ValidationError, sources: Mapping[str, str], section: str) -> str:
    lines = []
    for error in problem.errors():
        option = ".".join(str(part) for part in error["loc"][:1])
        lines.append(f"{sources.get(option, section)}: {option}: {_words(error)}")
    return "\n".join(lines)


def _words(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such option"
    if error["type"] == "missing":
        return "this option is required"
    # What our own validators say, without pydantic's words before it.
    words = error["ctx"]["error"] if error["type"] == "value_error" else error["msg"]
    return f"{words} (got {error['input']!r})"
