"""A test of settings for sending as a person reads it: what was done, what failed, what to try."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.failures import ErrorClass, Failure, describe
from accounts.models import Membership
from accounts.probes import Probe
from sending import probing
from sending.models import OutgoingServer
from sending.probing import STEPS

# A test waits in the queue at most 120 seconds (sending/tasks.py) and then takes at most 90.
LOST_SECONDS: Final = 240

# Each step when done (or waited for), and when it failed.
_LABELS: Final = {
    "resolved": (gettext_lazy("Server found"), gettext_lazy("Server not found")),
    "connected": (gettext_lazy("Connected"), gettext_lazy("Not connected")),
    "secure": (gettext_lazy("Secure"), gettext_lazy("Not secure")),
    "greeting": (gettext_lazy("Mail server answers"), gettext_lazy("No mail server answers")),
    "signed_in": (gettext_lazy("Signed in"), gettext_lazy("Sign-in refused")),
    "sender": (gettext_lazy("Address accepted"), gettext_lazy("Address not accepted")),
    "finished": (gettext_lazy("Left without sending"), gettext_lazy("Left without sending")),
}
_HEADS: Final = {
    "waiting": gettext_lazy("Testing"),
    "running": gettext_lazy("Testing"),
    "passed": gettext_lazy("It works"),
}
_FAILED_HEADS: Final = {
    ErrorClass.AUTHENTICATION: gettext_lazy("Sign-in failed"),
    ErrorClass.CERTIFICATE: gettext_lazy("Not secure"),
    ErrorClass.CONNECTION: gettext_lazy("No connection"),
    ErrorClass.BUSY: gettext_lazy("The server is busy"),
    ErrorClass.DELAY: gettext_lazy("Too soon"),
    ErrorClass.MESSAGE: gettext_lazy("The address is refused"),
}
# The field to look at first.
_FIELDS: Final = {
    ErrorClass.AUTHENTICATION: "password",
    ErrorClass.CERTIFICATE: "host",
    ErrorClass.CONNECTION: "host",
    ErrorClass.CONFIG: "port",
}
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
class Line:
    """One step on the page; `state` is ok, busy, bad or wait, `seconds` None until it is done."""

    state: str
    label: str
    note: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
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


def of_test(membership: Membership, account_id: int, test: str, asked_since: float = 0) -> Result | None:
    """What to show of a test of this account; None when there is none (any more).

    `asked_since` is when the page began to ask (0: just now). A test that is not over long after can only have lost
    its worker, and a person should not wait for it.
    """
    settings = probing.settings_of(test, membership)
    probe = probing.result(test, membership) if settings else None
    if not settings or not probe or settings["account"] != account_id:
        return None
    if not probe.is_over and asked_since and time.time() - asked_since > LOST_SECONDS:
        probe.state, probe.error = "failed", "internal"
    return of(probe, settings)


def of(probe: Probe, settings: Mapping[str, Any]) -> Result:
    """What to show of a test with these settings."""
    failure = describe(probe.error) if probe.state == "failed" else None
    is_same = settings["login"] == OutgoingServer.Login.SAME
    field = _FIELD_OF_CODE.get(probe.error, _FIELDS.get(failure.error_class, "")) if failure else ""
    return Result(
        state=probe.state,
        head=_head(probe, failure),
        seconds=probe.seconds,
        lines=list(_lines(probe, settings)),
        sender=str(settings["sender"]),
        is_same=is_same,
        failure=failure,
        field="" if is_same and field == "password" else field,
        hints=tuple(_hints(probe.error, failure, settings)) if failure else (),
    )


def _head(probe: Probe, failure: Failure | None) -> str:
    if failure is None:
        return str(_HEADS[probe.state])
    return str(_FAILED_HEADS.get(failure.error_class, _("It does not work yet")))


# ── Steps ───────────────────────────────────────────────────────────────────
def _lines(probe: Probe, settings: Mapping[str, Any]) -> Iterator[Line]:
    for step in probe.steps:
        yield Line("ok", str(_LABELS[step["name"]][0]), _note(step, settings), step["seconds"])
    done = {step["name"] for step in probe.steps}
    if settings["encryption"] == "plain":
        done.add("secure")
    if settings["login"] == OutgoingServer.Login.NONE:
        done.add("signed_in")
    rest = [name for name in STEPS if name not in done]
    for position, name in enumerate(rest):
        if position == 0 and probe.state == "failed":
            yield Line("bad", str(_LABELS[name][1]), _answer(probe))
        else:
            is_busy = position == 0 and probe.state == "running"
            yield Line("busy" if is_busy else "wait", str(_LABELS[name][0]))


def _note(step: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    match step["name"]:
        case "connected":
            return _("Port %(port)s") % {"port": settings["port"]}
        case "signed_in":
            return str(settings["username"])
        case "sender":
            return str(settings["sender"])
        case "resolved":
            return str(step["detail"])
        case "secure":
            return _secure(str(step["detail"]))
    return ""


def _secure(detail: str) -> str:
    """ "TLS 1.3, 2027-03-14" in the reader's words; the date is when the certificate runs out."""
    version, _comma, until = detail.partition(", ")
    day = parse_date(until) if until else None
    if day is None:
        return detail
    words = {"version": version, "date": date_format(day, "j F Y")}
    return _("%(version)s, certificate valid until %(date)s") % words


def _answer(probe: Probe) -> str:
    """The sentence, and what the server said; its words only from a proven mail server (see MailError)."""
    sentence = str(describe(probe.error).sentence)
    proven = {step["name"] for step in probe.steps}
    if probe.server_text and {"secure", "greeting"} <= proven:
        return sentence + " " + _("It answered: “%(words)s”") % {"words": probe.server_text}
    return sentence


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
