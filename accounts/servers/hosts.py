"""The only way to hosts that users name: check, resolve once, connect to what was checked, one TLS context.

Strangers type a host and are told what happened there, so without this module Mailhub would be a scanner of
the network it runs in. Every socket to a named host comes from `connect`; nothing else may resolve a name.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.servers.failures import MailError

PORTS: Final[dict[str, tuple[int, ...]]] = {"pop3": (995, 110), "imap": (993, 143), "smtp": (465, 587, 2525)}

# More addresses than a real mail host has; a hostile zone must not slice the time into useless bits.
MAX_ADDRESSES: Final = 8

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# `ipaddress.is_global` alone is not enough: it calls NAT64 and 6to4 forms of loopback, site-local, multicast
# and 192.88.99.0/24 global, and what it knows changes between Python releases.
_DENIED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network (RFC 1122, 3.2.1.3)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, home of cloud metadata services (RFC 3927)
        "172.16.0.0/12",  # private (RFC 1918)
        "161.26.0.0/16",  # services of IBM's cloud for its own machines, in public address space
        "166.8.0.0/14",  # the same
        "168.63.129.16/32",  # Azure's wire server: metadata, DNS and more, in public address space
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relay anycast (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "198.18.0.0/15",  # benchmarking (RFC 2544)
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible (RFC 4291, 2.5.5.1)
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # local NAT64 (RFC 8215)
        "2001::/32",  # Teredo (RFC 4380)
        "3fff::/20",  # documentation (RFC 9637), still unknown to the standard library
        "fc00::/7",  # unique local (RFC 4193)
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local (RFC 3879)
        "ff00::/8",  # multicast
    )
)
_GLOBAL_UNICAST_6: Final = ipaddress.IPv6Network("2000::/3")  # the only space IANA hands out (RFC 4291, 2.4)

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# Python's IDNA codec is that of 2003, which sends these four to another name than today's browsers do: a
# password would go to a stranger. Such a name can still be given in its xn-- form.
_DEVIATIONS: Final = frozenset("ßς\u200c\u200d")

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_CERTIFICATE_CODES: Final = {
    2: "certificate_incomplete",
    10: "certificate_expired",
    18: "certificate_self_signed",
    19: "certificate_self_signed",
    # The chain ends before any authority: nearly always an intermediate certificate that the server leaves out.
    20: "certificate_incomplete",
    21: "certificate_incomplete",
    62: "certificate_wrong_name",
    64: "certificate_wrong_name",
}


# ── Names and ports ─────────────────────────────────────────────────────────


def check_host(host: str) -> str:
    """The host as it goes to the resolver: ASCII (IDNA), lower case.

    Raises MailError("host_invalid") for anything that is not a full public host name, IP addresses in every
    spelling included. Hosts in MAILHUB_ALLOWED_MAIL_HOSTS pass, whatever they look like.
    """
    name = _ascii(host)
    if any(name == listed for listed, _port in _allowed()):
        return name
    return _full_name(name)


def check_port(port: int, protocol: str, host: str) -> int:
    """The port, if `protocol` ("pop3", "imap", "smtp") may use it at `host`.

    Raises MailError: port_not_allowed, host_invalid.
    """
    if port not in PORTS[protocol] and (_ascii(host), port) not in _allowed():
        raise MailError("port_not_allowed")
    return port


def _ascii(host: str) -> str:
    if not 0 < len(host) <= 253:
        raise MailError("host_invalid")
    if host.isascii():
        return _canonical(host.lower())
    if _DEVIATIONS.intersection(host):
        raise MailError("host_invalid")
    try:
        return _canonical(host.encode("idna").decode("ascii").lower())
    except UnicodeError:
        raise MailError("host_invalid") from None


def _canonical(name: str) -> str:
    literal = _literal(name)
    return name if literal is None else str(literal)


def _literal(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _full_name(name: str) -> str:
    labels = name.split(".")
    # The C library takes 127.1, 0x7f.1, 017700000001 and the like for addresses: all their last labels begin
    # with a digit, as no top-level domain does (RFC 3696, 2). An empty last label is a trailing dot.
    if len(labels) < 2 or len(name) > 253 or not labels[-1][:1].isalpha():
        raise MailError("host_invalid")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise MailError("host_invalid")
    return name


def _allowed() -> frozenset[tuple[str, int]]:
    """What the operator exempts, as (name or canonical address, port)."""
    return frozenset(_allowed_entry(entry) for entry in settings.MAILHUB_ALLOWED_MAIL_HOSTS)


def _allowed_entry(entry: str) -> tuple[str, int]:
    host, _colon, port = entry.strip().rpartition(":")
    try:
        return _ascii(host.removeprefix("[").removesuffix("]")), int(port)
    except (MailError, ValueError):
        raise ImproperlyConfigured(f"MAILHUB_ALLOWED_MAIL_HOSTS: {entry!r} is not host:port") from None


def check_settings() -> None:
    """Read what the operator allows and denies, so that a slip of the pen ends the start and not a fetch.

    Raises ImproperlyConfigured.
    """
    _allowed()
    _denied(tuple(settings.MAILHUB_DENIED_NETWORKS))


@lru_cache(maxsize=4)
def _denied(entries: tuple[str, ...]) -> tuple[Network, ...]:
    """The operator's own ranges: public, and yet not for strangers to look at."""
    return tuple(map(_denied_entry, entries))


