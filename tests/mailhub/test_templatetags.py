"""Formats, and the tags every page uses."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone, translation

from accounts import formats, tenancy
from accounts.models import MailAccount
from fetching.models import FetchState
from mailbox.models import Folder
from mailhub.pages import sidebar
from mailhub.templatetags.mailhub import storage_tone
from tests import factories

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)  # a Monday


def render(text: str, **context: object) -> str:
    return Template(text).render(Context(context))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1 KB"),
        (1_540, "1.5 KB"),
        (264_000_000, "264 MB"),
        (999_949, "1 MB"),
        (999_499, "999 KB"),
        (999_999_999, "1 GB"),
        (3_140_000_000, "3.1 GB"),
        (16_400_000_000, "16.4 GB"),
        (250_000_000_000, "250 GB"),
        (9_999_000_000_000_000, "9,999 TB"),
    ],
)
def test_sizes_are_said_as_people_say_them(value, words):
    assert formats.size(value) == words


def test_numbers_follow_the_language():
    assert formats.number(1_234_567) == "1,234,567"
    with translation.override("id"):
        assert formats.number(1_234_567) == "1.234.567"
        assert formats.size(16_400_000_000) == "16,4 GB"


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (timedelta(seconds=-20), "just now"),
        (timedelta(seconds=20), "in a moment"),
        (timedelta(seconds=-60), "1 minute ago"),
        (timedelta(minutes=-59, seconds=-20), "59 minutes ago"),
        (timedelta(minutes=-59, seconds=-40), "1 hour ago"),
        (timedelta(hours=-5), "5 hours ago"),
        (timedelta(minutes=8), "in 8 minutes"),
        (timedelta(hours=3), "in 3 hours"),
        (timedelta(hours=-15), "yesterday, 18:42"),
        (timedelta(hours=20), "tomorrow, 05:42"),
        (timedelta(days=-20), "3 Nov"),
        (timedelta(days=-400), "19 Oct 2025"),
    ],
)
def test_near_times(delta, words):
    assert formats.relative_time(NOW + delta, NOW) == words


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (timedelta(hours=-1), "08:42"),
        (timedelta(days=-1), "Sun"),
        (timedelta(days=-6), "Tue"),
        (timedelta(days=-7), "16 Nov"),
        (timedelta(days=-400), "19 Oct 2025"),
        # A date in the future is no weekday of this week.
        (timedelta(days=2), "25 Nov"),
    ],
)
def test_dates_of_lists_are_as_short_as_they_can_be(delta, words):
    assert formats.list_date(NOW + delta, NOW) == words


def test_days_are_counted_in_the_readers_time_zone():
    late = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    assert formats.list_date(late, NOW) == "Sun"
    with timezone.override(zoneinfo.ZoneInfo("Asia/Jakarta")):
        assert formats.list_date(late, NOW) == "05:30"
        assert formats.full_date(late) == "Monday 23 November 2026, 05:30"


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(milliseconds=20), "1 s"),
        (timedelta(seconds=89), "89 s"),
        (timedelta(minutes=4), "4 min"),
        (timedelta(hours=2), "2 h"),
    ],
)
def test_spans(duration, words):
    assert formats.short_duration(duration) == words


def test_an_icon_is_silent_unless_it_has_a_label():
    assert render('{% icon "star" %}') == (
        '<svg class="icon" aria-hidden="true"><use href="/static/mailhub/icons.svg#star"></use></svg>'
    )
    spoken = render('{% icon "clip" small=True label=label extra="is-bad" %}', label='"><script>')
    assert 'class="icon icon-s is-bad" role="img" aria-label="&quot;&gt;&lt;script&gt;"' in spoken


def test_a_tile_shows_the_letter_and_colour_of_its_account():
    account = MailAccount(name="<b>", email="a@b.example", color="teal")
    assert render('{% tile account "l" %}', account=account) == (
        '<span class="tile tile-l" data-color="teal" aria-hidden="true">&lt;</span>'
    )


def test_a_query_changes_one_key_and_keeps_the_rest():
    request = RequestFactory().get("/", {"page": "3", "q": "a&b"})
    assert render("{% query page=4 %}", request=request) == "?q=a%26b&amp;page=4"
    assert render("{% query page=None %}", request=request) == "?q=a%26b"


class Form(forms.Form):
    name = forms.CharField(label="Name", help_text="As on the door.")
    agree = forms.BooleanField(label="I agree", required=False)
    colour = forms.ChoiceField(choices=[("r", "Red")])


def test_a_field_is_joined_to_its_hint_and_its_error():
    html = render("{% field form.name %}", form=Form())
    assert 'class="input"' in html
    assert 'aria-describedby="id_name-note"' in html
    assert '<p class="hint" id="id_name-note">As on the door.</p>' in html
    html = render("{% field form.name %}", form=Form({"name": ""}))
    assert 'aria-invalid="true"' in html
    assert 'class="error" id="id_name-note"' in html
    assert "As on the door." not in html


def test_a_field_says_nothing_when_told_so():
    html = render("{% field form.name hint=None label='Other' %}", form=Form())
    assert "As on the door." not in html
    assert "aria-describedby" not in html
    assert "Other" in html
    assert "Name" not in html


def test_selects_and_checkboxes_have_their_own_looks():
    assert 'class="select"' in render("{% field form.colour %}", form=Form())
    assert '<label class="choice">' in render("{% field form.agree %}", form=Form())


@pytest.mark.parametrize(
    ("used", "limit", "tone"), [(79, 100, ""), (80, 100, "is-warn"), (95, 100, "is-bad"), (0, 0, "is-bad")]
)
def test_the_bar_warns_before_storage_is_full(used, limit, tone):
    assert storage_tone(SimpleNamespace(used=used, limit=limit)) == tone


def test_the_side_panel_counts_unread_and_opens_one_account(acme, alice, account):
    other = factories.connect(acme, alice, name="Other", email="other@post.example")
    factories.deliver(account, factories.letter(), factories.letter("Two"))
    factories.deliver(other, factories.letter("Read"), is_read=True)
    membership = factories.membership(acme, alice)
    with tenancy.scope(acme.pk):
        first, second = sidebar.accounts_of(membership, other.pk)
    assert (first.account, first.unread, first.is_open, first.folders) == (account, 2, False, [])
    assert (second.account, second.unread, second.is_open) == (other, 0, True)
    assert [folder.role for folder in second.folders] == ["inbox", "drafts", "sent", "spam", "trash"]


def test_the_side_panel_costs_three_queries(acme, alice, django_assert_num_queries):
    for name in ("a", "b", "c"):
        factories.connect(acme, alice, name=name, email=f"{name}@post.example")
    membership = factories.membership(acme, alice)
    with tenancy.scope(acme.pk), django_assert_num_queries(3):
        sidebar.accounts_of(membership, None)


def test_banners_name_what_only_the_person_can_mend(acme, alice, bob, account):
    full = factories.connect(acme, alice, name="Full", email="full@post.example")
    others = factories.connect(acme, bob, name="Bob's", email="bob@post.example")
    retrying = factories.connect(acme, alice, name="Slow", email="slow@post.example")
    membership = factories.membership(acme, alice)
    status = FetchState.Status
    with tenancy.scope(acme.pk):
        states = FetchState.objects
        states.filter(account=account).update(status=status.FAILED, error_code="authentication_failed")
        states.filter(account=others).update(status=status.FAILED, error_code="authentication_failed")
        states.filter(account=full).update(status=status.PAUSED_QUOTA, waiting_messages=38)
        states.filter(account=retrying).update(status=status.BACKING_OFF, error_code="timeout")
        troubles = sidebar.troubles_of(membership)
    assert [trouble.account for trouble in troubles.stopped] == [account]
    assert f"/{account.pk}/" in troubles.stopped[0].url
    assert (troubles.is_full, troubles.waiting) == (True, 38)


def test_banners_are_silent_when_all_is_well(acme, alice, account):
    membership = factories.membership(acme, alice)
    with tenancy.scope(acme.pk):
        troubles = sidebar.troubles_of(membership)
    assert (troubles.stopped, troubles.is_full) == ([], False)


def test_every_folder_has_an_icon():
    assert set(sidebar.FOLDER_ICONS) == set(Folder.Role)
