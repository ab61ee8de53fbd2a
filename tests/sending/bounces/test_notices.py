"""Failure notices in prose: every kind is read, and nothing else is ever taken for one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mailbox.mime.parsing import parse
from sending.bounces import notices, reports
from sending.bounces.reports import Action, read_report
from tests.mailbox.corpus import NAMES
from tests.mailbox.corpus import letter as corpus_letter
from tests.sending.bounces.notice_samples import EXIM, NOTICES, OTHERS, OURS, notice, with_part
from tests.sending.bounces.test_reports import FAILED, one, report


@pytest.mark.parametrize("name", NOTICES)
def test_sent_a_notice_is_read(name):
    found = read_report(NOTICES[name])
    assert found is not None
    assert OURS in found.message_ids
    named = [each.address for each in found.bounced]
    assert named == ([""] if name == "names nobody" else ["bob@post.example"])


@pytest.mark.parametrize("name", OTHERS)
def test_sent_no_other_letter_is_a_notice(name):
    found = read_report(OTHERS[name])
    assert found is None or not found.bounced


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bounce"])
def test_sent_no_letter_of_the_corpus_is_a_notice(name):
    assert read_report(corpus_letter(name)) is None


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("Exim", "5.1.1", "550 5.1.1 <bob@post.example>: Recipient address rejected: User unknown"),
        ("qmail", "5.1.1", "550 5.1.1 no mailbox here by that name"),
        ("IONOS", "5.2.2", "552 5.2.2 mailbox full"),
        ("names nobody", "", ""),
    ],
)
def test_sent_what_the_server_said_comes_along(name, status, said):
    (found,) = read_report(NOTICES[name]).bounced
    assert found.status == status
    assert found.diagnostic.startswith(said)


def test_sent_several_recipients_of_one_notice():
    body = "These failed:\n\n<bob@post.example>: 550 5.1.1 unknown\n\n<eve@post.example>: 552 5.2.2 full\n\n"
    found = read_report(
        notice(body=f"{body}zoe@post.example was delivered to successfully.\n\nMessage-ID: {OURS}\n")
    )
    assert [(each.address, each.status) for each in found.bounced] == [
        ("bob@post.example", "5.1.1"),
        ("eve@post.example", "5.2.2"),
    ]


# ── Reports that bend RFC 3464 ──────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc/822;bob@post.example", "bob@post.example"),
        ("rfc-822; bob@post.example", "bob@post.example"),
        ("rfc822; <bob@post.example>", "bob@post.example"),
        ("rfc822; <@relay.example,@other.example:bob@post.example>", "bob@post.example"),
        ("<bob@post.example>", "bob@post.example"),
        ("rfc822; Bob <bob@post.example>", "bob@post.example"),
        ("SMTP; bob@post.example", "bob@post.example"),
    ],
)
def test_sent_a_recipient_written_in_other_ways(value, address):
    assert one(Final_Recipient=value, Action="failed").address == address


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("expired", "failed"),
        ("Expired;", "failed"),
        ("failure", "failed"),
        ("undeliverable", "failed"),
        ("delay", "delayed"),
        ("deferred", "delayed"),
    ],
)
def test_sent_other_words_for_what_was_done(word, action):
    found = one(Action=word)
    assert (found.action, found.status) == (action, "")


def test_sent_a_blank_before_the_colon():
    status = FAILED.replace(": ", " : ")
    assert [each.address for each in read_report(report(status)).bounced] == ["bob@post.example"]


@pytest.mark.parametrize("status", ["", "\n\n", "Reporting-MTA: dns; x\n"])
def test_sent_an_empty_report_is_read_by_what_else_it_says(status):
    raw = report(status, headers="X-Failed-Recipients: bob@post.example\n")
    (found,) = read_report(raw).bounced
    assert (found.address, found.action) == ("bob@post.example", Action.FAILED)
    assert read_report(raw).message_ids == (OURS,)


def test_sent_the_id_that_only_the_report_or_its_text_names():
    by_field = FAILED.replace("Reporting-MTA", f"X-Original-Message-ID: {OURS}\nReporting-MTA")
    assert read_report(report(by_field, None)).message_ids == (OURS,)
    by_text = report(original=None).replace(b"Sorry.", f"Sorry.\r\nMessage-ID: {OURS}".encode())
    assert read_report(by_text).message_ids == (OURS,)


# ── Strangers ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "-deliver" * 15_000,
        "\n" * 100_000,
        "- \n" * 40_000,
        "a@" * 50_000,
        "550 " * 25_000,
        "message-id" * 10_000,
    ]
    + ["<" * 100_000, "a." * 50_000, "bob@post.example\n\n" * 6_000, "was delivered to fail " * 5_000],
    ids=range(10),
)
def test_sent_hostile_notices_take_no_time(text):
    started = time.monotonic()
    read_report(notice("X-Failed-Recipients: " + "a@b.example, " * 2000, body=f"{text}\n{EXIM}"))
    read_report(notice("Content-Type: text/html", body=f"<p>{text}</p>\nMessage-ID: &lt;{OURS[1:-1]}&gt;"))
    read_report(with_part(f"could not be delivered\n{text}"))
    assert time.monotonic() - started < 10


PIECES = [
    "550 5.1.1 x",
    "could not be delivered",
    "bob@post.example",
    f"Message-ID: {OURS}",
    "\n",
    "\n\n",
    "delayed",
]


@hypothesis_settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=30).map("".join))
def test_sent_any_text_is_read(text):
    # Without the net: a fault of ours would otherwise pass for a letter that is no notice.
    found = reports._read(notice("X-Failed-Recipients: " + text[:50].replace("\n", " "), body=text))
    for each in found.recipients if found else ():
        for said in (each.address, each.status, each.diagnostic):
            assert not set(said) & set("\r\n\0")


@pytest.mark.parametrize("name", NOTICES)
def test_sent_a_notice_is_worth_reading_by_what_lists_show(name):
    shown = parse(NOTICES[name])
    wanted = notices.may_be_notice(shown.from_name, shown.from_address, shown.subject, shown.preview)
    assert wanted or shown.attachments
