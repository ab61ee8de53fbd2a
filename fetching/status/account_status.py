"""How an account's fetching stands, as a person reads it: badge, sentence, remedy and the one thing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.formats import date_and_time, number
from accounts.models import MailAccount
from accounts.providers import lookup
from accounts.servers.failures import ErrorClass, Failure, describe
from fetching.models import FetchState, MailServer
from fetching.scheduler.claims import BREAKER_AFTER
from fetching.status import failure_text

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Servers that do not answer to anybody, and until when each is left alone.
Outages = Mapping[str, datetime]


class StatusKind(StrEnum):
    """What an account is in, from a person's point of view."""

    NEW = "new"
    FETCHING = "fetching"
    FINE = "fine"
    RETRYING = "retrying"
    PASSWORD = "password"  # noqa: S105
    CERTIFICATE = "certificate"
    SETTINGS = "settings"
    UNREACHABLE = "unreachable"
    SPACE = "space"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Action:
    """The button that helps most: a link, or with `is_post` a form."""

    label: str
    icon: str
    url_name: str
    is_post: bool = False
    is_primary: bool = False
    of_account: bool = True
    # The part of the page that it is about.
    part: str = ""

    def url(self, slug: str, account_id: int) -> str:
        """Where it leads, in the organization with that slug."""
        args = [slug, account_id] if self.of_account else [slug]
        return reverse(self.url_name, args=args) + (f"#{self.part}" if self.part else "")


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One account's state in words. `tone` is ok, info, warn, bad or off; no `sentence` when all is well."""

    kind: StatusKind
    tone: str
    icon: str
    badge: str
    action: Action
    sentence: str = ""
    remedy: str = ""

    @property
    def is_trouble(self) -> bool:
        """Something is not as it should be; a banner may say so."""
        return self.tone in ("warn", "bad") and bool(self.sentence)

    @property
    def needs_person(self) -> bool:
        """Only the account's owner can help."""
        return self.tone == "bad"

    @property
    def is_busy(self) -> bool:
        """A fetch is under way: the icon turns."""
        return self.kind == StatusKind.FETCHING

    @property
    def entry_class(self) -> str:
        """The class of the small icon in the side panel; "" when there is nothing to show."""
        return "is-busy" if self.is_busy else {"bad": "is-bad", "warn": "is-warn"}.get(self.tone, "")


def outages(accounts: Iterable[MailAccount]) -> Outages:
    """Which of the accounts' servers do not answer to anybody at the moment: one query for a whole page."""
    hosts = {account.fetch_state.server for account in accounts}
    down = MailServer.objects.filter(host__in=hosts, failures__gte=BREAKER_AFTER)
    return {host: until for host, until in down.values_list("host", "closed_until") if until}


def status_of(account: MailAccount, outages: Outages | None = None) -> AccountStatus:
    """How the account stands. Reads `account.fetch_state`, so select it along; `outages` has its server if down."""
    state = account.fetch_state
    if state.status == FetchState.Status.PAUSED:
        return _paused(state)
    failure = describe(state.error_code) if state.error_code else None
    if failure and (state.status == FetchState.Status.FAILED or _only_a_person(failure)):
        return _trouble(account, failure)
    if state.is_fetching:
        return _fetching()
    if state.status == FetchState.Status.PAUSED_QUOTA:
        return _waiting_for_space(account)
    if outages and state.server in outages and _is_held_up(state, failure, outages[state.server]):
        return _waiting_for_server(state, outages[state.server])
    if failure:
        return _retrying(state, failure)
    if state.last_success_at is None:
        return AccountStatus(StatusKind.NEW, "info", "clock", _("Starting"), _fetch_now(_("Fetch now")))
    # A first fetch of many sessions is one fetch to a person, also in the moment between two of them.
    if not state.first_fetch_done:
        return _fetching()
    return AccountStatus(StatusKind.FINE, "ok", "check", _("Up to date"), _fetch_now(_("Fetch now")))


def failure_of(account: MailAccount) -> Failure:
    """What is wrong, in the words of the account's card; for mail, which is written in its reader's language."""
    return replace(
        describe(account.fetch_state.error_code),
        sentence=_later(lambda: status_of(account).sentence),
        remedy=_later(lambda: status_of(account).remedy),
    )


def _later(words: Callable[[], str]) -> _StrPromise:
    return cast("_StrPromise", lazy(words, str)())


