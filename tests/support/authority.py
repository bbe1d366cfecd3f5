"""A certificate authority of one's own, and certificates that are right or wrong in any way."""

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed448, rsa
from cryptography.x509.oid import NameOID

from tests.support.device import Device

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain, and its key."""

    certificate: Path
    key: Path

    def write_over(self, other: "Certificate") -> None:
        """Take the other one's place, as a renewal does: one file after the other."""
        other.certificate.write_bytes(self.certificate.read_bytes())
        other.key.write_bytes(self.key.read_bytes())

    def in_one_file(self) -> Path:
        """Return a file with the chain and the key, as HAProxy wants it."""
        both = self.certificate.with_suffix(".both.pem")
        both.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        return both


class Authority:
    """A root, an intermediate authority below it, and the certificates that this one signs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._count = 0
        root = trustme.CA(organization_name="Root of the tests")
        # Not create_child_ca: it would bear the root's own name.
        self._intermediate = trustme.CA(root, 0, organization_name="Intermediate of the tests")
        self.root_file = folder / "root.pem"
        root.cert_pem.write_to_path(self.root_file)

    def issue(
        self, *identities: str, days: tuple[float, float] = (-1, 60), whole_chain: bool = True
    ) -> Certificate:
        """Sign a certificate for names or addresses, good from day to day from today.

        Servers and clients may show it; without a name it is for a server on this machine.
        """
        self._count += 1
        now = datetime.now(timezone.utc)
        signed = self._intermediate.issue_cert(
            *(identities or THIS_MACHINE),
            not_before=now + timedelta(days=days[0]),
            not_after=now + timedelta(days=days[1]),
        )
        chain = signed.cert_chain_pems if whole_chain else signed.cert_chain_pems[:1]
        made = _files(self._folder, str(self._count))
        made.certificate.write_bytes(b"".join(part.bytes() for part in chain))
        signed.private_key_pem.write_to_path(made.key)
        return made

    def trusting(
        self,
        client: Certificate | None = None,
        version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Return what a client needs that trusts this authority: it may show a certificate."""
        context = ssl.create_default_context(cafile=self.root_file)
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        if version is not None:
            # Old versions are let through here, so that it is the server that refuses them.
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        return context

    def trusted_by(self, device: Device) -> Device:
        """Make a device trust this authority, as people do in Anki's preferences."""
        assert device.col._backend.set_custom_certificate(self.root_file.read_text())
        return device


def signed_by_itself(
    folder: Path, name: str, key: ed448.Ed448PrivateKey | rsa.RSAPrivateKey, password: bytes = b""
) -> Certificate:
    """Make a certificate of any kind of key; its file may have a password."""
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    built = x509.CertificateBuilder().subject_name(issuer).issuer_name(issuer)
    built = built.public_key(key.public_key()).serial_number(x509.random_serial_number())
    built = built.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    signed = built.sign(key, None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA256())
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password)
    made = _files(folder, name)
    made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    made.key.write_bytes(key.private_bytes(*form))
    return made


def _files(folder: Path, name: str) -> Certificate:
    return Certificate(folder / f"{name}.pem", folder / f"{name}-key.pem")
