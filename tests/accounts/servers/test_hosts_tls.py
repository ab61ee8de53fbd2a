"""TLS to hosts that users name: what is accepted, and what each refusal is called."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
import warnings
from datetime import UTC, datetime, timedelta

import pytest

from accounts.servers import hosts
from tests.accounts.servers.mail_hosts import PATIENCE, Authority, peer, refusal

HOST = "pop.example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def policy(settings, authority):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    settings.MAILHUB_MAIL_CA_FILE = str(authority.ca_file)
    return settings


def speaking(context):
    """A server that makes the handshake and sends a greeting."""

    def behaviour(sock):
        with context.wrap_socket(sock, server_side=True) as secured:
            secured.sendall(b"+OK ready\r\n")
            secured.recv(1)

    return behaviour


def refused(behaviour, host=HOST, timeout=PATIENCE):
    """The code of the failed handshake; the socket must be closed after it."""
    with peer(behaviour) as sock:
        code = refusal(hosts.start_tls, sock, host, timeout=timeout)
        assert sock.fileno() == -1
    return code


def test_a_good_certificate(authority):
    asked_for = []
    context = authority.server(HOST)
    context.sni_callback = lambda _sock, name, _context: asked_for.append(name)
    with peer(speaking(context)) as sock, hosts.start_tls(sock, HOST, timeout=PATIENCE) as secured:
        assert secured.recv(100) == b"+OK ready\r\n"
        assert secured.version() in ("TLSv1.2", "TLSv1.3")
        expiry = hosts.certificate_expiry(secured)
    assert asked_for == [HOST]
    assert expiry is not None
    assert expiry.tzinfo is UTC
    assert abs(expiry - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("typed", "certified"),
    [
        ("POP.Example.COM", HOST),
        (HOST, "*.example.com"),
        ("mail.münchen.example", "mail.xn--mnchen-3ya.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
    ],
)
def test_names_that_match(typed, certified, authority):
    with peer(speaking(authority.server(certified))) as sock:
        hosts.start_tls(sock, typed, timeout=PATIENCE).close()


@pytest.mark.parametrize(
    ("typed", "certified"),
    [
        (HOST, ["imap.example.com"]),
        (HOST, ["example.com"]),
        ("a.pop.example.com", ["*.example.com"]),
        ("127.0.0.1", [HOST]),
        ("127.0.0.1", ["127.0.0.2"]),
        (HOST, ["127.0.0.1"]),
    ],
)
def test_c5_a_certificate_for_another_name(typed, certified, authority):
    assert refused(speaking(authority.server(*certified)), typed) == "certificate_wrong_name"


def test_c5_the_common_name_counts_for_nothing(authority):
    """RFC 9525, 2: only the subjectAltName names a server."""
    assert refused(speaking(authority.server(common_name=HOST))) == "certificate_wrong_name"


def test_c5_an_expired_certificate(authority):
    assert refused(speaking(authority.server(HOST, days=(-30, -1)))) == "certificate_expired"


def test_c5_a_certificate_of_the_future(authority):
    assert refused(speaking(authority.server(HOST, days=(1, 30)))) == "certificate_invalid"


def test_c5_a_self_signed_certificate(authority):
    assert refused(speaking(authority.server(HOST, self_signed=True))) == "certificate_self_signed"


def test_c5_an_authority_nobody_knows(authority, policy):
    policy.MAILHUB_MAIL_CA_FILE = ""
    assert refused(speaking(authority.server(HOST))) == "certificate_incomplete"
    assert refused(speaking(authority.server(HOST, chain=True))) == "certificate_self_signed"


def test_c5_an_intermediate_certificate_that_the_server_leaves_out(authority, tmp_path):
    """The root is trusted, who signed in between is not shown: browsers fetch it, and then the owner wonders."""
    between = authority.intermediate(tmp_path)
    assert refused(speaking(between.server(HOST))) == "certificate_incomplete"
    with peer(speaking(between.server(HOST, chain=True))) as sock:
        hosts.start_tls(sock, HOST, timeout=PATIENCE).close()


def test_c8_a_server_that_knows_only_old_tls(authority):
    context = authority.server(HOST)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(speaking(context)) == "tls_failed"


def test_the_one_context_is_strict_and_made_once():
    context = hosts.tls_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert hosts.tls_context() is context


def test_a_missing_ca_file_is_the_operators_to_mend(policy, tmp_path):
    """Not a MailError: no account may be blamed for it."""
    policy.MAILHUB_MAIL_CA_FILE = str(tmp_path / "missing.pem")
    with pytest.raises(FileNotFoundError):
        hosts.tls_context()


@pytest.mark.parametrize(
    "banner", [b"+OK POP3 ready\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"]
)
def test_c7_plain_text_instead_of_a_handshake(banner):
    """Also what an attacker puts behind the answer to STLS: it breaks the handshake, it is never a reply."""

    def behaviour(sock):
        sock.sendall(banner)
        sock.recv(1000)

    assert refused(behaviour) == "tls_failed"


def test_plain_text_in_front_of_a_real_handshake(authority):
    def behaviour(sock):
        sock.sendall(b"+OK injected\r\n")
        authority.server(HOST).wrap_socket(sock, server_side=True).close()

    assert refused(behaviour) == "tls_failed"


def test_the_server_hangs_up():
    assert refused(lambda sock: sock.recv(1000)) == "connection_lost"


def test_the_server_resets_the_connection():
    def behaviour(sock):
        sock.recv(1)  # unread bytes and a linger time of zero make the kernel send a reset
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert refused(behaviour) == "connection_lost"


def test_c1_a_silent_server_is_given_up():
    done = threading.Event()
    begun = time.monotonic()
    try:
        with peer(lambda sock: done.wait(PATIENCE)) as sock:
            assert refusal(hosts.start_tls, sock, HOST, timeout=0.2) == "timeout"
            done.set()
    finally:
        done.set()
    assert 0.15 < time.monotonic() - begun < 5


def test_c2_a_dripping_server_is_given_up():
    """Each byte comes well within the timeout; only a limit on the whole handshake ends this."""
    done = threading.Event()

    def behaviour(sock):
        sock.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")  # a handshake record of 16 kB begins
        while not done.wait(0.05):
            sock.sendall(b"\x00")

    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(peer(behaviour))
        stack.callback(done.set)
        assert refusal(hosts.start_tls, sock, HOST, timeout=0.5) == "timeout"
    assert 0.4 < time.monotonic() - begun < 3


def test_an_unchecked_certificate_has_no_expiry(authority):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with peer(speaking(authority.server(HOST))) as sock, context.wrap_socket(sock) as secured:
        assert hosts.certificate_expiry(secured) is None
