"""The values of the placeholders, as the languages of the different programs want them."""

import re
from typing import Final

from syncserver.deploy.deployment import (
    HTTP_PORT,
    HTTPS_PORT,
    LOW_PORT_CAPABILITY,
    Deployment,
)

PLAIN_WORD: Final = re.compile(r"[\w./:@%+,=-]+")
# In a host or a path these mean the same to every program; anything else would need quoting of a
# different kind for each.
PLAIN_ADDRESS: Final = re.compile(r"[A-Za-z0-9._~:/-]*")
UNQUOTABLE: Final = re.compile(r"[\"'\\$\x00-\x1f]")


class NotExpressible(Exception):
    """A path or address that the files of other programs cannot hold."""


def directives(deployment: Deployment) -> dict[str, str]:
    """Return what stands for each placeholder. Raises NotExpressible."""
    return {
        **_addresses(deployment),
        **_limits(deployment),
        **_places(deployment),
        **_nginx(deployment),
        **_apache(deployment),
        **_caddy(deployment),
        **_haproxy(deployment),
        **_systemd(deployment),
        **_supervisor(deployment),
        **_fail2ban(deployment),
    }


def _addresses(deployment: Deployment) -> dict[str, str]:
    for part in (deployment.host, deployment.prefix):
        if not PLAIN_ADDRESS.fullmatch(part):
            raise NotExpressible(f"public_url: {part!r} has characters that proxies take apart")
    return {
        "host": deployment.host,
        "origin": deployment.origin,
        "https_port": str(deployment.https_port),
        "http_port": str(deployment.http_port),
        "prefix": deployment.prefix,
        "location": f"{deployment.prefix}/",
        "certificate": _word(deployment.certificate_file),
        "key": _word(deployment.key_file),
    }


def _limits(deployment: Deployment) -> dict[str, str]:
    return {
        "body_megabytes": str(deployment.body_megabytes),
        "body_bytes": str(deployment.body_megabytes * 1_000_000),
        "answer_seconds": str(deployment.answer_seconds),
        "stop_seconds": str(deployment.stop_seconds),
    }


def _places(deployment: Deployment) -> dict[str, str]:
    return {
        "user": deployment.user,
        "group": deployment.group,
        "folder": _word(deployment.folder),
        "config": _word(deployment.config),
        "config_literal": repr(str(deployment.config)),
        "script": _word(deployment.folder / "syncserver.wsgi"),
        "python_prefix": _word(deployment.python_prefix),
        "log_file": _word(deployment.log_file),
    }


def _nginx(deployment: Deployment) -> dict[str, str]:
    socket, prefix = deployment.unix_socket, deployment.prefix
    upstream = f"http://unix:{_word(socket)}" if socket else f"http://{deployment.authority}"
    # With a path behind it nginx puts that in the place of the location's.
    rewritten = f"{upstream}:/" if socket else f"{upstream}/"
    redirect = f"location = {prefix} {{ return 301 {prefix}/; }}" if prefix else ""
    return {
        "nginx_upstream": rewritten if prefix else upstream,
        "nginx_redirect": redirect,
    }


def _apache(deployment: Deployment) -> dict[str, str]:
    socket, prefix = deployment.unix_socket, deployment.prefix
    base = f"unix:{socket}|http://localhost/" if socket else f"http://{deployment.authority}/"
    redirect = f"RedirectMatch permanent ^{re.escape(prefix)}$ {prefix}/" if prefix else ""
    header = f"set X-Forwarded-Prefix {prefix}" if prefix else "unset X-Forwarded-Prefix"
    # On the usual ports Apache listens already.
    listened = {deployment.http_port, deployment.https_port} - {HTTP_PORT, HTTPS_PORT}
    return {
        "apache_listen": "\n".join(f"Listen {port}" for port in sorted(listened)),
        "apache_upstream": _word(base),
        "apache_redirect": redirect,
        "apache_prefix_header": f"RequestHeader {header}",
        "apache_alias": prefix or "/",
    }


