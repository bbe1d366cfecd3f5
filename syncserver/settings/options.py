"""The options of [DEFAULT], which all apps of a data root share."""

import os
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)

from syncserver.settings.values import NamedPath, Names, Networks, PositiveSeconds, Seconds


class Settings(BaseModel):
    """The options of [DEFAULT]: what the sync, media, API and page apps share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_root: NamedPath = Field(
        description="Folder that holds everything: accounts, users, backups."
    )
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
    trusted_proxies: Networks = Field(
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
        default=50,
        description="Notes deleted at once by a program or a sync that are a bulk deletion.",
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
    metrics_networks: Networks = Field(
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

    @cached_property
    def users_folder(self) -> Path:
        """The folder that holds one folder for each user."""
        return self.data_root / "users"
