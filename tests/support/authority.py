"""A certificate authority of one's own, for servers whose certificates are right or wrong in any way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

HERE = "IP:127.0.0.1"


@dataclass(frozen=True)
class Signed:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Files:
    """What a server is configured with."""

    certificate: Path
    key: Path


class Authority:
    """A root, an intermediate authority below it, and the certificates that this one signs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._root = _sign("Root of the tests", None, is_authority=True)
        self._intermediate = _sign("Intermediate of the tests", self._root, is_authority=True)
        self.root_file = folder / "root.pem"
        self.root_file.write_bytes(self._root.pem)

    def issue(
        self, *names: str, days: tuple[float, float] = (-1, 60), whole_chain: bool = True
    ) -> Files:
        """Write a certificate for `DNS:name` or `IP:address`, good from day to day from today."""
        self._count += 1
        leaf = _sign("a server", self._intermediate, names=names or (HERE,), days=days)
        chain = leaf.pem + (self._intermediate.pem if whole_chain else b"")
        files = Files(self._folder / f"{self._count}.pem", self._folder / f"{self._count}.key.pem")
        files.certificate.write_bytes(chain)
        files.key.write_bytes(leaf.key_pem)
        return files


def _sign(
    subject: str,
    issuer: Signed | None,
    *,
    is_authority: bool = False,
    names: Sequence[str] = (),
    days: tuple[float, float] = (-100, 100),
) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)
    name = _name(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([_alternative(one) for one in names])
        builder = builder.add_extension(alternatives, critical=False)
    return Signed(builder.sign(issuer.key if issuer else key, SHA256()), key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    return x509.IPAddress(ip_address(value)) if kind == "IP" else x509.DNSName(value)
