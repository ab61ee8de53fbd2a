"""What the tests of accounts.servers.hosts share: an obedient resolver, loopback servers, a certificate authority."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from accounts.servers import hosts
from accounts.servers.failures import MailError

PATIENCE = 10  # seconds, for what answers at once unless something is broken


def answers(monkeypatch, *addresses):
    """Let every name resolve to these; returns the list of names that will be asked for."""
    asked = []

    def resolve(name, port):
        asked.append(name)
        return list(addresses)

    monkeypatch.setattr(hosts, "resolve", resolve)
    return asked


def refusal(call, *args, **kwargs):
    """The code of the MailError that the call raises."""
    with pytest.raises(MailError) as caught:
        call(*args, **kwargs).close()
    return caught.value.code


@contextlib.contextmanager
def peer(behaviour):
    """A client socket whose other end is served by `behaviour(socket)` in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)

        def serve():
            far, _address = server.accept()
            with far:
                far.settimeout(PATIENCE)
                with contextlib.suppress(OSError):  # the client hanging up is what most tests are about
                    behaviour(far)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with socket.create_connection(server.getsockname(), timeout=PATIENCE) as near:
            yield near
        thread.join(PATIENCE)
        assert not thread.is_alive()


class Authority:
    """A certificate authority made for one test run, and what it signs."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.certificate = self._build(self.name, self.key.public_key(), -1, 30, ca=True).sign(
            self.key, hashes.SHA256()
        )
        self.ca_file = folder / "authority.pem"
        self.ca_file.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def intermediate(self, folder):
        """Another authority, that this one vouches for."""
        other = Authority(folder)
        other.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test intermediate")])
        other.certificate = self._build(
            other.name, other.key.public_key(), -1, 30, issuer=self.name, ca=True
        ).sign(self.key, hashes.SHA256())
        return other

    def server(self, *names, common_name="server", days=(-1, 30), self_signed=False, chain=False):
        """A server context whose certificate is for these DNS names and addresses, valid between `days`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = self._build(subject, key.public_key(), *days, issuer=subject if self_signed else self.name)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), False
            )
        certificate = builder.sign(key if self_signed else self.key, hashes.SHA256())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem += certificate.public_bytes(Encoding.PEM)
        if chain:
            pem += self.certificate.public_bytes(Encoding.PEM)
        path = self.folder / f"{certificate.serial_number}.pem"
        path.write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _build(self, subject, public_key, start, end, *, issuer=None, ca=False):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=start))
            .not_valid_after(now + timedelta(days=end))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )


def _general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
