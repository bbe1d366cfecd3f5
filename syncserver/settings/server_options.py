"""The options of [server:main], for the server that is part of syncserver."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
)

from syncserver.settings.values import PositiveSeconds, Seconds


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
