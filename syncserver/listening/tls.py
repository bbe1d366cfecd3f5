"""The certificate, its key and the authority of client certificates, checked before they are used.

Granian would end a worker over a file that it cannot use; an operator gets a sentence instead.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from syncserver.settings import ServerSettings, Settings, SettingsError

PEM_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
# In OpenSSL's reasons for not taking a certificate: its key is too short, its signature too old.
WEAK: Final = ("TOO_SMALL", "TOO_WEAK")
FileState = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a server that speaks TLS itself."""

    certificate: Path
    key: Path
    client_ca: Path | None
    client_required: bool

    def state(self) -> tuple[FileState | None, ...]:
        """Return what changes when one of the files is written or replaced."""
        files = (self.certificate, self.key, self.client_ca)
        return tuple(_state_of(file) for file in files if file is not None)


def tls_of(settings: Settings, options: ServerSettings) -> Tls | None:
    """Return the files that the options name, checked; None without TLS.

    Raises SettingsError, which names the option.
    """
    if not options.tls_certificate:
        _need_certificate(options)
        return None
    if not options.tls_key:
        raise SettingsError("tls_key: the key that belongs to tls_certificate is missing")
    # Paths are relative to the data root, as those of the other files.
    root = settings.data_root
    wants_clients = options.tls_client_ca and options.tls_client_certificates != "off"
    tls = Tls(
        certificate=root / options.tls_certificate,
        key=root / options.tls_key,
        client_ca=root / options.tls_client_ca if wants_clients else None,
        client_required=options.tls_client_certificates == "required",
    )
    check(tls)
    return tls


def check(tls: Tls) -> None:
    """Raise SettingsError, which names the option, unless the files can be used together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _check_certificates("tls_certificate", tls.certificate)
    _read("tls_key", tls.key)

    def ask_for_password() -> NoReturn:
        raise SettingsError(f"tls_key: {tls.key} is protected by a password; it must have none")

    try:
        context.load_cert_chain(tls.certificate, tls.key, ask_for_password)
    except ssl.SSLError as problem:
        raise SettingsError(_explain(tls, problem.reason or "")) from None
    except OSError as problem:  # a renewal replaces them at this moment
        raise SettingsError(f"tls_certificate: {tls.certificate}: {problem.strerror}") from None
    if tls.client_ca is not None:
        _check_certificates("tls_client_ca", tls.client_ca)


def _explain(tls: Tls, reason: str) -> str:
    if reason == "KEY_VALUES_MISMATCH":
        return f"tls_key: {tls.key} does not belong to the certificate {tls.certificate}"
    if any(word in reason for word in WEAK):
        return f"tls_certificate: {tls.certificate} is too weak for today ({reason})"
    return f"tls_key: {tls.key} holds no private key that can be used"


def _need_certificate(options: ServerSettings) -> None:
    """Raise SettingsError for an option that means nothing without TLS."""
    for option in ("tls_key", "tls_client_ca", "hsts_seconds", "redirect_port"):
        if getattr(options, option):
            raise SettingsError(f"{option}: means nothing without tls_certificate")


def _check_certificates(option: str, file: Path) -> None:
    text = _read(option, file)
    if PEM_CERTIFICATE not in text:
        raise SettingsError(f"{option}: {file} holds no certificate in PEM form")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=text)
    except ssl.SSLError:
        raise SettingsError(f"{option}: {file} holds a damaged certificate") from None


def _read(option: str, file: Path) -> str:
    try:
        # Between the certificates there may be comments in any alphabet.
        return file.read_text(encoding="ascii", errors="ignore")
    except OSError as problem:
        raise SettingsError(f"{option}: {file}: {problem.strerror}") from None


def _state_of(file: Path) -> FileState | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
