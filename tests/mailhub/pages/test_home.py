"""Home, health, the pages for what went wrong, storage and the console."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError
from django.db.models import Sum
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount, Role
from fetching.models import FetchState
from mailbox import services as mailbox
from mailbox.models import Message
from mailhub.pages import charts, home
from quotas import services as quotas
from quotas.models import LedgerEntry, Plan
from tests import factories
from tests.conftest import signed_in


def at(name: str, *args: object) -> str:
    return reverse(name, args=["acme", *args])


# ── Home ────────────────────────────────────────────────────────────────────
def test_visitors_sign_in_first(client, db):
    assert client.get("/").url == reverse("account_login")


def test_home_is_the_mail(as_alice, acme):
    assert as_alice.get("/").url == at("mail")


def test_without_an_organization_home_helps(as_charlie, acme):
    assert as_charlie.get("/").url == reverse("found")
    assert b"You belong to no organization" in as_charlie.get(reverse("found")).content


def test_staff_without_an_organization_go_to_the_support_desk(db):
    staff = factories.UserFactory(is_staff=True)
    assert signed_in(staff).get("/").url == reverse("admin:index")


def test_an_organization_left_behind_is_not_opened_again(as_bob, bob, acme):
    as_bob.get(at("organization"))
    with tenancy.scope(acme.pk):
        bob.memberships.all().delete()
    assert as_bob.get("/").url == reverse("found")


# ── Health ──────────────────────────────────────────────────────────────────
def test_a_healthy_instance_says_so(client, db):
    answer = client.get("/health/")
    assert answer.status_code == 200
    assert answer.json() == {"database": "ok", "broker": "ok", "cache": "ok"}
    assert "no-store" in answer["Cache-Control"]


def test_a_silent_broker_is_named(client, db, settings):
    with socket.socket() as taken:  # bound but not listening: refused at once, and nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
        answer = client.get("/health/")
    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "broker": "no answer", "cache": "ok"}


def test_a_silent_database_and_cache_are_named_without_their_words(db, monkeypatch):
    def fail(*args):
        raise OperationalError("password of host db.internal")

    monkeypatch.setattr(home, "_database", fail)
    monkeypatch.setattr(home.cache, "answers", fail)
    answer = home.health(RequestFactory().get("/health/"))
    assert answer.status_code == 503
    assert json.loads(answer.content) == {"database": "no answer", "broker": "ok", "cache": "no answer"}


# ── What went wrong ─────────────────────────────────────────────────────────
def test_a_missing_page_is_in_the_products_look(client, db):
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert b"There is nothing here" in page.content
    assert b"brand-mark-l" in page.content


def test_a_foreign_organization_looks_like_a_missing_one(as_charlie, umbrella, acme):
    foreign, missing = as_charlie.get(at("mail")), as_charlie.get("/o/missing/mail/")
    assert foreign.status_code == missing.status_code == 404
    # All but the token of the page's forms.
    bodies = [re.sub(r'content="\w{64}"', "", page.content.decode()) for page in (foreign, missing)]
    assert bodies[0] == bodies[1]


def test_a_fault_shows_a_calm_page(as_alice, acme, monkeypatch):
    def fail(*args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("mailhub.pages.storage.usage_of", fail)
    as_alice.raise_request_exception = False
    page = as_alice.get(at("storage"))
    assert page.status_code == 500
    assert "not yours. Your mail is safe." in page.content.decode()
    assert b"secret detail" not in page.content


def test_a_form_without_its_token_is_explained(acme, alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    page = client.post(at("switch_theme"), {"theme": "dark"})
    assert page.status_code == 403
    assert b"This page was open too long" in page.content


# ── The frame ───────────────────────────────────────────────────────────────
def test_members_see_no_way_into_the_console(as_alice, as_bob, acme):
    assert at("console").encode() in as_alice.get(at("profile")).content
    assert at("console").encode() not in as_bob.get(at("profile")).content


def test_the_frame_speaks_to_htmx_safely(as_alice, acme):
    body = as_alice.get(at("profile")).content.decode()
    assert '"allowEval":false' in body
    assert '"historyCacheSize":0' in body  # letters are not left in the browser's storage
    assert '<meta name="csrf-token" content="' in body


def test_a_visitors_theme_comes_from_the_cookie_if_it_is_one(client, db):
    client.cookies["theme"] = "dark"
    assert b'data-theme="dark"' in client.get(reverse("account_login")).content
    client.cookies["theme"] = '"><script>'
    assert b'<html lang="en">' in client.get(reverse("account_login")).content


# ── Storage ─────────────────────────────────────────────────────────────────
def test_storage_shows_what_is_used_by_whom(as_alice, alice, bob, acme, account):
    other = factories.connect(acme, bob, name="Bob's", email="bob@post.example")
    factories.deliver(account, factories.letter(), factories.letter("Two"))
    factories.deliver(other, factories.letter("Three"))
    page = as_alice.get(at("storage"))
    (usage,) = page.context["usages"]
    with tenancy.scope(acme.pk):
        sizes = dict(Message.objects.values_list("account").annotate(Sum("size")))
    assert (usage.account, usage.messages, usage.size) == (account, 2, sizes[account.pk])
    assert page.context["others"] == sizes[other.pk]
    assert page.context["meter"].used == sum(sizes.values())
    assert page.context["plan"].slug == "free"


def test_the_last_changes_are_in_words(as_alice, alice, acme, account):
    ids = factories.deliver(account, factories.letter(), factories.letter("Two"))
    with tenancy.scope(acme.pk):
        mailbox.discard(Message.objects.filter(pk__in=ids[:1]))
    page = as_alice.get(at("storage"))
    sentences = {change.sentence: change for change in page.context["changes"]}
    assert sentences.keys() == {
        "2 messages fetched from Alice at Post",
        "1 message of Alice at Post deleted for good",
    }
    assert sentences["1 message of Alice at Post deleted for good"].freed > 0


def test_a_long_fetch_is_one_line(as_alice, acme, account):
    for n in range(5):
        factories.deliver(account, factories.letter(str(n)))
    (change,) = as_alice.get(at("storage")).context["changes"]
    assert change.sentence == "5 messages fetched from Alice at Post"


def test_members_read_nothing_about_others_storage(as_bob, as_alice, bob, acme, account):
    factories.deliver(account, factories.letter())
    body = as_bob.get(at("storage")).content.decode()
    assert "Alice" not in body
    assert "alice@post.example" not in body
    assert "You have no mail account here yet" in body


def test_an_admin_reads_of_others_only_that_something_changed(as_alice, acme, bob):
    other = factories.connect(acme, bob, name="Secret lover", email="bob@post.example")
    factories.deliver(other, factories.letter())
    body = as_alice.get(at("storage")).content.decode()
    assert "1 message fetched from another account" in body
    assert "Secret lover" not in body


def test_full_storage_says_that_nothing_is_lost(as_alice, acme, account):
    with tenancy.scope(acme.pk):
        quotas.subscribe(
            acme, Plan.objects.create(slug="tiny", name="Tiny", storage_bytes=0, mail_accounts=1, members=2)
        )
    body = as_alice.get(at("storage")).content.decode()
    assert "Storage is full, so fetching waits." in body
    assert "Nothing is lost" in body


# ── Console ─────────────────────────────────────────────────────────────────
def test_the_overview_adds_up(as_alice, alice, bob, acme, umbrella, charlie, account):
    troubled = factories.connect(acme, bob, name="Bob's", email="bob@post.example")
    foreign = factories.connect(umbrella, charlie, name="Foreign", email="charlie@post.example")
    for one in (account, foreign):
        factories.deliver(one, factories.letter(), factories.letter("Two"))
    with tenancy.scope(acme.pk):
        FetchState.objects.filter(account=account).update(
            last_success_at=timezone.now(), first_fetch_done=True
        )
        FetchState.objects.filter(account=troubled).update(
            status="failed", error_code="authentication_failed"
        )
    page = as_alice.get(at("console"))
    context = page.context
    assert (context["people"], context["invited"], context["stored"], context["troubled"]) == (2, 0, 2, 1)
    assert [(row.account, row.usage.messages) for row in context["rows"]] == [(account, 2), (troubled, 0)]
    assert sorted((part.tone, part.count) for part in context["kinds"]) == [("bad", 1), ("ok", 1)]
    (trouble,) = context["troubles"]
    assert [row.account for row in trouble.named] == [troubled]
    assert context["chart"].total == 2
    body = page.content.decode()
    assert "Foreign" not in body
    assert "Hello" not in body  # no subject of any letter


def test_troubles_of_a_kind_are_one_entry(as_alice, alice, acme):
    for n in range(5):
        factories.connect(acme, alice, name=str(n), email=f"box{n}@post.example")
    with tenancy.scope(acme.pk):
        FetchState.objects.update(status="failed", error_code="authentication_failed")
    (trouble,) = as_alice.get(at("console")).context["troubles"]
    assert (len(trouble.named), trouble.more, trouble.count) == (3, 2, 5)


def test_an_empty_organization_says_what_to_do(as_alice, acme):
    assert "Nobody has connected a mail account yet." in as_alice.get(at("console")).content.decode()
    body = as_alice.get(at("console_accounts")).content.decode()
    assert at("connect") in body
    assert at("people") in body


def test_the_list_of_accounts_shows_state_and_size_but_no_letter(as_alice, acme, bob):
    other = factories.connect(acme, bob, name="Secret lover", email="bob@post.example")
    factories.deliver(other, factories.letter("Dear secret"))
    page = as_alice.get(at("console_accounts"))
    body = page.content.decode()
    assert "bob@post.example" in body
    assert "Bob Santoso" in body
    assert "Dear secret" not in body
    assert MailAccount.objects.count() == 0  # outside the page's scope there is nothing
    with tenancy.scope(acme.pk):
        assert MailAccount.objects.get(pk=other.pk).password not in body


def test_only_troubled_accounts_are_shown_when_asked(as_alice, alice, acme, account):
    troubled = factories.connect(acme, alice, name="Troubled", email="troubled@post.example")
    with tenancy.scope(acme.pk):
        FetchState.objects.filter(account=troubled).update(status="failed", error_code="timeout")
    page = as_alice.get(at("console_accounts"), {"show": "attention"})
    assert [row.account for row in page.context["page"]] == [troubled]
    assert page.context["total"] == 2


def test_the_console_does_not_ask_for_each_account(as_alice, alice, acme, django_assert_max_num_queries):
    for n in range(9):
        factories.connect(acme, alice, name=str(n), email=f"box{n}@post.example")
    for name in ("console", "console_accounts"):
        with django_assert_max_num_queries(30):
            as_alice.get(at(name))


def test_an_admin_who_is_no_owner_sees_the_console_too(bob, acme, account):
    with tenancy.scope(acme.pk):
        bob.memberships.update(role=Role.ADMIN)
    assert account.email in signed_in(bob).get(at("console_accounts")).content.decode()


# ── Charts ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("value", "top"),
    [
        (0, 2),
        (1, 2),
        (2, 2),
        (3, 4),
        (5, 10),
        (10, 10),
        (11, 20),
        (41, 100),
        (999, 1000),
        (1000, 1000),
        (3890, 4000),
    ],
)
def test_the_scale_ends_on_a_round_number(value, top):
    assert charts.round_up(value) == top


def test_parts_fill_the_bar_in_proportion():
    first, second = charts.parts([("ok", "Up to date", 3), ("bad", "Needs you", 1)])
    assert first.width == pytest.approx(3 * second.width, abs=0.5)
    assert second.x + second.width == pytest.approx(charts.STATE_BAR_WIDTH, abs=0.2)
    assert charts.parts([]) == []


def _entry(organization, at, messages, reason="fetched"):
    LedgerEntry.objects.create(
        organization=organization,
        at=at,
        account_id=1,
        bytes=messages * 1000,
        messages=messages,
        reason=reason,
    )


def test_a_day_is_the_readers_day(acme, request):
    today = date(2026, 11, 23)
    with tenancy.scope(acme.pk), timezone.override("Asia/Jakarta"):
        late = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)  # half past midnight in Jakarta
        _entry(acme, late, 5)
        _entry(acme, late - timedelta(hours=1), 3)
        _entry(acme, late - timedelta(days=20), 100)  # too long ago
        _entry(acme, late, -2, reason="discarded")  # not mail that came in
        chart = charts.mail_a_day(acme.pk, today)
        LedgerEntry.objects.all().delete()  # these were no books to keep
    assert len(chart.bars) == charts.DAYS
    assert (chart.today.day, chart.today.messages, chart.today.is_today) == (today, 5, True)
    assert chart.bars[-2].messages == 3
    assert chart.total == 8
    assert max(bar.x for bar in chart.bars) + charts.BAR_WIDTH <= charts.WIDTH


def test_the_highest_bar_stays_below_the_top(acme):
    with tenancy.scope(acme.pk):
        _entry(acme, timezone.now(), 3890)
        chart = charts.mail_a_day(acme.pk, timezone.localdate())
        LedgerEntry.objects.all().delete()
    assert chart.today.y >= charts.TOP
    assert chart.lines == [((charts.BASE + charts.TOP) / 2, 2000), (charts.TOP, 4000)]
