"""The certificates that a server sends, read whether anybody trusts them or not."""

import ssl
from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, as far as people have to know it."""

    parsed: x509.Certificate

    @property
    def ends(self) -> datetime:
        """When it expires."""
        return self.parsed.not_valid_after_utc

    @property
    def days_left(self) -> float:
        """How long it is good; negative when it has expired."""
        return (self.ends - datetime.now(timezone.utc)).total_seconds() / 86400

    @property
    def issuer(self) -> str:
        """Who signed it."""
        return _common_name(self.parsed.issuer)

    @property
    def signs_itself(self) -> bool:
        """Whether it is its own issuer."""
        return self.parsed.issuer == self.parsed.subject

    @property
    def names(self) -> list[str]:
        """The host names and addresses that it is for."""
        try:
            found = self.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except (x509.ExtensionNotFound, ValueError):
            return [_common_name(self.parsed.subject)]
        return [str(name.value) for name in found.value]

    @property
    def says_where_its_issuer_is(self) -> bool:
        """Whether it tells where the issuer's certificate can be fetched, as public ones do."""
        try:
            access = self.parsed.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
        except (x509.ExtensionNotFound, ValueError):
            return False
        methods = [entry.access_method for entry in access.value]
        return AuthorityInformationAccessOID.CA_ISSUERS in methods


def sent_certificates(tls: ssl.SSLSocket) -> list[Certificate]:
    """Return what the server sent, its own certificate first; unreadable ones are left out."""
    chain = []
    for der in _encoded_chain(tls):
        try:
            chain.append(Certificate(x509.load_der_x509_certificate(der)))
        except ValueError:
            continue
    return chain


def _encoded_chain(tls: ssl.SSLSocket) -> list[bytes]:
    if hasattr(tls, "get_unverified_chain"):  # from Python 3.13 on
        return list(tls.get_unverified_chain())
    # Before, the same function exists, but has no public name.
    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined] # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain or ()]


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME) or list(name)
    return str(found[0].value) if found else "nobody"
