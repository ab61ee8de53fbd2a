"""A test of a mail server as a person reads it, whatever the protocol: what was done, what failed, where to look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.servers.failures import ErrorClass, Failure, describe
from accounts.servers.probes import Probe

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# A test waits in the queue at most 120 seconds and then takes at most 90.
LOST_SECONDS: Final = 240

# Each step when done (or waited for), and when it failed.
LABELS: Final = {
    "resolved": (gettext_lazy("Server found"), gettext_lazy("Server not found")),
    "connected": (gettext_lazy("Connected"), gettext_lazy("Not connected")),
    "secure": (gettext_lazy("Secure"), gettext_lazy("Not secure")),
    "greeting": (gettext_lazy("Mail server answers"), gettext_lazy("No mail server answers")),
    "signed_in": (gettext_lazy("Signed in"), gettext_lazy("Sign-in refused")),
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
_FIELDS: Final = {
    ErrorClass.AUTHENTICATION: "password",
    ErrorClass.CERTIFICATE: "host",
    ErrorClass.CONNECTION: "host",
    ErrorClass.CONFIG: "port",
}

Labels = Mapping[str, "tuple[_StrPromise, _StrPromise]"]


@dataclass(frozen=True, slots=True)
class Line:
    """One step on the page; `state` is ok, busy, bad or wait, `seconds` None until it is done."""

    state: str
    label: str
    note: str = ""
    seconds: float | None = None


def unless_lost(probe: Probe, asked_since: float) -> Probe:
    """The test; failed, if it is not over long after the page began to ask (0: just now).

    It can only have lost its worker then, and a person should not wait for it.
    """
    if not probe.is_over and asked_since and time.time() - asked_since > LOST_SECONDS:
        return replace(probe, state="failed", error="internal")
    return probe


def failure_of(probe: Probe) -> Failure | None:
    """Why it failed, if it did."""
    return describe(probe.error) if probe.state == "failed" else None


def head(probe: Probe) -> str:
    """How it stands, in two or three words."""
    failure = failure_of(probe)
    if failure is None:
        return str(_HEADS[probe.state])
    return str(_FAILED_HEADS.get(failure.error_class, _("It does not work yet")))


def field_of(probe: Probe, special: Mapping[str, str]) -> str:
    """The field to look at first; `special` names it for codes whose class says nothing of it."""
    failure = failure_of(probe)
    return special.get(probe.error, _FIELDS.get(failure.error_class, "")) if failure else ""


def lines(
    probe: Probe,
    steps: Iterable[str],
    labels: Labels,
    settings: Mapping[str, Any],
    notes: Callable[[Mapping[str, Any]], str],
) -> Iterator[Line]:
    """The steps that were done, then the rest of `steps`; `notes` says more of a step of its protocol."""
    for step in probe.steps:
        yield Line("ok", str(labels[step["name"]][0]), _note(step, settings, notes), step["seconds"])
    done = {step["name"] for step in probe.steps}
    # A step that was not needed is missing in a test that passed.
    rest = [] if probe.state == "passed" else [name for name in steps if name not in done]
    for position, name in enumerate(rest):
        if position == 0 and probe.state == "failed":
            yield Line("bad", str(labels[name][1]), _answer(probe))
        else:
            is_busy = position == 0 and probe.state == "running"
            yield Line("busy" if is_busy else "wait", str(labels[name][0]))


def _note(
    step: Mapping[str, Any], settings: Mapping[str, Any], notes: Callable[[Mapping[str, Any]], str]
) -> str:
    match step["name"]:
        case "resolved":
            return str(step["detail"])
        case "connected":
            return _("Port %(port)s") % {"port": settings["port"]}
        case "secure":
            return _protection(str(step["detail"]))
        case "signed_in":
            return str(settings["username"])
    return notes(step)


def _protection(detail: str) -> str:
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
