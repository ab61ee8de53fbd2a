"""How much the drafts of an account may hold together: they are charged to no storage, so they have a limit."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Func, IntegerField, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.models import MailAccount
from sending.models import Draft, DraftFile

DRAFTS: Final = 300
BYTES: Final = 250_000_000
_TEXTS: Final = ("html", "text", "quote_html", "quote_text")
# One that was opened only a moment ago may be being written into.
OPENED: Final = timedelta(hours=1)


class NoRoom(Exception):
    """The account's drafts hold all they may; `sentence` says so and what to do. Nothing was written."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def lock(account_id: int) -> None:
    """One at a time adds to the drafts of an account; within a transaction, and before any draft is locked."""
    # no_key: rows that point to the account may be written meanwhile.
    MailAccount.objects.select_for_update(no_key=True, of=("self",)).filter(pk=account_id).first()


def check_count(account_id: int) -> None:
    """Whether the account may have one more draft, under `lock`; those only opened make room. Raises NoRoom."""
    own = Draft.objects.filter(account=account_id)
    if own.count() < DRAFTS:
        return
    own.filter(is_touched=False, created_at__lt=Now() - OPENED).delete()
    if own.count() >= DRAFTS:
        raise NoRoom(
            _("This account has 300 drafts, the most it can have. Send or delete some of them first.")
        )


def check_bytes(account_id: int, more: int) -> None:
    """Whether its drafts may hold so many bytes more, under `lock`. Raises NoRoom."""
    if held(account_id) + more > BYTES:
        raise NoRoom(
            _("The drafts of this account hold 250 MB, the most they can. Send or delete some of them.")
        )


def held(account_id: int) -> int:
    """What they hold now, in bytes: texts, quotes and files."""
    sizes = {name: Sum(Func(name, function="octet_length", output_field=IntegerField())) for name in _TEXTS}
    texts = Draft.objects.filter(account=account_id).aggregate(
        **{f"{name}_bytes": sizes[name] for name in _TEXTS}
    )
    files = DraftFile.objects.filter(draft__account=account_id).aggregate(total=Sum("size"))
    return sum(size or 0 for size in texts.values()) + (files["total"] or 0)
