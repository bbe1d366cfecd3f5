"""Authorities and certificates, real ones, as files."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed448, rsa
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain, and its key."""

    certificate: Path
    key: Path

    def write_over(self, other: "Certificate") -> None:
        """Take the other one's place, as a renewal does: one file after the other."""
        other.certificate.write_bytes(self.certificate.read_bytes())
        other.key.write_bytes(self.key.read_bytes())


class Authority:
    """Signs certificates, for servers and for clients."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *identities: str) -> Certificate:
        """Sign a certificate for these names or addresses."""
        signed = self._ca.issue_cert(*identities)
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}-key.pem")
        made.certificate.write_bytes(b"".join(part.bytes() for part in signed.cert_chain_pems))
        signed.private_key_pem.write_to_path(made.key)
        return made

    def trusting(
        self,
        client: Certificate | None = None,
        version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Return what a client needs that trusts this authority: it may show a certificate."""
        context = ssl.create_default_context(cafile=self.file)
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        if version is not None:
            # Old versions are let through here, so that it is the server that refuses them.
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        return context


def signed_by_itself(
    folder: Path, name: str, key: ed448.Ed448PrivateKey | rsa.RSAPrivateKey, password: bytes = b""
) -> Certificate:
    """Make a certificate of any kind of key; its file may have a password."""
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    built = x509.CertificateBuilder().subject_name(issuer).issuer_name(issuer)
    built = built.public_key(key.public_key()).serial_number(x509.random_serial_number())
    built = built.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    signed = built.sign(key, None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA256())
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password)
    made = Certificate(folder / f"{name}.pem", folder / f"{name}-key.pem")
    made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    made.key.write_bytes(key.private_bytes(*form))
    return made
