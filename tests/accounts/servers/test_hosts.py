"""The door to hosts that users name: syntax, ports, addresses, rebinding, deadlines."""

from __future__ import annotations

import socket

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.servers import hosts
from tests.accounts.servers.mail_hosts import answers, refusal

PUBLIC = "8.8.8.8"


@pytest.fixture(autouse=True)
def policy(settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    settings.MAILHUB_MAIL_CA_FILE = ""
    return settings


@pytest.fixture
def listener():
    """A listening loopback socket; nobody accepts, the kernel completes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def dialled(monkeypatch):
    """The addresses that were connected to. Nothing leaves the machine: each call reaches a listener here."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def dial(address, port, timeout):
            calls.append((address, port))
            return socket.create_connection(server.getsockname(), timeout=5)

        monkeypatch.setattr(hosts, "dial", dial)
        yield calls


# ── Syntax ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "ascii_name"),
    [
        ("pop.example.com", "pop.example.com"),
        ("POP.Example.COM", "pop.example.com"),
        ("3com.example", "3com.example"),
        ("a-b.c--d.example", "a-b.c--d.example"),
        ("mail.münchen.example", "mail.xn--mnchen-3ya.example"),
        ("почта.рф", "xn--80a1acny.xn--p1ai"),
        ("xn--80a1acny.xn--p1ai", "xn--80a1acny.xn--p1ai"),
        ("a." * 124 + "ab.de", "a." * 124 + "ab.de"),
    ],
)
def test_a_full_host_name_passes(typed, ascii_name):
    assert hosts.check_host(typed) == ascii_name


BAD_HOSTS = [
    "",
    "localhost",
    "mailserver",
    "xn--80a1acny",
    # trailing and double dots
    "mail.example.com.",
    "mail.example.com。",
    ".example.com",
    "mail..example.com",
    "mail.example.com..",
    # addresses, in every spelling the C library takes
    "127.0.0.1",
    "8.8.8.8",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "127.0.0.0x1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.01",
    "１２７.０.０.１",
    "①②⑦.0.0.1",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
    "fe80::1%eth0",
    # what else one may type into a field
    "user@mail.example.com",
    "mail.example.com:995",
    "mail.example.com/",
    "https://mail.example.com",
    "mail.example.com ",
    " mail.example.com",
    "mail example.com",
    "mail.example.com\n",
    "mail.example.com\r\nQUIT",
    "mail.exam\x00ple.com",
    "mail.example.com\t",
    "mail.exam\u200dple.com",
    "mail.example.com\u00a0",
    "fuß.example",
    "mail_server.example.com",
    "-mail.example.com",
    "mail-.example.com",
    "*.example.com",
    "mail.example.com#x",
    "mail.example.com?x",
    "mail%2eexample.com",
    "mail.\ud800.example",
    "a" * 64 + ".example.com",
    "ä" * 60 + ".example.com",
    "a." * 125 + "abc.de",
]


@pytest.mark.parametrize("typed", BAD_HOSTS)
def test_c20_anything_else_is_no_host_name(typed, monkeypatch, dialled):
    asked = answers(monkeypatch, PUBLIC)
    assert refusal(hosts.check_host, typed) == "host_invalid"
    assert refusal(hosts.connect, typed, 995, timeout=5) == "host_invalid"
    assert (asked, dialled) == ([], [])


@pytest.mark.parametrize(
    ("protocol", "good"), [("pop3", {110, 995}), ("imap", {143, 993}), ("smtp", {465, 587, 2525})]
)
def test_only_the_ports_of_the_protocol(protocol, good, monkeypatch, dialled):
    answers(monkeypatch, PUBLIC)
    for port in {0, 22, 25, 80, 110, 143, 465, 587, 993, 995, 2525, 5432, 6379, 65536, -1}:
        if port in good:
            assert hosts.check_port(port, protocol, "mail.example.com") == port
            hosts.connect("mail.example.com", port, timeout=5, protocol=protocol).close()
        else:
            assert refusal(hosts.check_port, port, protocol, "mail.example.com") == "port_not_allowed"
            assert (
                refusal(hosts.connect, "mail.example.com", port, timeout=5, protocol=protocol)
                == "port_not_allowed"
            )
    assert {port for _address, port in dialled} == good


# ── Addresses ───────────────────────────────────────────────────────────────

NOT_PUBLIC = [
    *(
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
    ),
    *(
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.171",
        "192.0.2.1",
        "192.88.99.1",
    ),
    *("192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::2", "::127.0.0.1", "::8.8.8.8"),  # IPv4-compatible
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::ffff:7f00:1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1:0:7f00:0:100:0"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:6440:1::", "2002:c058:6301::"),  # 6to4
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:7f00:1::80ff:fffe"),  # Teredo
    *("100::1", "2001:2::1", "2001:10::1", "2001:db8::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "febf::1", "fec0::1", "feff::1"),
    *("ff02::1", "ff0e::1", "4000::1", "8000::1", "e000::1"),
    *(
        "2606:4700:4700::1111%1",
        "",
        "localhost",
        "8.8.8",
        "0x08080808",
        "8.8.8.8/32",
        "[2606:4700:4700::1111]",
    ),
]
IS_PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *(
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.88.98.1",
        "192.169.0.0",
    ),
    *("198.17.255.255", "198.20.0.0", "223.255.255.254"),
    *(
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::2005",
        "2400:cb00::1",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
    ),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_c13_an_address_that_is_not_of_the_public_internet(address):
    assert not hosts.is_public(address)


