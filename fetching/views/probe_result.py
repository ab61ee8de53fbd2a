"""A connection test as a person reads it: what was done, what failed, what to try, what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.formats import duration
from accounts.models import Membership
from accounts.providers import lookup
from accounts.servers import probe_messages
from accounts.servers.failures import ErrorClass, Failure
from accounts.servers.probe_messages import Line
from accounts.servers.probes import Probe
from fetching.connect.probe import STEPS
from fetching.status import progress
from quotas.models import StorageMeter

_LABELS = probe_messages.LABELS | {
    "uidl": (gettext_lazy("Can tell messages apart"), gettext_lazy("Cannot tell messages apart")),
    "listed": (gettext_lazy("Mail listed"), gettext_lazy("Mail not listed")),
}
# The field to look at first, where the class of the failure does not say.
_FIELD_OF_CODE = {
    "host_invalid": "host",
    "starttls_missing": "encryption",
    "starttls_needed": "encryption",
    "ssl_needed": "encryption",
    "account_blocked": "",
    "login_disabled": "",
    "uidl_missing": "delete_policy",
}


@dataclass(frozen=True, slots=True)
class ProbeHint:
    """One thing to try; with `fill` a button that puts that value into `field`."""

    text: str
    field: str = ""
    fill: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """All that the panel beside the form shows; sizes in bytes, times in seconds."""

    state: str
    head: str
    seconds: float
    lines: list[Line]
    messages: int = 0
    bytes: int = 0
    free: int = 0
    takes: str = ""
    is_edit: bool = False
    failure: Failure | None = None
    field: str = ""
    hints: tuple[ProbeHint, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether polling can stop."""
        return self.state in ("passed", "failed")

    @property
    def fits(self) -> bool:
        """Whether all that waits has room."""
        return self.bytes <= self.free


def describe_result(probe: Probe, settings: dict[str, Any], membership: Membership) -> ProbeResult:
    """What to show of a test with these settings."""
    failure = probe_messages.failure_of(probe)
    messages, size = probe.found.get("messages", 0), probe.found.get("bytes", 0)
    meter = StorageMeter.objects.filter(organization=membership.organization_id).first()
    return ProbeResult(
        state=probe.state,
        head=probe_messages.head(probe),
        seconds=probe.seconds,
        lines=list(_lines(probe, settings)),
        messages=messages,
        bytes=size,
        free=meter.free if meter else 0,
        takes=duration(progress.estimate(messages, size)),
        is_edit="account" in settings,
        failure=failure,
        field=probe_messages.field_of(probe, _FIELD_OF_CODE),
        hints=tuple(_hints(probe.error, failure, settings)) if failure else (),
    )


def _lines(probe: Probe, settings: Mapping[str, Any]) -> Iterator[Line]:
    steps = [name for name in STEPS if name != "secure" or settings["encryption"] != "plain"]
    return probe_messages.lines(probe, steps, _LABELS, settings, _note)


def _note(step: Mapping[str, Any]) -> str:
    return _("So nothing is fetched twice") if step["name"] == "uidl" else ""


# ── What to try ─────────────────────────────────────────────────────────────
def _hints(code: str, failure: Failure, settings: dict[str, Any]) -> Iterator[ProbeHint]:
    match failure.error_class:
        case ErrorClass.AUTHENTICATION:
            yield from _sign_in_hints(settings)
        case ErrorClass.CERTIFICATE if code == "starttls_needed":
            yield ProbeHint(
                _("STARTTLS fits a port that begins without encryption."), "encryption", "starttls"
            )
            yield from _port_hints(settings)
        case ErrorClass.CONFIG if code == "ssl_needed":
            yield ProbeHint(_("SSL fits a port that is encrypted from the start."), "encryption", "ssl")
            yield from _port_hints(settings)
        case ErrorClass.CERTIFICATE:
            if code == "certificate_self_signed":
                yield ProbeHint(_("A certificate that a server has made for itself proves nothing."))
            yield ProbeHint(_("The password has not been sent."))
        case ErrorClass.CONNECTION:
            yield ProbeHint(_("Server names for fetching often begin with pop, pop3 or mail."))
            yield from _port_hints(settings)
            yield ProbeHint(
                _("Some providers let only certain networks in. Ask whether they refuse this server.")
            )
        case ErrorClass.CONFIG if code == "uidl_missing":
            yield ProbeHint(_("Each message is stored here first, and only then deleted there."))
        case ErrorClass.CONFIG if code in ("not_pop3", "starttls_missing"):
            yield from _port_hints(settings)
            yield ProbeHint(
                _("Ports 993 and 143 are for IMAP, 465 and 587 for sending. Neither will do here.")
            )


def _sign_in_hints(settings: dict[str, Any]) -> Iterator[ProbeHint]:
    provider = lookup.by_slug(settings.get("provider", ""))
    yield ProbeHint(_("Capital letters matter in a password."))
    if provider and provider.switches_pop3:
        yield ProbeHint(str(provider.note))
    elif provider and provider.app_password:
        yield ProbeHint(
            _("%(provider)s wants an app password instead of the one you sign in with there.")
            % {"provider": provider.name}
        )
    else:
        yield ProbeHint(_("If you sign in there with a code from your phone, you need an app password."))
    username, email = settings["username"], settings.get("email", "")
    if "@" in username:
        local = username.partition("@")[0]
        yield ProbeHint(
            _("Some providers want only the part before the @ as the user name."), "username", local
        )
    elif email:
        yield ProbeHint(_("Some providers want the whole address as the user name."), "username", email)


def _port_hints(settings: dict[str, Any]) -> Iterator[ProbeHint]:
    usual = {"ssl": 995, "starttls": 110, "plain": 110}[settings["encryption"]]
    if settings["port"] != usual:
        yield ProbeHint(
            _("With this encryption the port is usually %(port)s.") % {"port": usual}, "port", str(usual)
        )
    elif settings["encryption"] != "ssl":
        yield ProbeHint(_("Try SSL with port 995; most providers offer it."))
