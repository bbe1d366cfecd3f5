"""Encryption: would clients trust this server's TLS, and if not, what is wrong with it?"""

import ssl
import warnings
from pathlib import Path
from typing import Final

from syncserver.control.doctor import directives
from syncserver.control.doctor.address import Address
from syncserver.control.doctor.certificates import Certificate, sent_certificates
from syncserver.control.doctor.directives import for_program
from syncserver.control.doctor.findings import Finding, doubtful, failed, well
from syncserver.control.doctor.network import CONNECT_SECONDS, Endpoint, connect

HANDSHAKE_SECONDS: Final = 10.0
WARNED_DAYS: Final = 14.0
# The only version that Anki's clients speak.
PROTOCOL: Final = "http/1.1"

# OpenSSL's numbers for what is wrong with a certificate.
NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
SELF_SIGNED: Final = 18
UNKNOWN_ROOT: Final = 19
UNKNOWN_ISSUER: Final = frozenset({2, 20, 21})
OTHER_NAME: Final = frozenset({62, 64})


def client_context(ca: Path | None) -> ssl.SSLContext:
    """Return what clients demand of TLS; `ca` holds authorities to trust beside the system's."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python is stricter than clients from 3.13 on.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.set_alpn_protocols([PROTOCOL])
    if ca is not None:
        context.load_verify_locations(cafile=str(ca))
    return context


def judge_encryption(address: Address, endpoint: Endpoint, ca: Path | None) -> Finding:
    """Shake hands as a client does. Raises OSError when the connection breaks."""
    try:
        with _shaken(address, endpoint, client_context(ca)) as tls:
            return _accepted(tls, sent_certificates(tls)[0])
    except ssl.SSLCertVerificationError as problem:
        chain = _unverified_chain(address, endpoint)
        return _refused(problem, chain, address, own_authority=ca is not None)
    except ssl.SSLError as problem:
        return _no_handshake(problem, address, endpoint)


def _shaken(address: Address, endpoint: Endpoint, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = connect(endpoint, CONNECT_SECONDS)
    try:
        plain.settimeout(HANDSHAKE_SECONDS)
        return context.wrap_socket(plain, server_hostname=address.host)
    except OSError:
        plain.close()
        raise


def _accepted(tls: ssl.SSLSocket, certificate: Certificate) -> Finding:
    until = f"{certificate.ends:%Y-%m-%d}"
    if certificate.days_left < WARNED_DAYS:
        return doubtful(
            f"The certificate ends on {until}, in {certificate.days_left:.0f} days: what should"
            " renew it has not done so.",
            "Renew it (certbot renew, or whatever made it), and reload the proxy.",
            for_program(directives.CERTIFICATE),
        )
    return well(f"{tls.version()}, certificate of {certificate.issuer}, good until {until}.")


def _unverified_chain(address: Address, endpoint: Endpoint) -> list[Certificate]:
    context = client_context(None)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _shaken(address, endpoint, context) as tls:
            return sent_certificates(tls)
    except OSError:
        return []


def _refused(
    problem: ssl.SSLCertVerificationError,
    chain: list[Certificate],
    address: Address,
    *,
    own_authority: bool,
) -> Finding:
    code = problem.verify_code
    if chain and (code in UNKNOWN_ISSUER or code in (SELF_SIGNED, UNKNOWN_ROOT)):
        return _untrusted(chain, own_authority=own_authority)
    if chain and code == EXPIRED:
        return _expired(next((one for one in chain if one.days_left < 0), chain[0]))
    if code == NOT_YET_VALID:
        return failed(
            "The certificate is not valid yet.",
            "Compare the date of this computer with that of the one that made the certificate.",
        )
    if chain and code in OTHER_NAME:
        return _other_name(chain[0], address)
    return failed(
        f"The certificate is refused: {problem.verify_message}.",
        "Replace it.",
        for_program(directives.CERTIFICATE),
    )


def _expired(certificate: Certificate) -> Finding:
    return failed(
        f"The certificate has expired on {certificate.ends:%Y-%m-%d} (issued by"
        f" {certificate.issuer}).",
        "Renew it (certbot renew, or whatever made it) and reload the proxy, which goes on with the"
        " old one otherwise. If it was renewed, check this computer's date.",
        for_program(directives.CERTIFICATE),
    )


def _other_name(certificate: Certificate, address: Address) -> Finding:
    return failed(
        f"The certificate is not for “{address.host}” but for {', '.join(certificate.names[:8])}.",
        "Enter one of these names in clients, or get a certificate for this one.",
        for_program(directives.NAMES),
    )


def _untrusted(chain: list[Certificate], *, own_authority: bool) -> Finding:
    """Tell a chain that is not complete from one that ends at somebody unknown."""
    if len(chain) == 1 and not chain[0].signs_itself:
        certain = own_authority or chain[0].says_where_its_issuer_is
        return _missing_intermediate(chain[0], certain=certain)
    return _unknown_authority(chain)


def _missing_intermediate(certificate: Certificate, *, certain: bool) -> Finding:
    doubt = "" if certain else f" Or “{certificate.issuer}” is an authority of your own: --ca FILE."
    return failed(
        "The server sends its own certificate only, without the intermediate one of"
        f" “{certificate.issuer}”, which signed it. Browsers may know that one, Anki does not.",
        f"Let it send the whole chain.{doubt}",
        for_program(directives.CHAIN),
    )


def _unknown_authority(chain: list[Certificate]) -> Finding:
    last = chain[-1]
    who = "itself (self-signed)" if chain[0].signs_itself else f"“{last.issuer}”"
    return failed(
        f"The certificate was issued by {who}, whom this computer does not trust.",
        "Use a certificate of a public authority such as Let's Encrypt. An authority of your own"
        " must be installed on each device (docs/clients.md#certificates); test it here with"
        " --ca FILE.",
        for_program(directives.CERTIFICATE),
    )


def _no_handshake(problem: ssl.SSLError, address: Address, endpoint: Endpoint) -> Finding:
    old = _old_version(address, endpoint)
    if old:
        return failed(
            f"The server speaks {old} at most; AnkiMobile and new clients need TLS 1.2.",
            "Allow TLS 1.2 and 1.3.",
            for_program(directives.TLS_VERSIONS),
        )
    if "NO_APPLICATION_PROTOCOL" in str(problem).upper():
        return failed(
            "The server does not speak HTTP/1.1 on this port, the only version that clients speak.",
            "Allow HTTP/1.1 beside newer ones.",
            for_program(directives.HTTP_VERSIONS),
        )
    if wants_client_certificate(problem):
        return client_certificate_demanded()
    plain = f"http://{address.host}:{address.port}{address.path}"
    return failed(
        "The address says https://, but what listens there does not answer with TLS"
        f" ({problem.reason or problem}).",
        f"Check the port; without a certificate the address is {plain}, for trying out at home.",
    )


def wants_client_certificate(problem: ssl.SSLError) -> bool:
    """Tell whether the server has hung up because we showed no certificate of our own."""
    return "CERTIFICATE_REQUIRED" in str(problem).upper()


def client_certificate_demanded() -> Finding:
    """Say that clients would have to show a certificate."""
    return failed(
        "The server demands a client certificate, which Anki cannot show.",
        "Do not demand one where people sync.",
        for_program(directives.CLIENT_CERTIFICATE),
    )


def _old_version(address: Address, endpoint: Endpoint) -> str:
    """Return the version of a server that speaks none that clients do, "" for others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # To name it is all that is done with it: nothing is sent.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with _shaken(address, endpoint, context) as tls:
            return {"TLSv1.1": "TLS 1.1", "TLSv1": "TLS 1.0"}.get(tls.version() or "", "SSL 3")
    except (OSError, ValueError):
        return ""
