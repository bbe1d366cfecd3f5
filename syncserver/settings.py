"""The typed schema of every option, and where each value came from.

A value comes, the later the stronger, from the schema's default, the ini file, the environment
variable `SYNCSERVER_<OPTION>`, or the file that `SYNCSERVER_<OPTION>_FILE` names (for secrets).
`example.ini` and docs/operations.md are compared with this schema by a test.
"""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from paste.deploy.loadwsgi import ConfigLoader
from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

SERVER_SECTION: Final = "server:main"
OUR_EGG: Final = "egg:syncserver"
ENVIRONMENT_PREFIX: Final = "SYNCSERVER_"
# In the place of a file of the operator's; every option then comes from the environment.
BUILTIN_CONFIG: Final = Path(__file__).with_name("builtin.ini")
# PasteDeploy puts these into every [DEFAULT] section by itself.
PASTE_OWN_KEYS: Final = frozenset({"here", "__file__"})

IpNetwork = IPv4Network | IPv6Network
Seconds = Annotated[int, Field(ge=0)]
PositiveSeconds = Annotated[int, Field(ge=1)]


def _split_networks(value: object) -> object:
    if isinstance(value, str):
        return tuple(ip_network(part, strict=False) for part in value.replace(",", " ").split())
    return value


def _split_names(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.lower() for part in value.replace(",", " ").split())
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]


class SettingsError(Exception):
    """A configuration that cannot be used; the message names the file, the section, the option."""