@pytest.mark.parametrize("address", IS_PUBLIC)
def test_an_address_of_the_public_internet(address):
    assert hosts.is_public(address)


@pytest.mark.parametrize(
    "address", [address for address in NOT_PUBLIC if address.count(".") + address.count(":") >= 2]
)
def test_c13_a_name_that_leads_there_is_refused(address, monkeypatch, dialled):
    answers(monkeypatch, address)
    heard = []
    code = refusal(hosts.connect, "mail.example.com", 995, timeout=5, on_resolved=heard.append)
    assert code == "host_not_allowed"
    assert (heard, dialled) == ([], [])


@pytest.mark.parametrize("order", [(PUBLIC, "10.0.0.1"), ("10.0.0.1", PUBLIC)])
def test_c13_one_forbidden_address_among_good_ones_refuses_the_name(order, monkeypatch, dialled):
    answers(monkeypatch, *order)
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "host_not_allowed"
    answers(monkeypatch, *[f"8.8.8.{last}" for last in range(1, 30)], "127.0.0.1")
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "host_not_allowed"
    assert dialled == []


def test_c13_the_address_connected_to_is_the_one_that_was_checked(monkeypatch, dialled):
    """Rebinding: the name means a public address while it is checked and loopback ever after."""
    replies = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    monkeypatch.setattr(hosts, "resolve", lambda name, port: next(replies))
    hosts.connect("rebind.example.com", 995, timeout=5).close()
    assert dialled == [(PUBLIC, 995)]
    assert list(replies) == [["127.0.0.1"], ["127.0.0.1"]]


def test_connecting_to_an_address_resolves_nothing(listener, monkeypatch):
    """`dial` hands the system a numeric address, never a name it could look up again."""
    looked_up = []

    def getaddrinfo(host, *args, **kwargs):
        looked_up.append(host)
        raise AssertionError

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    hosts.dial("127.0.0.1", listener, 5).close()
    assert looked_up == []


def test_the_checked_address_is_told_once_before_connecting(monkeypatch, dialled):
    answers(monkeypatch, PUBLIC, "8.8.4.4")
    heard = []
    hosts.connect(
        "mail.example.com", 995, timeout=5, on_resolved=lambda address: heard.append((address, list(dialled)))
    ).close()
    assert heard == [(PUBLIC, [])]


# ── The operator's exceptions ───────────────────────────────────────────────


def test_a_listed_host_and_port_skip_the_rules(policy, listener, monkeypatch):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [f" MailBox:{listener}", f"127.0.0.1:{listener}"]
    answers(monkeypatch, "127.0.0.1")
    assert hosts.check_host("mailbox") == "mailbox"
    assert hosts.check_port(listener, "pop3", "mailbox") == listener
    for host in ("mailbox", "MAILBOX", "127.0.0.1"):
        heard = []
        with hosts.connect(host, listener, timeout=5, on_resolved=heard.append) as sock:
            assert sock.getpeername() == ("127.0.0.1", listener)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.gettimeout() == 5
        assert heard == ["127.0.0.1"]


def test_a_listed_host_is_free_on_its_own_port_only(policy, monkeypatch, dialled):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = ["127.0.0.1:1110", "mailbox:1110", "mail.example.com:1110"]
    answers(monkeypatch, "127.0.0.1")
    assert refusal(hosts.connect, "127.0.0.1", 995, timeout=5) == "host_invalid"
    assert refusal(hosts.connect, "mailbox", 995, timeout=5) == "host_invalid"
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "host_not_allowed"
    assert refusal(hosts.connect, "mail.example.com", 1111, timeout=5) == "port_not_allowed"
    assert refusal(hosts.check_port, 1110, "pop3", "other.example.com") == "port_not_allowed"
    assert dialled == []


def test_another_name_for_a_listed_address_is_still_refused(policy, monkeypatch, dialled):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = ["127.0.0.1:995"]
    answers(monkeypatch, "127.0.0.1")
    assert refusal(hosts.connect, "mail.example.com", 995, timeout=5) == "host_not_allowed"
    assert dialled == []


@pytest.mark.parametrize("entry", ["[::1]:995", "[0:0:0:0:0:0:0:1]:995", "::1:995"])
def test_a_listed_ipv6_address(entry, policy, dialled):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [entry]
    hosts.connect("::1", 995, timeout=5).close()
    hosts.connect("0:0:0:0:0:0:0:1", 995, timeout=5).close()
    assert dialled == [("::1", 995)] * 2


@pytest.mark.parametrize("entry", ["mailbox", "mailbox:", ":995", "mailbox:pop3", ""])
def test_a_wrong_exception_is_the_operators_to_mend(entry, policy):
    policy.MAILHUB_ALLOWED_MAIL_HOSTS = [entry]
    with pytest.raises(ImproperlyConfigured, match="MAILHUB_ALLOWED_MAIL_HOSTS"):
        hosts.check_host("mailbox")