def _caddy(deployment: Deployment) -> dict[str, str]:
    prefix = deployment.prefix
    port = "" if deployment.https_port == HTTPS_PORT else f":{deployment.https_port}"
    given = deployment.certificate
    certificate = f"tls {_word(given)} {_word(deployment.key_file)}" if given else ""
    socket = deployment.unix_socket
    return {
        "caddy_site": f"{deployment.host}{port}",
        "caddy_certificate": certificate,
        "caddy_redirect": f"redir {prefix} {prefix}/ permanent" if prefix else "",
        "caddy_handle": f"handle_path {prefix}/*" if prefix else "handle",
        "caddy_prefix_header": f"X-Forwarded-Prefix {prefix}" if prefix else "-X-Forwarded-Prefix",
        "caddy_upstream": f"unix/{socket}" if socket else deployment.authority,
    }


def _haproxy(deployment: Deployment) -> dict[str, str]:
    prefix, pattern = deployment.prefix, re.escape(deployment.prefix)
    redirect = f"http-request redirect location {prefix}/ code 301 if {{ path {prefix} }}"
    socket = deployment.unix_socket
    certificate = deployment.certificate or f"/etc/haproxy/certs/{deployment.host}.pem"
    header = (
        f"set-header X-Forwarded-Prefix {prefix}" if prefix else "del-header X-Forwarded-Prefix"
    )
    return {
        "haproxy_certificate": _word(certificate),
        "haproxy_redirect": redirect if prefix else "",
        "haproxy_prefix_header": f"http-request {header}",
        "haproxy_rewrite": f"http-request replace-path {pattern}/(.*) /\\1" if prefix else "",
        "haproxy_server": f"unix@{_word(socket)}" if socket else deployment.authority,
    }


def _systemd(deployment: Deployment) -> dict[str, str]:
    capability = LOW_PORT_CAPABILITY if deployment.needs_low_port else ""
    runtime = f"RuntimeDirectory={deployment.runtime_folder}" if deployment.runtime_folder else ""
    folders = " ".join(_systemd_word(folder) for folder in deployment.written_folders)
    return {
        "systemd_command": _command(deployment),
        "systemd_folder": str(deployment.folder).replace("%", "%%"),
        "systemd_mounts": _systemd_word(deployment.settings.data_root),
        "systemd_written": folders,
        "systemd_runtime": runtime,
        "systemd_homes": "read-only" if deployment.needs_homes else "yes",
        "systemd_capabilities": capability,
        # A capability counts for nothing outside of the name space that PrivateUsers= makes.
        "systemd_private_users": "no" if capability else "yes",
    }


def _supervisor(deployment: Deployment) -> dict[str, str]:
    return {
        "supervisor_command": _command(deployment),
        "supervisor_log": deployment.named_log or "/var/log/supervisor/syncserver.log",
        "supervisor_folder": str(deployment.folder).replace("%", "%%"),
    }


def _fail2ban(deployment: Deployment) -> dict[str, str]:
    networks = ["127.0.0.0/8", "::1", *map(str, deployment.settings.trusted_proxies)]
    server = deployment.server
    ports = {deployment.http_port, deployment.https_port, server.port, server.redirect_port}
    unusual = sorted(ports - {0, HTTP_PORT, HTTPS_PORT})
    return {
        "fail2ban_ignored": " ".join(dict.fromkeys(networks)),
        "fail2ban_ports": ",".join(["http", "https", *map(str, unusual)]),
        "fail2ban_failures": str(deployment.settings.login_failures_per_account),
    }


def _command(deployment: Deployment) -> str:
    """Return what starts the server, as systemd and Supervisor read a command."""
    words = [*deployment.command, "debug", "--config", str(deployment.config)]
    return " ".join(_word(word) for word in words).replace("%", "%%")


def _systemd_word(path: object) -> str:
    return _word(path).replace("%", "%%")


def _word(text: object) -> str:
    """Return a path as one word, which all these programs understand in double quotes."""
    word = str(text)
    if UNQUOTABLE.search(word):
        raise NotExpressible(f"{word!r} has characters that configuration files take apart")
    return word if PLAIN_WORD.fullmatch(word) else f'"{word}"'
