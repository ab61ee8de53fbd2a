"""A connection test as a person reads it: what was done, what failed, what to try, what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import providers
from accounts.failures import ErrorClass, Failure, describe
from accounts.models import Membership
from fetching import progress
from fetching.probing import STEPS, Probe
from fetching.wording import duration
from quotas.models import StorageMeter

# Each step when done (or waited for), and when it failed.
_LABELS = {
    "resolved": (gettext_lazy("Server found"), gettext_lazy("Server not found")),
    "connected": (gettext_lazy("Connected"), gettext_lazy("Not connected")),
    "secure": (gettext_lazy("Secure"), gettext_lazy("Not secure")),
    "greeting": (gettext_lazy("Mail server answers"), gettext_lazy("No mail server answers")),
    "signed_in": (gettext_lazy("Signed in"), gettext_lazy("Sign-in refused")),
    "uidl": (gettext_lazy("Can tell messages apart"), gettext_lazy("Cannot tell messages apart")),
    "listed": (gettext_lazy("Mail listed"), gettext_lazy("Mail not listed")),
}
_HEADS = {
    "waiting": gettext_lazy("Testing"),
    "running": gettext_lazy("Testing"),
    "passed": gettext_lazy("It works"),
}
_FAILED_HEADS = {
    ErrorClass.AUTHENTICATION: gettext_lazy("Sign-in failed"),
    ErrorClass.CERTIFICATE: gettext_lazy("Not secure"),
    ErrorClass.CONNECTION: gettext_lazy("No connection"),
    ErrorClass.BUSY: gettext_lazy("The server is busy"),
    ErrorClass.DELAY: gettext_lazy("Too soon"),
}
# The field to look at first.
_FIELDS = {
    ErrorClass.AUTHENTICATION: "password",
    ErrorClass.CERTIFICATE: "host",
    ErrorClass.CONNECTION: "host",
    ErrorClass.CONFIG: "port",
}
_FIELD_OF_CODE = {
    "host_invalid": "host",
    "starttls_missing": "encryption",
    "account_blocked": "",
    "login_disabled": "",
    "uidl_missing": "delete_policy",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step on the page; `state` is ok, busy, bad or wait, `seconds` None until it is done."""

    state: str
    label: str
    note: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to try; with `fill` a button that puts that value into `field`."""

    text: str
    field: str = ""
    fill: str = ""


@dataclass(frozen=True, slots=True)
class Result:
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
    hints: tuple[Hint, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether polling can stop."""
        return self.state in ("passed", "failed")

    @property
    def fits(self) -> bool:
        """Whether all that waits has room."""
        return self.bytes <= self.free


def of(probe: Probe, settings: dict[str, Any], membership: Membership) -> Result:
    """What to show of a test with these settings."""
    failure = describe(probe.error) if probe.state == "failed" else None
    meter = StorageMeter.objects.filter(organization=membership.organization_id).first()
    return Result(
        state=probe.state,
        head=_head(probe, failure),
        seconds=probe.seconds,
        lines=list(_lines(probe, settings)),
        messages=probe.messages,
        bytes=probe.bytes,
        free=meter.free if meter else 0,
        takes=duration(progress.estimate(probe.messages, probe.bytes)),
        is_edit="account" in settings,
        failure=failure,
        field=_field(probe.error, failure) if failure else "",
        hints=tuple(_hints(probe.error, failure, settings)) if failure else (),
    )


def _head(probe: Probe, failure: Failure | None) -> str:
    if failure is None:
        return str(_HEADS[probe.state])
    return str(_FAILED_HEADS.get(failure.error_class, _("It does not work yet")))


def _field(code: str, failure: Failure) -> str:
    return _FIELD_OF_CODE.get(code, _FIELDS.get(failure.error_class, ""))


# ── Steps ───────────────────────────────────────────────────────────────────
def _lines(probe: Probe, settings: dict[str, Any]) -> Iterator[Line]:
    for step in probe.steps:
        yield Line("ok", str(_LABELS[step["name"]][0]), _note(step, settings), step["seconds"])
    done = {step["name"] for step in probe.steps}
    if settings["encryption"] == "plain":
        done.add("secure")
    # A server that cannot tell messages apart passes all the same where none stays.
    rest = [] if probe.state == "passed" else [name for name in STEPS if name not in done]
    for position, name in enumerate(rest):
        if position == 0 and probe.state == "failed":
            yield Line("bad", str(_LABELS[name][1]), _answer(probe))
        else:
            is_busy = position == 0 and probe.state == "running"
            yield Line("busy" if is_busy else "wait", str(_LABELS[name][0]))


def _note(step: dict[str, Any], settings: dict[str, Any]) -> str:
    match step["name"]:
        case "connected":
            return _("Port %(port)s") % {"port": settings["port"]}
        case "signed_in":
            return str(settings["username"])
        case "uidl":
            return _("So nothing is fetched twice")
        case "listed" | "greeting":
            return ""
        case "secure":
            return _secure(str(step["detail"]))
    return str(step["detail"])


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
def _hints(code: str, failure: Failure, settings: dict[str, Any]) -> Iterator[Hint]:
    match failure.error_class:
        case ErrorClass.AUTHENTICATION:
            yield from _sign_in_hints(settings)
        case ErrorClass.CERTIFICATE:
            if code == "certificate_self_signed":
                yield Hint(_("A certificate that a server has made for itself proves nothing."))
            yield Hint(_("The password has not been sent."))
        case ErrorClass.CONNECTION:
            yield Hint(_("Server names for fetching often begin with pop, pop3 or mail."))
            yield from _port_hints(settings)
            yield Hint(_("Some providers let only certain networks in. Ask whether they refuse this server."))
        case ErrorClass.CONFIG if code == "uidl_missing":
            yield Hint(_("Each message is stored here first, and only then deleted there."))
        case ErrorClass.CONFIG if code in ("not_pop3", "starttls_missing"):
            yield from _port_hints(settings)
            yield Hint(_("Ports 993 and 143 are for IMAP, 465 and 587 for sending. Neither will do here."))


def _sign_in_hints(settings: dict[str, Any]) -> Iterator[Hint]:
    provider = providers.by_slug(settings.get("provider", ""))
    yield Hint(_("Capital letters matter in a password."))
    if provider and provider.switches_pop3:
        yield Hint(str(provider.note))
    elif provider and provider.app_password:
        yield Hint(
            _("%(provider)s wants an app password instead of the one you sign in with there.")
            % {"provider": provider.name}
        )
    else:
        yield Hint(_("If you sign in there with a code from your phone, you need an app password."))
    username, email = settings["username"], settings.get("email", "")
    if "@" in username:
        local = username.partition("@")[0]
        yield Hint(_("Some providers want only the part before the @ as the user name."), "username", local)
    elif email:
        yield Hint(_("Some providers want the whole address as the user name."), "username", email)


def _port_hints(settings: dict[str, Any]) -> Iterator[Hint]:
    usual = {"ssl": 995, "starttls": 110, "plain": 110}[settings["encryption"]]
    if settings["port"] != usual:
        yield Hint(
            _("With this encryption the port is usually %(port)s.") % {"port": usual}, "port", str(usual)
        )
    elif settings["encryption"] != "ssl":
        yield Hint(_("Try SSL with port 995; most providers offer it."))
