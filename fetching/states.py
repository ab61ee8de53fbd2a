"""How an account's fetching stands, as a person reads it: badge, sentence, remedy and the one thing to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import providers
from accounts.failures import ErrorClass, Failure, describe
from accounts.models import MailAccount
from fetching.models import FetchState
from fetching.wording import clock, number


class Kind(StrEnum):
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

    def url(self, slug: str, account_id: int) -> str:
        """Where it leads, in the organization with that slug."""
        args = [slug, account_id] if self.of_account else [slug]
        return reverse(self.url_name, args=args)


@dataclass(frozen=True, slots=True)
class Standing:
    """One account's state in words. `tone` is ok, info, warn, bad or off; no `sentence` when all is well."""

    kind: Kind
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
        return self.kind == Kind.FETCHING

    @property
    def entry_class(self) -> str:
        """The class of the small icon in the side panel; "" when there is nothing to show."""
        return "is-busy" if self.is_busy else {"bad": "is-bad", "warn": "is-warn"}.get(self.tone, "")


def of(account: MailAccount) -> Standing:
    """How the account stands. Reads `account.fetch_state`, so select it along."""
    state = account.fetch_state
    if state.status == FetchState.Status.PAUSED:
        return _paused(state)
    failure = describe(state.error_code) if state.error_code else None
    if failure and (state.status == FetchState.Status.FAILED or _only_a_person(failure)):
        return _trouble(account, failure)
    # A first fetch of many sessions is one fetch to a person, also in the moment between two of them.
    is_active = state.status == FetchState.Status.ACTIVE
    if state.is_fetching or (is_active and state.last_success_at and not state.first_fetch_done):
        return Standing(Kind.FETCHING, "info", "spinner", _("Fetching"), _pause())
    if state.status == FetchState.Status.PAUSED_QUOTA:
        return _waiting_for_space(account)
    if failure:
        return _retrying(state, failure)
    if state.last_success_at is None:
        return Standing(Kind.NEW, "info", "clock", _("Starting"), _fetch_now(_("Fetch now")))
    return Standing(Kind.FINE, "ok", "check", _("Up to date"), _fetch_now(_("Fetch now")))


def provider_name(account: MailAccount) -> str:
    """How the account's provider is called in a sentence: its name, else its server's."""
    preset = providers.by_slug(account.provider) if account.provider else None
    return str(preset.name) if preset and preset.pop_host else account.host


def _only_a_person(failure: Failure) -> bool:
    # While such an account is still tried again by itself, a person could already be mending it.
    return failure.permanent and failure.error_class != ErrorClass.MESSAGE


def _fetch_now(label: str) -> Action:
    return Action(label, "refresh", "fetch_now", is_post=True)


def _pause() -> Action:
    return Action(_("Pause"), "pause", "fetch_pause", is_post=True)


def _settings(label: str) -> Action:
    return Action(label, "key", "mail_account_edit", is_primary=True)


def _paused(state: FetchState) -> Standing:
    action = Action(_("Resume"), "play", "fetch_resume", is_post=True)
    return Standing(Kind.PAUSED, "off", "pause", _("Paused"), action)


def _trouble(account: MailAccount, failure: Failure) -> Standing:
    """Only a person can help: a red badge, by what it takes."""
    if failure.error_class == ErrorClass.AUTHENTICATION:
        return _needs_password(account, failure)
    if failure.error_class == ErrorClass.CERTIFICATE:
        kind, icon, badge = Kind.CERTIFICATE, "shield", _("Not secure")
    elif failure.error_class == ErrorClass.CONFIG:
        kind, icon, badge = Kind.SETTINGS, "settings", _("Check the settings")
    else:
        kind, icon, badge = Kind.UNREACHABLE, "alert", _("Cannot be reached")
    action = _settings(_("Check the settings"))
    return Standing(kind, "bad", icon, badge, action, str(failure.sentence), str(failure.remedy))


def _needs_password(account: MailAccount, failure: Failure) -> Standing:
    state, sentence, remedy = account.fetch_state, str(failure.sentence), str(failure.remedy)
    if state.last_success_at and state.error_code == "authentication_failed":
        # It worked before, so the settings are right and what changed is the password, or POP3 is off there.
        preset = providers.by_slug(account.provider)
        if preset and preset.switches_pop3:
            sentence = _("The password has changed, or POP3 was switched off at the provider.")
            remedy = _("Your mail is safe there and comes in once you enter the new one or switch POP3 on.")
        else:
            sentence = _("The provider no longer accepts the password.")
            remedy = _("Your mail is safe there and comes in once you enter the new one.")
    action = _settings(_("Enter password"))
    return Standing(Kind.PASSWORD, "bad", "key", _("Needs a password"), action, sentence, remedy)


def _waiting_for_space(account: MailAccount) -> Standing:
    state = account.fetch_state
    count = state.waiting_messages
    sentence = ngettext(
        "Your storage is full: %(count)s message has been waiting at %(provider)s since %(when)s.",
        "Your storage is full: %(count)s messages have been waiting at %(provider)s since %(when)s.",
        count,
    ) % {
        "count": number(count),
        "provider": provider_name(account),
        "when": clock(state.paused_since or timezone.now()),
    }
    remedy = _("Nothing is lost. Fetching goes on by itself when there is space.")
    action = Action(_("Free up space"), "storage", "storage", of_account=False)
    return Standing(Kind.SPACE, "warn", "storage", _("Waiting for space"), action, sentence, remedy)


def _retrying(state: FetchState, failure: Failure) -> Standing:
    remedy = _("Mailhub tries again by itself. Nothing is lost.")
    if state.next_run_at and state.next_run_at > timezone.now():
        remedy = _("Mailhub tries again by itself at %(when)s. Nothing is lost.")
        remedy %= {"when": clock(state.next_run_at)}
    action, sentence = _fetch_now(_("Try now")), str(failure.sentence)
    return Standing(Kind.RETRYING, "warn", "clock", _("Trying again soon"), action, sentence, remedy)
