"""The options: can they be used, and do they fit together?"""

import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from paste.deploy import loadapp
from pydantic import BaseModel, SecretStr

from syncserver.control.checks.finding import Finding, Severity
from syncserver.settings import (
    ENVIRONMENT_PREFIX,
    ServerSettings,
    Settings,
    SettingsError,
    load_file,
    unknown_variables,
)

OTHERS_MAY_READ: Final = stat.S_IROTH | stat.S_IWOTH
# Secrets that are texts like any other to the rest of the program.
PLAIN_SECRETS: Final = frozenset({"metrics_token"})
LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
# Threads that must be left for refusals and for /health.
LEAST_SPARE_THREADS: Final = 2

# How bad it is, what is wrong, what helps.
Found = tuple[Severity, str, str]


def unusable(config: Path) -> list[Finding]:
    """Return why the server would not start with this file, nothing if it would."""
    try:
        load_file(config)
        loadapp(f"config:{quote(str(config.absolute()))}")
    except SettingsError as problem:
        return [_unusable(config, line) for line in str(problem).splitlines()]
    except (LookupError, ImportError, ValueError, OSError, TypeError) as problem:
        return [_unusable(config, f"{config}: {problem}")]
    return []


def _unusable(config: Path, problem: str) -> Finding:
    remedy = "correct it (example.ini explains every option); the server does not start like this"
    return Finding("error", config.name, problem, remedy)


def inconsistent(
    config: Path, settings: Settings, server: ServerSettings, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield what each option alone does not show."""
    for severity, problem, remedy in (
        *_sizes(settings),
        *_times(settings),
        *_counts(settings, server),
        *_addresses(settings, server),
    ):
        yield Finding(severity, config.name, problem, remedy)
    yield from _readable_secrets(config, settings, server, environment)
    yield from _unknown_variables(environment)


def _sizes(settings: Settings) -> Iterator[Found]:
    if settings.max_media_zip_bytes < settings.max_media_file_bytes:
        yield (
            "error",
            "max_media_zip_bytes is less than max_media_file_bytes: a file of that size cannot come",
            "raise max_media_zip_bytes above max_media_file_bytes",
        )
    if 0 < settings.media_quota < settings.max_media_file_bytes:
        yield (
            "warning",
            "media_quota is less than max_media_file_bytes",
            "raise media_quota, or lower max_media_file_bytes",
        )
    if settings.max_collection_bytes < settings.max_request_bytes:
        yield (
            "warning",
            (
                "max_collection_bytes is less than max_request_bytes: people sync more than they may"
                " upload again"
            ),
            "raise max_collection_bytes",
        )


def _times(settings: Settings) -> Iterator[Found]:
    if settings.takeover_after > settings.sync_timeout:
        yield (
            "warning",
            "takeover_after is more than sync_timeout and has no effect",
            "lower takeover_after",
        )
    if settings.sync_wait < settings.takeover_after:
        yield (
            "warning",
            (
                "sync_wait is less than takeover_after: a second device gives up before it could take"
                " a silent sync over"
            ),
            "raise sync_wait (at most 25) above takeover_after",
        )


def _counts(settings: Settings, server: ServerSettings) -> Iterator[Found]:
    if settings.max_requests > server.threads - LEAST_SPARE_THREADS:
        yield (
            "error",
            (
                f"max_requests leaves no threads free (threads = {server.threads}): a full server"
                " answers nobody, not even /health"
            ),
            "lower max_requests, set it to 0, or raise threads",
        )
    most = settings.max_requests or server.threads
    for option in ("max_requests_per_user", "max_requests_per_address"):
        if getattr(settings, option) >= most or getattr(settings, option) == 0:
            yield (
                "warning",
                f"{option} lets one of them have all requests that the server works on",
                f"set {option} well below {most}",
            )


def _addresses(settings: Settings, server: ServerSettings) -> Iterator[Found]:
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        yield (
            "error",
            "trusted_proxies trusts everybody: anyone can pretend to be at any address",
            "name only the addresses of your proxies",
        )
    url = urlsplit(settings.public_url)
    if (
        settings.public_url
        and url.hostname in LOCAL_NAMES
        and not set(LOCAL_NAMES).issuperset(server.hosts)
    ):
        yield (
            "warning",
            f"public_url says {url.hostname}, which is another computer on each device",
            "set public_url to the address that devices reach",
        )
    if url.path.rstrip("/").endswith(("/sync", "/msync")):
        yield (
            "warning",
            "public_url ends with /sync or /msync, which clients add themselves",
            "take that part away",
        )


def _readable_secrets(
    config: Path, settings: Settings, server: ServerSettings, environment: Mapping[str, str]
) -> Iterator[Finding]:
    secrets = [*_secrets(settings), *_secrets(server)]
    files = [_file_of(option, config, environment) for option in secrets]
    if server.tls_key:
        files.append(Path(server.tls_key))
    for file in dict.fromkeys(files):
        if file is not None and _others_may_read(file):
            problem = "holds a secret, and everybody on this computer may read it"
            yield Finding("error", str(file), problem, f"chmod 600 {shlex.quote(str(file))}")


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    for variable in unknown_variables(environment):
        problem = "there is no such option: this variable has no effect"
        remedy = "correct its name (example.ini has all options), or take it away"
        yield Finding("warning", variable, problem, remedy)


def _secrets(options: BaseModel) -> Iterator[str]:
    """Yield the names of the options that are set to something secret."""
    for name in type(options).model_fields:
        value = getattr(options, name)
        if name == "database_url":
            value = urlsplit(value).password
        elif name not in PLAIN_SECRETS and not isinstance(value, SecretStr):
            continue
        if value:
            yield name


def _file_of(option: str, config: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the file in which an option is set; None if a variable of the environment does it."""
    variable = f"{ENVIRONMENT_PREFIX}{option.upper()}"
    if secret_file := environment.get(f"{variable}_FILE"):
        return Path(secret_file)
    return None if variable in environment else config


def _others_may_read(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & OTHERS_MAY_READ)
    except OSError:  # not there, or in a folder that is closed to us too
        return False
