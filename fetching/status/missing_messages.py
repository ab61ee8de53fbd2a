"""Why is this message not here: what the provider has listed and Mailhub has not stored, by reason, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from accounts.formats import MB, number
from accounts.models import MailAccount
from accounts.servers.failures import describe
from fetching.models import FetchState, RemoteMessage
from fetching.status import account_status

State = RemoteMessage.State
PAGE = 50

# Word for word the condition of the index that finds these rows among millions of stored ones.
_CONDITION = next(
    index.condition for index in RemoteMessage._meta.indexes if index.name == "remote_messages_not_here"
)
_THERE = Q(missing_since=None)
# In the order of the page: first what a person can do something about.
REASONS: Mapping[str, Q] = {
    "too_big": Q(state=State.TOO_BIG),
    "set_aside": Q(state=State.QUARANTINED) & _THERE,
    "short": Q(state=State.SHORT) & _THERE,
    "no_space": Q(state=State.OVER_QUOTA),
    "waiting": Q(state=State.LISTED),
    "vanished": Q(state=State.VANISHED) | Q(state=State.QUARANTINED, missing_since__isnull=False),
    "older": Q(state=State.SKIPPED) & _THERE,
}
# What an account's card counts: neither what comes by itself in a moment nor what nobody asked for.
_WORTH_A_NOTE = ("too_big", "set_aside", "short", "no_space", "vanished")
# Nothing is known of these but their sizes, so the page keeps their rows folded.
_NAMELESS = ("no_space", "waiting", "older")


class ReasonText(NamedTuple):
    """A heading, what is so, what to do, and where: "retry", "settings", "storage" or nowhere."""

    title: str
    sentence: str
    remedy: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class MissingMessage:
    """One message; `why` says what went wrong with it, `said` what the server said."""

    message: RemoteMessage
    why: str
    said: str

    @property
    def sender(self) -> str:
        """Whoever it is from; "" when that is not known."""
        return self.message.sender if self.message.sender != "?" else ""


@dataclass(frozen=True, slots=True)
class MissingGroup:
    """All messages that are not here for one reason; `rows` are the newest of them, `older` where the next begin."""

    key: str
    words: ReasonText
    count: int
    size: int
    rows: list[MissingMessage]
    older: int | None

    @property
    def can_retry(self) -> bool:
        """Whether a person may have them fetched after all."""
        return self.words.action == "retry"

    @property
    def is_folded(self) -> bool:
        """Whether the rows say too little to be shown unasked."""
        return self.key in _NAMELESS

    @property
    def tone(self) -> str:
        """How much it matters: warn, or nothing."""
        return "warn" if self.key in ("too_big", "set_aside", "short", "no_space") else ""

    @property
    def icon(self) -> str:
        """Its sign."""
        return {"no_space": "storage", "waiting": "clock", "older": "history"}.get(self.key, "alert")


def missing_messages(account: MailAccount, reason: str = "") -> QuerySet[RemoteMessage]:
    """The account's messages that are not here, all or those with one reason."""
    rows = RemoteMessage.objects.filter(_CONDITION or Q(), account=account)
    return rows.filter(REASONS[reason]) if reason else rows


def missing_counts(accounts: Iterable[MailAccount]) -> dict[int, int]:
    """How many messages of each account are worth a note on its card; one query."""
    worth = Q()
    for reason in _WORTH_A_NOTE:
        worth |= REASONS[reason]
    rows = RemoteMessage.objects.filter(_CONDITION or Q(), worth, account__in=[one.pk for one in accounts])
    return dict(rows.order_by().values_list("account").annotate(Count("pk")))


def missing_groups(account: MailAccount, only: str = "", before: int | None = None) -> list[MissingGroup]:
    """By reason; `only` one of them, from the message `before` on to older ones."""
    counted = missing_messages(account).aggregate(
        **{f"count_{key}": Count("pk", filter=rule) for key, rule in REASONS.items()},
        **{f"size_{key}": Sum("size", filter=rule, default=0) for key, rule in REASONS.items()},
    )
    keys = [key for key in REASONS if counted[f"count_{key}"] and only in ("", key)]
    return [
        _group(account, key, counted[f"count_{key}"], counted[f"size_{key}"], before if only else None)
        for key in keys
    ]


def _group(account: MailAccount, key: str, count: int, size: int, before: int | None) -> MissingGroup:
    rows = missing_messages(account, key).order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    page = list(rows[: PAGE + 1])
    older = page[PAGE - 1].pk if len(page) > PAGE else None
    return MissingGroup(key, _words(account, key), count, size, [_row(one) for one in page[:PAGE]], older)


def _row(message: RemoteMessage) -> MissingMessage:
    is_failure = message.failures and message.state in (State.QUARANTINED, State.LISTED)
    why = str(describe(message.error_code).sentence) if is_failure and message.error_code else ""
    return MissingMessage(message, why, message.error_text if is_failure else "")


# ── In words ────────────────────────────────────────────────────────────────
def _words(account: MailAccount, key: str) -> ReasonText:
    provider = {"provider": account_status.provider_name(account)}
    if key == "too_big":
        return _too_big(account, provider)
    if key == "set_aside":
        return ReasonText(
            _("Set aside"),
            _(
                "Fetching these failed again and again. Mailhub goes on without them and asks again now and then."
            ),
            _("You can read them at %(provider)s. Try again here whenever you like.") % provider,
            "retry",
        )
    if key == "short":
        return ReasonText(
            _("Probably not whole"),
            _("Far less of these came than %(provider)s lists, each time. What came is in your mailbox.")
            % provider,
            _("They are not deleted at %(provider)s, whatever the rule; look at them there.") % provider,
            "retry",
        )
    if key == "no_space":
        return ReasonText(
            _("No space"),
            _("There is no room for these. They wait at %(provider)s; nothing is lost.") % provider,
            _("Make room, and they come in by themselves."),
            "storage",
        )
    if key == "waiting":
        is_paused = account.fetch_state.status == FetchState.Status.PAUSED
        return ReasonText(
            _("Waiting for their turn"),
            _("Mailhub has seen these at %(provider)s and not fetched them yet.") % provider,
            _("Resume the account to fetch them.") if is_paused else _("They come in by themselves."),
        )
    if key == "vanished":
        return ReasonText(
            _("Gone before they were fetched"),
            _("These are no longer at %(provider)s: somebody, or another program, has taken them away.")
            % provider,
            _("If one of them appears there again, it is fetched."),
        )
    return ReasonText(
        _("Older than what you asked for"),
        _("These came before the time from which this account is fetched. They are still at %(provider)s.")
        % provider,
        _("Fetch some of them here, or ask for more in the settings."),
        "retry",
    )


def _too_big(account: MailAccount, provider: dict[str, Any]) -> ReasonText:
    plan = account.organization.message_bytes_limit
    own = account.fetch_settings.max_message_bytes
    title, is_own = _("Too big"), own is not None and own < plan
    if is_own:
        sentence = _("These are larger than %(size)s MB, the limit that you have set for this account.")
        remedy = _("Raise it in the settings, or read them at %(provider)s. Nothing is lost.")
    else:
        sentence = _("These are larger than %(size)s MB, the limit of your plan.")
        remedy = _("You can read them at %(provider)s. With a larger plan they come in by themselves.")
    size = {"size": number(max(1, min(own or plan, plan) // MB))}
    return ReasonText(title, sentence % size, remedy % provider, "settings" if is_own else "")