def _denied_entry(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry.strip())
    except ValueError as error:
        raise ImproperlyConfigured(
            f"MAILHUB_DENIED_NETWORKS: {entry!r} is not a network such as 203.0.113.0/24 ({error})"
        ) from None


# ── Addresses ───────────────────────────────────────────────────────────────


def is_public(address: str) -> bool:
    """Whether this IP address (text), and any IPv4 address hidden inside it, is of the public internet.

    What the operator denies (MAILHUB_DENIED_NETWORKS) is not public either.
    """
    ip = _literal(address)
    if ip is None or _is_denied(ip):
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return _is_global(ip)
    if ip.ipv4_mapped is not None:  # ::ffff:a.b.c.d leaves the machine as IPv4
        return _is_global(ip.ipv4_mapped)
    if ip.scope_id is not None or ip not in _GLOBAL_UNICAST_6:
        return False
    # Python's own table has 6to4 as global or not, by version: what counts is the address inside.
    return _is_global(ip if ip.sixtofour is None else ip.sixtofour)


def _is_global(ip: Address) -> bool:
    return not _is_denied(ip) and ip.is_global and not ip.is_multicast and not ip.is_reserved


def _is_denied(ip: Address) -> bool:
    # A network never contains an address of the other version.
    return any(ip in network for network in _DENIED + _denied(tuple(settings.MAILHUB_DENIED_NETWORKS)))