class Settings(BaseModel):
    """The options of [DEFAULT]: what the sync, media, API and page apps share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_root: Path = Field(description="Folder that holds everything: accounts, users, backups.")
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL of the accounts; empty means a SQLite file in data_root.",
    )
    server_name: str = Field(default="Anki sync server", description="Name shown on the page at /.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s]+)?$",
        description="Address that people enter in their clients; empty means: take the request's.",
    )
    trusted_proxies: Annotated[tuple[IpNetwork, ...], BeforeValidator(_split_networks)] = Field(
        default=(ip_network("127.0.0.1/32"), ip_network("::1/128")),
        description="Networks whose X-Forwarded-For and X-Forwarded-Proto headers are believed.",
    )
    max_collection_bytes: ByteSize = Field(
        default=ByteSize(300_000_000), description="Largest collection that may be uploaded."
    )
    max_request_bytes: ByteSize = Field(
        default=ByteSize(100_000_000), description="Largest other request, after decompression."
    )
    body_timeout: PositiveSeconds = Field(
        default=60, description="Seconds of silence after which a half-sent request is cut off."
    )
    max_requests: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="Most requests worked on at once; 0: seven eighths of the server's threads.",
    )
    max_requests_per_user: Annotated[int, Field(ge=0)] = Field(
        default=16, description="Most requests of one user at once; 0 for no limit."
    )
    max_requests_per_address: Annotated[int, Field(ge=0)] = Field(
        default=64, description="Most requests of one address without a login; 0 for no limit."
    )
    requests_per_user: Annotated[int, Field(ge=0)] = Field(
        default=60_000, description="Requests of one user in request_window; 0 for no limit."
    )
    request_window: PositiveSeconds = Field(
        default=600, description="Seconds for which the requests of a user are counted."
    )
    sync_timeout: PositiveSeconds = Field(
        default=300, description="Seconds of silence after which a sync is rolled back."
    )
    sync_wait: Annotated[int, Field(ge=0, le=25)] = Field(
        default=20,
        description="Seconds a second device waits for the first; clients give up at 30.",
    )
    takeover_after: PositiveSeconds = Field(
        default=15, description="Seconds of silence after which another device may take over."
    )
    idle_close: PositiveSeconds = Field(
        default=90, description="Seconds after which an unused collection is closed."
    )
    max_open_collections: Annotated[int, Field(ge=1)] = Field(
        default=50, description="How many collections stay open while nobody uses them."
    )
    backups_keep: Annotated[int, Field(ge=1)] = Field(
        default=10, description="Restore points of each user kept from before changes."
    )
    snapshot_interval: Seconds = Field(
        default=21_600, description="Seconds between two restore points of a user; 0 for none."
    )
    snapshots_recent: Annotated[int, Field(ge=1)] = Field(
        default=4, description="How many of the newest restore points of the schedule are kept."
    )
    snapshots_daily: Annotated[int, Field(ge=0)] = Field(
        default=7, description="For how many days the last restore point of the day is kept."
    )
    snapshots_weekly: Annotated[int, Field(ge=0)] = Field(
        default=4, description="For how many weeks the last restore point of the week is kept."
    )
    snapshots_monthly: Annotated[int, Field(ge=0)] = Field(
        default=6, description="For how many months the last restore point of the month is kept."
    )
    snapshots_min_free: ByteSize = Field(
        default=ByteSize(500_000_000), description="Free disk space below which none is taken."
    )
    bulk_deletion_notes: Annotated[int, Field(ge=1)] = Field(
        default=50, description="Notes deleted at once by a program that are a bulk deletion."
    )
    offsite_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/]+/?)?$",
        description="Address of an S3-compatible store for copies of restore points.",
    )
    offsite_bucket: str = Field(default="", description="The bucket in that store.")
    offsite_prefix: str = Field(
        default="syncserver/", description="What the names of all objects in it begin with."
    )
    offsite_region: str = Field(default="us-east-1", description="The store's region.")
    offsite_access_key: str = Field(default="", description="The name of the store's account.")
    offsite_secret_key: SecretStr = Field(
        default=SecretStr(""), description="Its secret; best given by a file."
    )
    offsite_keep_days: Annotated[int, Field(ge=0)] = Field(
        default=90, description="Days for which restore points stay in the store; 0 for ever."
    )
    offsite_media: bool = Field(default=True, description="Whether media files are sent too.")
    share_media: bool = Field(
        default=True, description="Keep identical files of different users on disk only once."
    )
    media_trash_days: Annotated[int, Field(ge=0)] = Field(
        default=30, description="Days for which deleted and replaced media can be restored."
    )
    max_media_file_bytes: ByteSize = Field(
        default=ByteSize(100 * 1024 * 1024), description="Largest media file; clients have 100 MiB."
    )
    max_media_zip_bytes: ByteSize = Field(
        default=ByteSize(300_000_000), description="Largest upload of media files, unpacked."
    )
    media_quota: ByteSize = Field(
        default=ByteSize(0), description="Most bytes of media for each user; 0 for no limit."
    )
    host_keys_per_user: Annotated[int, Field(ge=1)] = Field(
        default=100, description="Logins remembered for each user; the longest unused one goes."
    )
    login_failures_per_account: Annotated[int, Field(ge=1)] = Field(
        default=10, description="Wrong passwords for one name within login_failure_window."
    )
    login_failures_per_address: Annotated[int, Field(ge=1)] = Field(
        default=100, description="Wrong logins from one address within login_failure_window."
    )
    login_failure_window: PositiveSeconds = Field(
        default=300, description="Seconds for which failed logins are counted."
    )
    password_hash_memory: ByteSize = Field(
        default=ByteSize(19 * 1024 * 1024), ge=64 * 1024, description="Memory of one argon2id hash."
    )
    password_hash_time: Annotated[int, Field(ge=1)] = Field(
        default=2, description="Passes of one argon2id hash."
    )
    password_hash_threads: Annotated[int, Field(ge=1)] = Field(
        default=2, description="How many passwords are hashed at the same time."
    )
    allowed_hosts: Names = Field(
        default=(),
        description="Host names under which the API may be called; empty means any.",
    )
    cors_origins: Names = Field(
        default=(),
        description="Origins of web pages that may call the API; * for all of them.",
    )
    import_url_hosts: Names = Field(
        default=(),
        description="Hosts from which the API may fetch files that are imported.",
    )
    ankiconnect_schema_changes: bool = Field(
        default=False,
        description="Let AnkiConnect's actions force every device into a full sync.",
    )
    api_wait: Seconds = Field(
        default=20, description="Seconds a call of the API waits for a device's sync to end."
    )
    api_login_lifetime: PositiveSeconds = Field(
        default=43_200, description="Seconds for which the token of a login to the API is good."
    )
    metrics_networks: Annotated[tuple[IpNetwork, ...], BeforeValidator(_split_networks)] = Field(
        default=(ip_network("127.0.0.1/32"), ip_network("::1/128")),
        description="Networks that may read /metrics and the details of /ready.",
    )
    metrics_token: str = Field(
        default="", description="Bearer token with which anybody may read them; empty for none."
    )
    min_free_bytes: ByteSize = Field(
        default=ByteSize(100_000_000), description="Free disk space below which /ready says no."
    )
    audit_file: str = Field(
        default="", description="The audit trail; empty means audit.log in data_root."
    )
    journal_days: Annotated[int, Field(ge=0)] = Field(
        default=90, description="Days for which the journal of syncs is kept; 0 keeps none."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least important events that are logged."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="text for people, json for programs."
    )

    @field_validator("data_root")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        return Path(os.path.abspath(value.expanduser()))

    @property
    def accounts_url(self) -> str:
        """The SQLAlchemy URL of the account database."""
        return self.database_url or f"sqlite:///{self.data_root / 'accounts.db'}"

    @property
    def audit_path(self) -> Path:
        """The file of the audit trail; a relative path is relative to the data root."""
        return self.data_root / (self.audit_file or "audit.log")

    @property
    def users_folder(self) -> Path:
        """The folder that holds one folder for each user."""
        return self.data_root / "users"


class ServerSettings(BaseModel):
    """The options of [server:main]: how the server listens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1",
        description="Addresses to listen on, separated by commas; empty: the Unix socket only.",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8080, description="TCP port; 0: any free one, see address_file."
    )
    unix_socket: str = Field(default="", description="Unix socket to listen on as well.")
    unix_socket_mode: str = Field(
        default="660", pattern="^[0-7]{3}$", description="Who may connect to unix_socket."
    )
    tls_certificate: str = Field(default="", description="File of the certificate, with its chain.")
    tls_key: str = Field(default="", description="File of the certificate's private key.")
    tls_client_ca: str = Field(
        default="", description="File of the authority that signs clients' certificates."
    )
    tls_client_certificates: Literal["off", "optional", "required"] = Field(
        default="required", description="Whether clients must show one, if tls_client_ca is set."
    )
    hsts_seconds: Seconds = Field(
        default=0, description="How long browsers remember to come by HTTPS; 0: no header."
    )
    redirect_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=0, description="Plain HTTP port that sends people to HTTPS; 0: none."
    )
    threads: Annotated[int, Field(ge=4, le=4096)] = Field(
        default=256, description="Most requests worked on at the same time."
    )
    stop_timeout: PositiveSeconds = Field(
        default=60, description="Seconds that requests in progress get when the server stops."
    )
    pid_file: str = Field(default="", description="Empty means syncserver.pid in data_root.")
    address_file: str = Field(
        default="",
        description="Where the real addresses are written; empty: syncserver.address in data_root.",
    )
    log_file: str = Field(
        default="",
        description="Log of a server in the background; empty: syncserver.log in data_root.",
    )
    first_user: str = Field(default="", description="Name of the user added if there is none.")
    first_password: SecretStr = Field(default=SecretStr(""), description="Password of first_user.")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of `host`."""
        return tuple(self.host.replace(",", " ").split())


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

    Raises SettingsError when the file is missing, cannot be parsed or holds a wrong option.
    """
    if not config.is_file():
        raise SettingsError(f"{config}: there is no such configuration file")
    try:
        loader = ConfigLoader(str(config.absolute()))
        loader.update_defaults({"here": str(config.absolute().parent)}, overwrite=False)
        shared_values = dict(loader.parser.defaults())
        all_server_values = dict(loader.parser.items(SERVER_SECTION))
    except (configparser.Error, UnicodeDecodeError) as problem:
        raise SettingsError(f"{config}: {' '.join(str(problem).split())}") from None
    file = str(config)
    shared = load_options(Settings, "DEFAULT", shared_values, file=file, environment=environment)
    server_values = _own_server_options(all_server_values, shared_values)
    server = load_options(
        ServerSettings, SERVER_SECTION, server_values, file=file, environment=environment
    )
    return shared, server


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
    if path := environment.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip(), f"{name}_FILE={path}"
        except OSError as problem:
            raise SettingsError(f"{name}_FILE={path}: {problem.strerror}") from None
    if name in environment:
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
    return f"{error['msg']} (got {error['input']!r})"
