"""The Indonesian catalog: whole, with the same placeholders, and seen on pages and in mail."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, ngettext

from accounts import formats, tenancy
from accounts.models import User
from accounts.servers.failures import FAILURES, describe
from fetching.models import FetchState
from mailbox.models import Folder
from tests import factories
from tests.conftest import signed_in
from tools import check_messages

ENTRIES = [entry for entry in check_messages.read(check_messages.CATALOG.read_text()) if not entry.is_header]
SPOKEN = {text for entry in ENTRIES for text in entry.translations}
# English as it stands in the code, without what is the same in Indonesian ("Server", "Folder").
ENGLISH = {text for entry in ENTRIES for text in entry.source[1:] if text} - SPOKEN
# Long enough to be recognised inside other text, and nothing to be filled in.
SENTENCES = [
    text for text in ENGLISH if len(text.split()) > 2 and not check_messages.PLACEHOLDER.search(text)
]
HEADER = r'msgid ""' + "\n" + r'msgstr "Plural-Forms: nplurals=1; plural=0;\n"' + "\n\n"


# ── The catalog ─────────────────────────────────────────────────────────────
@pytest.mark.skipif(not shutil.which("xgettext"), reason="gettext is not installed (apt-get install gettext)")
def test_the_catalog_is_complete_and_looking_leaves_no_trace():
    before = check_messages.CATALOG.stat().st_mtime_ns
    assert check_messages.problems(wanted=check_messages.texts_in_the_code()) == []
    assert check_messages.CATALOG.stat().st_mtime_ns == before
    assert list((check_messages.ROOT / "templates").rglob("*.py")) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('msgid "Hello"\nmsgstr ""', "not translated"),
        ('#, fuzzy\nmsgid "Hello"\nmsgstr "Halo"', "fuzzy"),
        ('#~ msgid "Hello"\n#~ msgstr "Halo"', "obsolete"),
        ('msgid "%(name)s is here"\nmsgstr "%(nama)s di sini"', "other placeholders"),
        ('msgid "%(name)s is here"\nmsgstr "di sini"', "other placeholders"),
        ('msgid "{host} is here"\nmsgstr "{tuan} di sini"', "other placeholders"),
        (
            'msgid "%(name)s"\nmsgid_plural "%(count)s people"\nmsgstr[0] "%(name)s orang"',
            "other placeholders",
        ),
        (
            'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "satu"\nmsgstr[1] "dua"',
            "another number of plural forms",
        ),
        ('msgid "<b>Hello</b>"\nmsgstr "<b>Halo"', "other tags"),
        ('msgid "Is it?"\nmsgstr "Benar."', "ends differently"),
        ('msgid "Hello\\n"\nmsgstr "Halo"', "other line breaks"),
    ],
)
def test_a_bad_entry_is_named(body, fault):
    (found,) = check_messages.faults(list(check_messages.read(HEADER + body)))
    assert found.startswith(fault)


def test_a_good_entry_is_left_alone():
    body = (
        'msgctxt "a"\nmsgid "%(name)s"\nmsgid_plural ""\n"%(count)s "\n"people"\nmsgstr[0] "%(count)s orang"'
    )
    entries = list(check_messages.read(HEADER + body))
    assert entries[1].source == ("a", "%(name)s", "%(count)s people")
    assert list(check_messages.faults(entries)) == []


def test_gaps_and_leftovers_are_named():
    entries = list(check_messages.read(HEADER + 'msgid "Old"\nmsgstr "Lama"'))
    assert list(check_messages.gaps(entries, {("", "New", "")})) == [
        "not in the catalog: 'New'",
        "no longer in the code: 'Old'",
    ]


def test_a_compiled_catalog_that_lags_is_noticed(tmp_path):
    for suffix in (".po", ".mo"):
        shutil.copy(check_messages.CATALOG.with_suffix(suffix), tmp_path)
    catalog: Path = tmp_path / "django.po"
    assert check_messages.problems(catalog) == []
    text = catalog.read_text()
    catalog.write_text(text.replace('"Kotak Masuk"', '"Surat Masuk"'))
    assert catalog.read_text() != text
    assert check_messages.problems(catalog) == ["django.mo is not what the catalog compiles to"]


# ── Plurals, numbers, times ─────────────────────────────────────────────────
def test_one_form_serves_one_and_many():
    with translation.override("id"):
        for count in (1, 2, 5):
            text = ngettext("%(count)s account", "%(count)s accounts", count) % {"count": count}
            assert text == f"{count} akun"
        said = ngettext("Invitation sent to %(email)s.", "%(count)s invitations sent.", 1)
        assert said % {"email": "x@guest.example", "count": 1} == "1 undangan dikirim."


def test_numbers_and_times_are_written_the_indonesian_way():
    now = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
    with translation.override("id"):
        assert formats.number(1234567) == "1.234.567"
        assert formats.size(3_100_000_000) == "3,1 GB"
        assert formats.size(999) == "999 byte"
        assert formats.full_date(now) == "Senin, 23 November 2026, 09.42"
        assert formats.time_of_day(now) == "09.42"
        assert formats.relative_time(now - timedelta(minutes=2), now) == "2 menit lalu"
        assert formats.relative_time(now + timedelta(hours=1), now) == "1 jam lagi"
        assert formats.relative_time(now - timedelta(days=1), now) == "kemarin, 09.42"
        assert formats.date_and_time(now).endswith("09.42")
        assert formats.duration(7) == "7 detik"
    assert formats.full_date(now) == "Monday 23 November 2026, 09:42"


@pytest.mark.parametrize("code", FAILURES)
def test_every_trouble_is_explained_in_indonesian(code):
    with translation.override("id"):
        failure = describe(code)
        assert not {str(failure.sentence), str(failure.remedy)} & ENGLISH


# ── Pages ───────────────────────────────────────────────────────────────────
class Words(HTMLParser):
    """What a page says: its text, and the attributes that are read aloud or shown."""

    SAID = {"title", "aria-label", "placeholder", "alt"}

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.texts += [value for name, value in attrs if name in self.SAID and value]

    def handle_data(self, data):
        self.texts.append(" ".join(data.split()))


def english_in(page: str) -> list[str]:
    """Texts of the catalog's English side that a page still holds."""
    words = Words()
    words.feed(page)
    whole = " ¦ ".join(words.texts)
    inside = [text for text in SENTENCES if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", whole)]
    return inside + [text for text in words.texts if text in ENGLISH]


@pytest.fixture
def reader(alice: User, acme, account):
    """Alice reads Indonesian; her account has a letter, and Acme an account that needs her."""
    User.objects.filter(pk=alice.pk).update(language="id")
    troubled = factories.connect(acme, alice, name="Kotak lain", email="lain@post.example")
    with tenancy.scope(acme.pk):
        FetchState.objects.filter(account=troubled).update(
            status=FetchState.Status.FAILED, error_code="authentication_failed"
        )
    return signed_in(alice)


ORGANIZATION_PAGES = [
    "mail",
    "mail_all",
    "accounts",
    "connect",
    "storage",
    "profile",
    "look",
    "security",
    "leave",
    "console",
    "console_accounts",
    "people",
]


@pytest.mark.parametrize("name", ORGANIZATION_PAGES)
def test_pages_of_an_organization(reader, account, name):
    factories.deliver(account, factories.letter("Halo"))
    answer = reader.get(reverse(name, args=["acme"]), follow=True)
    assert answer.status_code == 200
    assert answer["Content-Language"] == "id"
    assert english_in(answer.content.decode()) == []


@pytest.mark.parametrize("name", ["mail_account_edit", "mail_account_delete", "fetch_history"])
def test_pages_of_an_account(reader, account, name):
    answer = reader.get(reverse(name, args=["acme", account.pk]))
    assert answer.status_code == 200
    assert english_in(answer.content.decode()) == []


def test_every_folder_and_a_letter(reader, account):
    (message,) = factories.deliver(account, factories.letter("Halo"))
    with tenancy.scope(account.organization_id):
        folders = dict(Folder.objects.filter(account=account).values_list("role", "pk"))
    for role, word in {
        "inbox": "Kotak Masuk",
        "drafts": "Draf",
        "sent": "Terkirim",
        "trash": "Sampah",
    }.items():
        page = reader.get(reverse("folder", args=["acme", folders[role]]), follow=True).content.decode()
        assert word in page
        assert english_in(page) == []
    for name in ("message", "message_original"):
        page = reader.get(reverse(name, args=["acme", message])).content.decode()
        assert english_in(page) == []


def test_the_search_for_english_finds_it(as_alice, account):
    """Were the pages above looked at with blind eyes, this would say so."""
    page = as_alice.get(reverse("accounts", args=["acme"])).content.decode()
    assert "Connect an account" in english_in(page)
    assert "Settings" in english_in(page)


@pytest.mark.parametrize(
    "name", ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
)
def test_the_door_speaks_the_browsers_language(client, db, name):
    answer = client.get(reverse(name), headers={"accept-language": "id-ID,id;q=0.9"})
    assert answer["Content-Language"] == "id"
    assert english_in(answer.content.decode()) == []


def test_the_door_refuses_in_indonesian(client, db):
    indonesian = {"accept-language": "id"}
    wrong = {"login": "x@post.example", "password": "salah"}
    page = client.post(reverse("account_login"), wrong, headers=indonesian).content.decode()
    assert "Alamat email dan kata sandi tidak cocok." in page
    assert english_in(page) == []
    page = client.post(reverse("account_signup"), {"password1": "1"}, headers=indonesian).content.decode()
    assert "This field is required" not in page
    assert "too short" not in page
    assert english_in(page) == []


def test_mail_is_written_in_the_language_of_who_asks(client, alice):
    form = {"email": alice.email}
    client.post(reverse("account_reset_password"), form, headers={"accept-language": "id"})
    (letter,) = mail.outbox
    with translation.override("id"):
        assert (
            letter.subject
            == gettext("Choose a new password for Mailhub")
            != "Choose a new password for Mailhub"
        )
    assert [text for text in SENTENCES if text in letter.body] == []
