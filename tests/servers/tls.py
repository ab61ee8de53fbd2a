"""A certificate authority made at test time: good certificates, and the bad ones clients must refuse."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Certificate(NamedTuple):
    """Two PEM files."""

    cert_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """For the server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


class CA:
    """Signs certificates; `ca_file` is what a client must trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test CA")
        now = datetime.now(UTC)
        certificate = (
            _builder(self._name, self._name, self._key.public_key(), now - DAY, now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, hostname: str, *, expired: bool = False) -> Certificate:
        """A certificate for a host name or IP address; for a wrong name simply give another one."""
        return self._make(hostname, expired=expired, self_signed=False)

    def self_signed(self, hostname: str) -> Certificate:
        """A certificate that nobody vouches for."""
        return self._make(hostname, expired=False, self_signed=True)

    def _make(self, hostname: str, *, expired: bool, self_signed: bool) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        begin, end = (now - 3 * DAY, now - DAY) if expired else (now - DAY, now + 30 * DAY)
        subject = _name(hostname)
        certificate = (
            _builder(subject, subject if self_signed else self._name, key.public_key(), begin, end)
            .add_extension(x509.SubjectAlternativeName([_alternative(hostname)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
        stem = self._folder / f"server-{next(self._numbers)}"
        made = Certificate(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        made.cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        made.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made


def make_ca(folder: Path) -> CA:
    """A fresh CA whose files live in `folder`."""
    return CA(Path(folder))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(hostname: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(hostname))
    except ValueError:
        return x509.DNSName(hostname)


def _builder(
    subject: x509.Name, issuer: x509.Name, key, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
