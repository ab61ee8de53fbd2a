"""What every request passes: whom it really came from, and what browsers may do with the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]
Networks = tuple[IPv4Network | IPv6Network, ...]

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED")
# None of these is used anywhere; what is not named here has defaults that ask the person.
PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        *("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media"),
        *(
            "geolocation",
            "gyroscope",
            "hid",
            "idle-detection",
            "local-fonts",
            "magnetometer",
            "microphone",
            "midi",
        ),
        *(
            "payment",
            "picture-in-picture",
            "publickey-credentials-create",
            "screen-wake-lock",
            "serial",
            "usb",
        ),
        *("window-management", "xr-spatial-tracking"),
    )
)


class TrustedProxies:
    """Puts the client's own address into REMOTE_ADDR when the request came through proxies of ours.

    What a proxy says counts only if the proxy is in MAILHUB_TRUSTED_PROXIES; from anybody else it is taken away, so
    that nobody chooses the address that limits are counted for, or passes a plain connection off as TLS.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """See the class."""
        peer = request.META.get("REMOTE_ADDR", "")
        if not is_trusted(peer):
            for name in FORWARDED:
                request.META.pop(name, None)
        else:
            request.META["REMOTE_ADDR"] = client_address(peer, request.META.pop("HTTP_X_FORWARDED_FOR", ""))
        return self.get_response(request)


def client_address(peer: str, forwarded: str) -> str:
    """The last address that no proxy of ours has: each proxy adds to the right whom it was called by."""
    address = peer
    for entry in reversed(forwarded.split(",")):
        found = _address(entry)
        if not found:
            break  # whoever wrote this is not to be believed further
        address = found
        if not is_trusted(found):
            break
    return address


def is_trusted(address: str) -> bool:
    """Whether the address is one of MAILHUB_TRUSTED_PROXIES."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in _networks(tuple(settings.MAILHUB_TRUSTED_PROXIES)))


@lru_cache(maxsize=4)
def _networks(entries: tuple[str, ...]) -> Networks:
    try:
        return tuple(ip_network(entry.strip(), strict=False) for entry in entries)
    except ValueError as error:
        raise ImproperlyConfigured(f"MAILHUB_TRUSTED_PROXIES: {error}") from None


def _address(entry: str) -> str:
    """The address of one entry, which some proxies write with its port; "" for anything else."""
    entry = entry.strip().strip('"')
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        found = ip_address(entry)
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


class PrivateAnswers:
    """Headers of everything but static files, which are public and answered before this."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """See the class. What a view says itself stays."""
        response = self.get_response(request)
        # Neither a shared cache nor the browser's own, which the next person at that machine can read.
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        match = request.resolver_match
        if match is not None and match.url_name == "account_logout" and request.method == "POST":
            # Not cookies: those of other programs on the same domain would go too.
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response
