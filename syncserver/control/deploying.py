"""The command deploy-files: configuration of other programs, filled in from the settings."""

import pwd
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    open_installation,
)
from syncserver.control.output import CommandFailed, note, say
from syncserver.deploy.catalogue import KINDS, DeployFile, Kind, write_file
from syncserver.deploy.deployment import HTTP_PORT, Deployment
from syncserver.deploy.directives import NotExpressible

KindName = Enum("KindName", {name: name for name in KINDS}, type=str)  # type: ignore[misc]
MODULE_FILE: Final = "__main__.py"


KindArgument = Annotated[KindName, typer.Argument(help="The program that is to be set up.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write into this folder.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that differ.")]
UserOption = Annotated[
    str, typer.Option("--user", help="Who runs the server; without it, who owns its files.")
]
CertificateOption = Annotated[
    str, typer.Option("--certificate", help="The proxy's certificate with its chain.")
]
KeyOption = Annotated[str, typer.Option("--key", help="The certificate's key.")]
HttpPortOption = Annotated[
    int, typer.Option("--http-port", help="The proxy's port that redirects to https.")
]
LogOption = Annotated[
    str, typer.Option("--log-file", help="Where the log goes, if not where it usually does.")
]


def deploy_files(  # noqa: PLR0913, PLR0917 - each is an option that people type
    kind: KindArgument,
    output: OutputOption = None,
    force: ForceOption = False,
    user: UserOption = "",
    certificate: CertificateOption = "",
    key: KeyOption = "",
    http_port: HttpPortOption = HTTP_PORT,
    log_file: LogOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the configuration of a proxy, of a service manager and the like.

    It is filled in from the settings and printed, or written into a folder with --output.
    """
    installation = open_installation(config)
    deployment = Deployment(
        settings=installation.settings,
        server=installation.server,
        config=installation.config,
        command=_command(),
        user=user or _owner(installation),
        python_prefix=Path(sys.prefix),
        base_prefix=Path(sys.base_prefix),
        certificate=certificate,
        key=key,
        http_port=http_port,
        named_log=log_file,
    )
    chosen = KINDS[kind.value]
    texts = _filled_in(chosen, deployment)
    for warning in _warnings(chosen, deployment):
        note(warning)
    if output is None:
        _print(texts)
    else:
        _write(output, texts, force=force)


def _filled_in(kind: Kind, deployment: Deployment) -> list[tuple[DeployFile, str]]:
    if kind.is_proxy:
        _check_upstream(deployment)
    try:
        return [(file, file.text(deployment)) for file in kind.files]
    except NotExpressible as problem:
        raise CommandFailed(str(problem)) from None


def _check_upstream(deployment: Deployment) -> None:
    if deployment.server.tls_certificate:
        raise CommandFailed(
            "the server speaks TLS itself (tls_certificate): behind a proxy leave that to the proxy"
        )
    if not deployment.has_fixed_address:
        raise CommandFailed("port = 0 is another port after each start: a proxy needs a fixed one")


def _command() -> tuple[str, ...]:
    """Return the command that runs this script again."""
    script = Path(sys.argv[0]).absolute()
    if script.name == MODULE_FILE:
        return (sys.executable, "-m", "syncserver.control")
    return (str(script),)


def _owner(installation: Installation) -> str:
    """Return the name of who owns the data root; the configuration file's until there is one."""
    data_root = installation.settings.data_root
    owner = (data_root if data_root.exists() else installation.config).stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)


def _warnings(kind: Kind, deployment: Deployment) -> Iterator[str]:
    if kind.is_proxy and not deployment.settings.public_url:
        yield f"public_url is empty: put your server's name in the place of {deployment.host}"
    if kind.is_proxy and deployment.settings.public_url.startswith("http://"):
        yield "public_url begins with http://, but the proxy is set up for https: correct public_url"
    if kind.starts_server and deployment.user == "root":
        yield "the server would run as root: give it a user of its own, or name one with --user"
    if kind.starts_server and not deployment.settings.data_root.exists():
        yield f"make {deployment.settings.data_root} first, owned by {deployment.user}"


def _print(texts: list[tuple[DeployFile, str]]) -> None:
    for file, text in texts:
        heading = f"# --- {file.name}\n\n" if len(texts) > 1 else ""
        # As it is: `say` would spell out the tabs of a Caddyfile. Nothing in it drives a terminal.
        sys.stdout.write(heading + text)


def _write(folder: Path, texts: list[tuple[DeployFile, str]], *, force: bool) -> None:
    for file, text in texts:
        path = folder / file.name
        if path.exists() and path.read_text(encoding="utf-8") != text and not force:
            raise CommandFailed(f"{path} is there already and differs; replace it with --force")
    for file, text in texts:
        write_file(folder / file.name, text)
        say(f"{folder / file.name}: for {file.place}")