def provider_name(account: MailAccount) -> str:
    """How the account's provider is called in a sentence: its name, else its server's."""
    preset = lookup.by_slug(account.provider) if account.provider else None
    return str(preset.name) if preset and preset.pop_host else account.host


def _only_a_person(failure: Failure) -> bool:
    # While such an account is still tried again by itself, a person could already be mending it.
    return failure.permanent and failure.error_class != ErrorClass.MESSAGE


def _fetching() -> AccountStatus:
    return AccountStatus(StatusKind.FETCHING, "info", "spinner", _("Fetching"), _pause())


def _fetch_now(label: str) -> Action:
    return Action(label, "refresh", "fetch_now", is_post=True)


def _pause() -> Action:
    return Action(_("Pause"), "pause", "fetch_pause", is_post=True)


def _settings(label: str) -> Action:
    return Action(label, "key", "mail_account_edit", is_primary=True)


def _paused(state: FetchState) -> AccountStatus:
    action = Action(_("Resume"), "play", "fetch_resume", is_post=True)
    return AccountStatus(StatusKind.PAUSED, "off", "pause", _("Paused"), action)


def _trouble(account: MailAccount, failure: Failure) -> AccountStatus:
    """Only a person can help: a red badge, by what it takes."""
    words = failure_text.failure_text(account, failure, provider_name(account))
    if failure.error_class == ErrorClass.AUTHENTICATION and words.is_password:
        kind, icon, badge = StatusKind.PASSWORD, "key", _("Needs a password")
        return AccountStatus(
            kind, "bad", icon, badge, _settings(_("Enter password")), words.sentence, words.remedy
        )
    action = _settings(_("Check the settings"))
    if failure.error_class == ErrorClass.CERTIFICATE:
        kind, icon, badge = StatusKind.CERTIFICATE, "shield", _("Not secure")
    elif failure.error_class in (ErrorClass.CONFIG, ErrorClass.AUTHENTICATION):
        kind, icon, badge = StatusKind.SETTINGS, "settings", _("Check the settings")
    else:
        kind, icon, badge = StatusKind.UNREACHABLE, "alert", _("Cannot be reached")
    if account.fetch_state.error_code == "uidl_missing":
        action = replace(action, part="fetching")
    return AccountStatus(kind, "bad", icon, badge, action, words.sentence, words.remedy)


def _waiting_for_space(account: MailAccount) -> AccountStatus:
    state = account.fetch_state
    count = state.waiting_messages
    sentence = ngettext(
        "Your storage is full: %(count)s message has been waiting at %(provider)s since %(when)s.",
        "Your storage is full: %(count)s messages have been waiting at %(provider)s since %(when)s.",
        count,
    ) % {
        "count": number(count),
        "provider": provider_name(account),
        "when": date_and_time(state.paused_since or timezone.now()),
    }
    remedy = _("Nothing is lost. Fetching goes on by itself when there is space.")
    action = Action(_("Free up space"), "storage", "storage", of_account=False)
    return AccountStatus(
        StatusKind.SPACE, "warn", "storage", _("Waiting for space"), action, sentence, remedy
    )


def _retrying(state: FetchState, failure: Failure) -> AccountStatus:
    remedy = _("Mailhub tries again by itself. Nothing is lost.")
    if state.next_run_at and state.next_run_at > timezone.now():
        remedy = _("Mailhub tries again by itself at %(when)s. Nothing is lost.")
        remedy %= {"when": date_and_time(state.next_run_at)}
    action, sentence = _fetch_now(_("Try now")), str(failure.sentence)
    return AccountStatus(
        StatusKind.RETRYING, "warn", "clock", _("Trying again soon"), action, sentence, remedy
    )


def _is_held_up(state: FetchState, failure: Failure | None, until: datetime) -> bool:
    """Whether it is the server's outage that this account waits for: its turn comes while the server is closed."""
    if failure:
        return failure.error_class == ErrorClass.CONNECTION
    return state.next_run_at is not None and state.next_run_at <= max(until, timezone.now())


def _waiting_for_server(state: FetchState, until: datetime) -> AccountStatus:
    again = max(until, state.next_run_at or until)
    remedy = _("Mailhub tries again in a moment. Nothing is lost.")
    if again > timezone.now():
        remedy = _("Mailhub tries again at %(when)s. Nothing is lost.") % {"when": date_and_time(again)}
    sentence = _("The provider's server does not answer at the moment.")
    badge, action = _("Trying again soon"), _fetch_now(_("Try now"))
    return AccountStatus(StatusKind.RETRYING, "warn", "clock", badge, action, sentence, remedy)
