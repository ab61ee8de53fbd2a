"""A test of settings for sending as a person reads it: what was done, what failed, what to try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Membership
from accounts.servers import probe_messages
from accounts.servers.failures import ErrorClass, Failure
from accounts.servers.probe_messages import Line
from accounts.servers.probes import Probe
from sending.identities import probe as send_probe
from sending.identities.probe import STEPS
from sending.models import OutgoingServer

_LABELS: Final = probe_messages.LABELS | {
    "sender": (gettext_lazy("Address accepted"), gettext_lazy("Address not accepted")),
    "finished": (gettext_lazy("Left without sending"), gettext_lazy("Left without sending")),
}
# The field to look at first, where the class of the failure does not say.
_FIELD_OF_CODE: Final = {
    "host_invalid": "host",
    "starttls_missing": "encryption",
    "encryption_needed": "encryption",
    "account_blocked": "",
    "smtp_switched_off": "",
    "blocked_here": "",
}
_USUAL: Final = {"ssl": 465, "starttls": 587, "plain": 587}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """All that the panel beside the form shows; times in seconds. `is_same`: signed in as for fetching."""

    state: str
    head: str
    seconds: float
    lines: list[Line]
    sender: str
    is_same: bool
    failure: Failure | None = None
    field: str = ""
    hints: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether polling can stop."""
        return self.state in ("passed", "failed")

    @property
    def is_password(self) -> bool:
        """Whether the sign-in was refused."""
        return self.failure is not None and self.failure.error_class is ErrorClass.AUTHENTICATION


def result_of_test(
    membership: Membership, account_id: int, test: str, asked_since: float = 0
) -> ProbeResult | None:
    """What to show of a test of this account; None when there is none (any more).

    `asked_since` is when the page began to ask (0: just now).
    """
    settings = send_probe.settings_of(test, membership)
    probe = send_probe.result(test, membership) if settings else None
    if not settings or not probe or settings["account"] != account_id:
        return None
    return describe_result(probe_messages.unless_lost(probe, asked_since), settings)


def describe_result(probe: Probe, settings: Mapping[str, Any]) -> ProbeResult:
    """What to show of a test with these settings."""
    failure = probe_messages.failure_of(probe)
    is_same = settings["login"] == OutgoingServer.Login.SAME
    field = probe_messages.field_of(probe, _FIELD_OF_CODE)
    return ProbeResult(
        state=probe.state,
        head=probe_messages.head(probe),
        seconds=probe.seconds,
        lines=list(_lines(probe, settings)),
        sender=str(settings["sender"]),
        is_same=is_same,
        failure=failure,
        field="" if is_same and field == "password" else field,
        hints=tuple(_hints(probe.error, failure, settings)) if failure else (),
    )


def _lines(probe: Probe, settings: Mapping[str, Any]) -> Iterator[Line]:
    needless = {"secure"} if settings["encryption"] == "plain" else set()
    if settings["login"] == OutgoingServer.Login.NONE:
        needless.add("signed_in")
    steps = [name for name in STEPS if name not in needless]
    return probe_messages.lines(probe, steps, _LABELS, settings, lambda step: _note(step, settings))


def _note(step: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    return str(settings["sender"]) if step["name"] == "sender" else ""


# ── What to try ─────────────────────────────────────────────────────────────
def _hints(code: str, failure: Failure, settings: Mapping[str, Any]) -> Iterator[str]:
    match failure.error_class:
        case ErrorClass.AUTHENTICATION:
            yield _("Capital letters matter in a password.")
            yield _("Some providers must be told first that mail programs may send.")
        case ErrorClass.CERTIFICATE:
            yield _("The password has not been sent.")
        case ErrorClass.CONNECTION:
            yield _("Server names for sending often begin with smtp or mail.")
            yield from _port_hints(settings)
        case ErrorClass.CONFIG if code in ("not_smtp", "starttls_missing", "encryption_needed"):
            yield from _port_hints(settings)
            yield _("Ports 995 and 110 are for fetching. Neither will do here.")
        case ErrorClass.MESSAGE if code == "sender_refused":
            yield _("Check that the user name belongs to this address.")


def _port_hints(settings: Mapping[str, Any]) -> Iterator[str]:
    usual = _USUAL[settings["encryption"]]
    if settings["port"] != usual:
        yield _("With this encryption the port is usually %(port)s.") % {"port": usual}
    elif settings["encryption"] == "ssl":
        yield _("Try STARTTLS with port 587; some providers offer only that.")
    else:
        yield _("Try SSL with port 465; most providers offer it.")
