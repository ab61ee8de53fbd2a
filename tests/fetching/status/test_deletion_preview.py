"""What a rule about deleting would do at the provider, counted before it is chosen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from fetching.models import FetchState, RemoteMessage
from fetching.status import deletion_preview
from mailbox import services
from mailbox.models import Message
from tests import factories
from tests.fetching.fetched import fetch, set_rules
from tests.fetching.remotes import add_remote


@pytest.fixture
def mixed(account) -> MailAccount:
    """Of seven messages that are still there, four are stored: two of them long ago, one deleted here since."""
    (kept,) = factories.deliver(account, factories.letter("Kept"))
    now = timezone.now()
    add_remote(account, "stored", stored_at=now - timedelta(days=20), message_id=kept)
    add_remote(account, "stored", stored_at=now - timedelta(days=15), message_id=kept)
    add_remote(account, "delete_wanted", stored_at=now - timedelta(days=1), message_id=kept)
    add_remote(account, "dele_sent", stored_at=now, message_id=999_999_999)
    for state in ("listed", "too_big", "quarantined", "skipped", "over_quota"):
        add_remote(account, state)
    add_remote(account, "stored", stored_at=now, missing_since=now)
    add_remote(account, "gone", stored_at=now)
    return account


def asked(account: MailAccount, policy: str, days: int = 14) -> tuple[int, int] | None:
    with tenancy.scope(account.organization_id):
        account = MailAccount.objects.select_related("fetch_settings", "fetch_state").get(pk=account.pk)
        found = deletion_preview.preview_deletions(
            account, {"delete_policy": policy, "delete_after_days": days}
        )
    return found and (found.now, found.all)


@pytest.mark.parametrize(
    ("policy", "days", "expected"),
    [
        ("keep", 14, None),
        ("after_storing", 14, (4, 4)),
        ("after_days", 14, (2, 4)),
        ("after_days", 100, (0, 4)),
        ("when_deleted_here", 14, (1, 1)),
    ],
)
def test_r20_only_what_is_stored_and_still_there_counts(mixed, policy, days, expected):
    assert asked(mixed, policy, days) == expected


@pytest.mark.parametrize("policy", ["after_storing", "after_days", "when_deleted_here"])
def test_r20_where_nothing_is_stored_nothing_is_asked(account, policy):
    add_remote(account, "listed")
    assert asked(account, policy) is None


@pytest.mark.parametrize(
    ("old", "new", "is_asked"),
    [
        (("after_storing", 14), ("after_days", 3), False),
        (("after_storing", 14), ("after_storing", 14), False),
        (("after_days", 14), ("after_days", 14), False),
        (("after_days", 14), ("after_days", 60), False),
        (("after_days", 60), ("after_days", 14), True),
        (("after_days", 60), ("after_storing", 60), True),
        (("when_deleted_here", 14), ("when_deleted_here", 14), False),
        (("when_deleted_here", 14), ("after_days", 14), True),
        (("after_days", 60), ("keep", 60), False),
    ],
)
def test_r20_asked_is_only_when_more_is_deleted_than_before(mixed, old, new, is_asked):
    set_rules(mixed, delete_policy=old[0], delete_after_days=old[1])
    assert (asked(mixed, *new) is not None) is is_asked


@pytest.mark.parametrize("policy", ["after_storing", "when_deleted_here"])
def test_r20_what_was_counted_is_what_goes(acme, alice, server, policy):
    """The question and the engine must not mean different messages."""
    account = factories.connect(acme, alice, port=server.port)
    fetch(account)
    with tenancy.scope(acme.pk):
        services.discard(Message.objects.filter(subject__in=["Letter 1", "Letter 3"]))
    expected = asked(account, policy)
    set_rules(account, delete_policy=policy)
    assert expected == (fetch(account).deleted,) * 2


# ── Twins ───────────────────────────────────────────────────────────────────
def test_a17_another_account_of_the_same_mailbox_is_known(acme, alice, bob, umbrella, charlie):
    def has_twin(account: MailAccount) -> bool:
        with tenancy.scope(account.organization_id):
            account.fetch_state = FetchState.objects.get(account=account)
            return deletion_preview.twins(account).exists()

    host = {"host": "pop.provider.example", "encryption": "ssl"}
    ours = factories.connect(acme, alice, username="box", **host)
    factories.connect(acme, alice, username="another", **host)
    factories.connect(umbrella, charlie, username="box", **host)
    assert not has_twin(ours), "what other organizations have is theirs"
    bobs = factories.connect(acme, bob, username=" BOX ", **host)
    assert has_twin(ours)
    assert has_twin(bobs)


def test_the_ledger_is_only_read(mixed):
    with tenancy.scope(mixed.organization_id):
        before = list(RemoteMessage.objects.order_by("pk").values())
    asked(mixed, "after_storing")
    with tenancy.scope(mixed.organization_id):
        assert list(RemoteMessage.objects.order_by("pk").values()) == before
