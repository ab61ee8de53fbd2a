"""Whole networks that no mail server may be in: each edge in every disguise, and the operator's own ranges."""

from __future__ import annotations

import ipaddress

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from accounts.servers import hosts
from tests.accounts.servers.mail_hosts import answers, refusal

PUBLIC = "8.8.8.8"
OURS = "8.8.4.0/24"  # what stands for the operator's own public range


@pytest.fixture(autouse=True)
def policy(settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    settings.MAILHUB_DENIED_NETWORKS = []
    return settings


@pytest.fixture
def dialled(monkeypatch):
    """The addresses that would have been connected to."""
    calls = []

    def dial(address, port, timeout):
        calls.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(hosts, "dial", dial)
    return calls


@pytest.mark.parametrize("kind", ["itself", "mapped", "6to4", "NAT64"])
def test_c13_the_wire_server_of_azure_is_not_public(kind, monkeypatch, dialled):
    address = "168.63.129.16"
    assert not hosts.is_public({"itself": address, **disguises(address)}[kind])
    assert hosts.is_public("168.63.129.17")
    answers(monkeypatch, address)
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "host_not_allowed"
    assert dialled == []


# ── Edges and disguises ─────────────────────────────────────────────────────
NETWORKS = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
    # Of public address space, and yet only machines of that cloud reach them.
    *("161.26.0.0/16", "166.8.0.0/14"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "3fff::/20"),
    *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]


def edges(network: str) -> list[str]:
    whole = ipaddress.ip_network(network)
    return [str(whole[0]), str(whole[1]), str(whole[-2]), str(whole[-1])]


def disguises(address: str) -> dict[str, str]:
    """An IPv4 address as the ways into IPv6 spell it (RFC 4291, 3056, 6052, 8215, 4380)."""
    value = int(ipaddress.IPv4Address(address))

    def spelled(prefix: str, shift: int, number: int = value) -> str:
        return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number << shift))

    return {
        "mapped": spelled("::ffff:0:0", 0),
        "compatible": spelled("::", 0),
        "6to4": spelled("2002::", 80),
        "NAT64": spelled("64:ff9b::", 0),
        "local NAT64": spelled("64:ff9b:1::", 0),
        "Teredo client": spelled("2001:0:808:808::", 0, value ^ 0xFFFFFFFF),
        "Teredo server": spelled("2001::", 64),
    }


@pytest.mark.parametrize("network", NETWORKS)
def test_c13_no_edge_of_a_special_network_is_public(network):
    assert [address for address in edges(network) if hosts.is_public(address)] == []


@pytest.mark.parametrize("network", [network for network in NETWORKS if ":" not in network])
def test_c13_nor_in_any_disguise(network):
    seen = [
        (kind, address)
        for edge in edges(network)
        for kind, address in disguises(edge).items()
        if hosts.is_public(address)
    ]
    assert seen == []


def test_a_public_address_passes_only_where_it_is_what_is_reached():
    """A relay (NAT64, Teredo) is somebody else's machine, whatever is behind it."""
    passing = {kind for kind, address in disguises(PUBLIC).items() if hosts.is_public(address)}
    assert passing == {"mapped", "6to4"}


def test_c13_every_connect_checks_again(monkeypatch, dialled):
    """A name that was good when the account was saved, and means the inner network since."""
    answers(monkeypatch, PUBLIC)
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "unreachable"
    answers(monkeypatch, "169.254.169.254")
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "host_not_allowed"
    assert dialled == [PUBLIC]


# ── The operator's own ranges ───────────────────────────────────────────────


@pytest.mark.parametrize("edge", edges(OURS))
def test_c13_the_operators_own_range_is_refused_in_any_disguise(edge, policy, monkeypatch, dialled):
    assert hosts.is_public(edge)
    policy.MAILHUB_DENIED_NETWORKS = [f" {OURS} ", "2a00:1450::/32"]
    for address in (edge, *disguises(edge).values(), "2a00:1450::1"):
        assert not hosts.is_public(address), address
    answers(monkeypatch, PUBLIC, edge)
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "host_not_allowed"
    assert dialled == []


def test_beside_the_operators_range_all_is_as_before(policy, monkeypatch, dialled):
    policy.MAILHUB_DENIED_NETWORKS = [OURS, "8.8.8.7", "2002::/16"]
    assert hosts.is_public("8.8.5.0")
    assert hosts.is_public(PUBLIC)
    assert not hosts.is_public("8.8.8.7")
    assert not hosts.is_public(disguises(PUBLIC)["6to4"]), "a network of outer addresses counts too"
    assert not hosts.is_public("10.0.0.1")
    answers(monkeypatch, PUBLIC)
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "unreachable"
    assert dialled == [PUBLIC]


def test_an_exception_for_one_server_wins_over_the_range(policy, monkeypatch, dialled):
    policy.MAILHUB_DENIED_NETWORKS = [OURS]
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = ["mail.example.com:995"]
    answers(monkeypatch, "8.8.4.4")
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "unreachable"
    assert refusal(hosts.connect, "mail.example.com", 110, timeout=5) == "host_not_allowed"
    assert refusal(hosts.connect, "pop.example.com", 995, timeout=5) == "host_not_allowed"
    assert dialled == ["8.8.4.4"]


@pytest.mark.parametrize(
    "entry", ["10.0.0.1/8", "10.0.0.0/33", "mail.example.com", "10.0.0.*", "::/129", " "]
)
def test_a_wrong_range_ends_the_start(entry, policy):
    policy.MAILHUB_DENIED_NETWORKS = [OURS, entry]
    with pytest.raises(ImproperlyConfigured, match="MAILHUB_DENIED_NETWORKS: .* is not a network such as"):
        apps.get_app_config("accounts").ready()


def test_a_wrong_exception_ends_the_start_too(policy):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = ["mail.example.com"]
    with pytest.raises(ImproperlyConfigured, match="is not host:port"):
        apps.get_app_config("accounts").ready()