def resolve(name: str, port: int) -> list[str]:
    """All addresses of a name in the system's order of preference; raises OSError. Tests replace it."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _resolve_before(name: str, port: int, deadline: float) -> list[str]:
    """`resolve`, given up at the deadline.

    getaddrinfo takes no timeout, so it runs in a thread that is left behind when it is too slow. The C
    library gives up by itself within about half a minute, so a worker has at most a few of them at a time.
    """
    answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolve(name, port))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answer.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise MailError("timeout") from None
    if isinstance(found, socket.gaierror):
        absent = found.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
        raise MailError("name_not_found" if absent else "unreachable") from found
    if isinstance(found, OSError):
        raise MailError("unreachable") from found
    if isinstance(found, Exception):
        raise found
    if not found:
        raise MailError("name_not_found")
    return found


# ── Connecting ──────────────────────────────────────────────────────────────


def connect(
    host: str,
    port: int,
    *,
    timeout: float,
    protocol: str = "pop3",
    by_operator: bool = False,
    on_resolved: Callable[[str], None] | None = None,
) -> socket.socket:
    """A connected TCP socket to a host that a user named; `timeout` is the total for everything, in seconds.

    The name is resolved once, every address must be public, and only checked addresses are connected to, so a
    name that changes its mind between check and connect gains nothing. `on_resolved` hears the first address,
    after all were checked: a refused address must not reach the page either. The socket keeps `timeout`.
    `by_operator`: host and port come from the settings of this Mailhub, so they may be anywhere.

    Raises MailError: host_invalid, port_not_allowed, name_not_found, host_not_allowed, unreachable, timeout.
    """
    deadline = time.monotonic() + timeout
    # Not by way of _allowed(): what the operator relays through must not become a server that people can name.
    name = _ascii(host) if by_operator else check_host(host)
    exempt = by_operator or (name, port) in _allowed()
    if not exempt:
        check_port(port, protocol, name)
        _full_name(name)  # it may be listed, but with another port
    addresses = [name] if _literal(name) else _resolve_before(name, port, deadline)
    if not exempt and not all(map(is_public, addresses)):
        raise MailError("host_not_allowed")
    if on_resolved is not None:
        on_resolved(addresses[0])
    sock = _first_to_answer(addresses[:MAX_ADDRESSES], port, deadline)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(timeout)
    return sock


def _first_to_answer(addresses: list[str], port: int, deadline: float) -> socket.socket:
    code = "timeout"
    for position, address in enumerate(addresses):
        # An equal share of what is left, so that one dead address (often IPv6) does not use up all of it.
        share = (deadline - time.monotonic()) / (len(addresses) - position)
        if share <= 0:
            break
        try:
            return dial(address, port, share)
        except TimeoutError:
            code = "timeout"
        except ConnectionResetError:  # it answered, and hung up before we had looked
            code = "connection_lost"
        except OSError:
            code = "unreachable"
    raise MailError(code)


def dial(address: str, port: int, timeout: float) -> socket.socket:
    """Connect to a checked IP address; no name gets here, so nothing is resolved again. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


# ── TLS ─────────────────────────────────────────────────────────────────────


def tls_context() -> ssl.SSLContext:
    """The one client context: TLS 1.2 or newer, name checked, system's CAs plus MAILHUB_MAIL_CA_FILE."""
    return _context(settings.MAILHUB_MAIL_CA_FILE)


@lru_cache(maxsize=4)
def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # only the subjectAltName names a server (RFC 9525, 2)
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


def start_tls(sock: socket.socket, host: str, *, timeout: float) -> ssl.SSLSocket:
    """The socket inside TLS, its certificate checked against `host`; `timeout` is for the whole handshake.

    The given socket is used up, closed on failure. There is no way down to an unencrypted connection.

    Raises MailError: certificate_expired, certificate_self_signed, certificate_incomplete,
    certificate_wrong_name, certificate_invalid, tls_failed, timeout, connection_lost.
    """
    context = tls_context()
    try:
        sock.settimeout(timeout)
        return context.wrap_socket(sock, server_hostname=_ascii(host))
    except OSError as error:
        sock.close()
        raise MailError(_tls_code(error)) from error


def _tls_code(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return _CERTIFICATE_CODES.get(error.verify_code, "certificate_invalid")
        case TimeoutError():
            return "timeout"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "connection_lost"
        case ssl.SSLError():
            return "tls_failed"
        case _:
            return "connection_lost"


def is_plain_text(error: MailError) -> bool:
    """Whether `start_tls` failed because plain text came: the port does not begin with a handshake."""
    cause = error.__cause__
    return isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL")


def certificate_expiry(sslsock: ssl.SSLSocket) -> datetime | None:
    """When the peer's certificate runs out (UTC), None when there is none."""
    certificate = sslsock.getpeercert()
    if not certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
