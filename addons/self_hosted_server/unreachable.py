"""Why there was no HTTP answer, in plain words: name, port, time-out, certificate."""

from __future__ import annotations

import errno
import socket
import ssl
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit

from .findings import Finding, wrong

# OpenSSL's numbers for what is wrong with a certificate.
SELF_SIGNED = {18, 19}
UNKNOWN_ISSUER = {2, 20, 21}
NOT_YET_VALID = 9
EXPIRED = 10
OTHER_NAME = {62, 64}
NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}


def explain_no_answer(error: Exception, url: str) -> Finding:
    """Say why a request for a URL ended in this error, and what to do."""
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return _explain_no_http(url)
    if isinstance(error, ssl.SSLError):
        return _explain_encryption(error, url)
    if isinstance(error, HTTPException):
        return _explain_no_http(url)
    return _explain_connection(error, url)


def _explain_connection(error: Exception, url: str) -> Finding:
    host, port = _host(url), _port(url)
    if isinstance(error, socket.gaierror):
        return wrong(
            f"No computer with the name “{host}” was found.",
            "Check the spelling, and that this computer is in the right network or online. "
            "At home the number of the server, like 192.168.1.20, is more reliable than its name.",
        )
    if isinstance(error, ConnectionRefusedError):
        return wrong(
            f"“{host}” was found, but nothing accepts connections on its port {port}.",
            "Check that the server is running, that the port in the address is the server's, and "
            "that the server listens on the network and not only on 127.0.0.1.",
        )
    # Two classes until Python 3.10.
    if isinstance(error, (socket.timeout, TimeoutError)):
        return wrong(
            f"“{host}” did not answer in time on port {port}.",
            "Check that the computer is switched on and in the same network, that the address is "
            "right, and that no firewall blocks the port.",
        )
    if isinstance(error, ConnectionError):
        return _explain_no_http(url)
    if isinstance(error, OSError) and error.errno in NO_ROUTE:
        return wrong(
            f"This computer has no way to reach “{host}”.",
            "Check that it is connected to the network of the server.",
        )
    return wrong(f"“{host}” cannot be reached: {error}", "Check the address and the network.")


def _explain_encryption(error: ssl.SSLError, url: str) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, _host(url))
    return wrong(
        "The address says https://, but the server does not answer encrypted.",
        "Check the port. If the server has no certificate, use http:// (at home only: passwords "
        "can then be read by others in the network).",
        better_address=url.replace("https://", "http://", 1),
    )


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str) -> Finding:
    code = getattr(error, "verify_code", 0)
    if code in SELF_SIGNED | UNKNOWN_ISSUER:
        return wrong(
            "The server's certificate was not issued by anybody whom this computer trusts"
            + (" (it is self-signed)." if code in SELF_SIGNED else "."),
            "Give the server a certificate of a public authority such as Let's Encrypt. If you "
            "have an authority of your own, install its certificate on this computer. Or use "
            "http:// at home.",
        )
    if code == EXPIRED:
        return wrong(
            "The server's certificate has expired.",
            "Renew it on the server. If it was renewed, check this computer's date.",
        )
    if code == NOT_YET_VALID:
        return wrong("The server's certificate is not valid yet.", "Check this computer's date.")
    if code in OTHER_NAME:
        return wrong(
            f"The server's certificate is for another name than “{host}”.",
            "Enter the name that is in the certificate, or get one for this name.",
        )
    return wrong(
        f"The server's certificate is not accepted: {getattr(error, 'verify_message', error)}",
        "Check the certificate on the server.",
    )


def _explain_no_http(url: str) -> Finding:
    if urlsplit(url).scheme == "http":
        return wrong(
            f"Something is there on port {_port(url)}, but it does not answer as a web server.",
            "Check the port. If the server has a certificate, the address begins with https://",
            better_address=url.replace("http://", "https://", 1),
        )
    return wrong(
        f"Something is there on port {_port(url)}, but it ends the connection without an answer.",
        "Check the port, and the settings of the proxy if there is one.",
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
