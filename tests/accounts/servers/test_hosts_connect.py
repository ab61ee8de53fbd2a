"""Resolving and connecting, for real and in time: several addresses, dead ends, one deadline for all."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from accounts.servers import hosts
from tests.accounts.servers.mail_hosts import answers, refusal

PUBLIC = "8.8.8.8"


@pytest.fixture(autouse=True)
def policy(settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    return settings


@pytest.fixture
def listener():
    """A listening loopback socket; nobody accepts, the kernel completes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_systems_resolver_is_asked(policy, listener):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [f"localhost:{listener}"]
    assert "127.0.0.1" in hosts.resolve("localhost", listener)
    with hosts.connect("localhost", listener, timeout=5) as sock:
        assert sock.getpeername()[1] == listener


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no such name"), "name_not_found"),
        (socket.gaierror(socket.EAI_NODATA, "no address"), "name_not_found"),
        (socket.gaierror(socket.EAI_AGAIN, "the resolver is down"), "unreachable"),
        (socket.gaierror(socket.EAI_FAIL, "the resolver is broken"), "unreachable"),
        (OSError("no descriptors left"), "unreachable"),
    ],
)
def test_a_name_that_does_not_resolve(error, code, monkeypatch):
    def resolve(name, port):
        raise error

    monkeypatch.setattr(hosts, "resolve", resolve)
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == code


def test_a_name_without_addresses(monkeypatch):
    answers(monkeypatch)
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "name_not_found"


def test_a_mistake_of_ours_while_resolving_is_not_hidden(monkeypatch):
    def resolve(name, port):
        raise ZeroDivisionError

    monkeypatch.setattr(hosts, "resolve", resolve)
    with pytest.raises(ZeroDivisionError):
        hosts.connect("mail.example.com", 995, timeout=5)


def test_a_resolver_that_never_answers_is_left_behind(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(hosts, "resolve", lambda name, port: release.wait(30) and [PUBLIC])
    begun = time.monotonic()
    try:
        assert refusal(hosts.connect, "slow.example.com", 995, timeout=0.2) == "timeout"
    finally:
        release.set()
    assert 0.15 < time.monotonic() - begun < 5


@contextlib.contextmanager
def dead_end(address, port):
    """A port that neither accepts nor refuses: its queue is full, so the kernel drops what knocks."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((address, port))
        server.listen(0)
        for _ in range(4):
            knock = stack.enter_context(socket.socket())
            knock.setblocking(False)
            knock.connect_ex((address, port))
        yield


def test_c12_the_first_address_refuses_and_the_next_one_answers(policy, listener, monkeypatch):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [f"mailbox:{listener}"]
    answers(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.1")
    with hosts.connect("mailbox", listener, timeout=5) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


def test_c12_the_first_address_is_silent_and_the_next_one_answers(policy, listener, monkeypatch):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [f"mailbox:{listener}"]
    answers(monkeypatch, "127.0.0.2", "127.0.0.1")
    begun = time.monotonic()
    with dead_end("127.0.0.2", listener), hosts.connect("mailbox", listener, timeout=1) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"
        assert sock.gettimeout() == 1
    assert 0.4 < time.monotonic() - begun < 1.5


def test_c12_all_addresses_share_one_deadline(policy, listener, monkeypatch):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [f"mailbox:{listener}"]
    addresses = [f"127.0.1.{last}" for last in range(1, 6)]
    answers(monkeypatch, *addresses)
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        for address in addresses:
            stack.enter_context(dead_end(address, listener))
        assert refusal(hosts.connect, "mailbox", listener, timeout=0.6) == "timeout"
    assert 0.5 < time.monotonic() - begun < 2


def test_a_deadline_that_has_passed_is_a_timeout(policy, listener):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [f"127.0.0.1:{listener}"]
    assert refusal(hosts.connect, "127.0.0.1", listener, timeout=0) == "timeout"


def test_nobody_listens(policy, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [f"mailbox:{port}"]
    answers(monkeypatch, "127.0.0.1", "127.0.0.2")
    assert refusal(hosts.connect, "mailbox", port, timeout=5) == "unreachable"


def test_a_zone_full_of_addresses_is_not_tried_to_the_end(monkeypatch):
    tried = []

    def dial(address, port, timeout):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(hosts, "dial", dial)
    answers(monkeypatch, *[f"8.8.8.{last}" for last in range(1, 200)])
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "unreachable"
    assert tried == [f"8.8.8.{last}" for last in range(1, 9)]


def test_what_the_operator_names_may_be_anywhere(listener):
    with hosts.connect("127.0.0.1", listener, timeout=5, protocol="smtp", by_operator=True) as sock:
        assert sock.getpeername()[1] == listener
    with hosts.connect("localhost", listener, timeout=5, protocol="smtp", by_operator=True) as sock:
        assert sock.getpeername()[1] == listener
    assert refusal(hosts.connect, "127.0.0.1", listener, timeout=5, protocol="smtp") == "host_invalid"
