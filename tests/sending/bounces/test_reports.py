"""Delivery reports as servers write them, and as strangers might."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.bounces import reports
from sending.bounces.reports import RECIPIENTS_LIMIT, Action, RecipientReport, read_report
from sending.vacation.rules import Reason, against_letter, facts_of
from tests.mailbox.corpus import NAMES
from tests.mailbox.corpus import letter as corpus_letter

ORIGINAL = """From: ada@example.org
To: bob@post.example
Subject: Tea
Message-ID: <2c5c8f@example.org>

Hello
"""
FAILED = """Reporting-MTA: dns; mail.example.org
X-Postfix-Queue-ID: 4F3B1
Arrival-Date: Mon, 23 Nov 2026 09:42:00 +0700 (WIB)

Final-Recipient: rfc822; bob@post.example
Original-Recipient: rfc822;bob@post.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.post.example
Diagnostic-Code: smtp; 550 5.1.1 <bob@post.example>: Recipient address rejected:
    User unknown
"""


def report(
    status: str = FAILED,
    original: str | None = ORIGINAL,
    *,
    headers: str = "",
    status_type: str = "message/delivery-status",
    original_type: str = "message/rfc822",
    encoding: str = "",
    top: str = 'multipart/report; report-type=delivery-status; boundary="b"',
) -> bytes:
    """A report with its parts, CRLF throughout."""
    if encoding == "base64":
        status = base64.encodebytes(status.encode()).decode()
    transfer = f"Content-Transfer-Encoding: {encoding}\n" if encoding else ""
    parts = ["Content-Type: text/plain\n\nSorry.\n", f"Content-Type: {status_type}\n{transfer}\n{status}"]
    if original is not None:
        parts.append(f"Content-Type: {original_type}\n\n{original}")
    head = f"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nTo: ada@example.org\nSubject: Undelivered\n{headers}"
    body = "".join(f"--b\n{part}\n" for part in parts)
    return f"{head}MIME-Version: 1.0\nContent-Type: {top}\n\n{body}--b--\n".replace("\n", "\r\n").encode()


def test_sent_a_bounce_of_postfix():
    found = read_report(report())
    assert found.message_ids == ("<2c5c8f@example.org>",)
    assert found.reporter == "mail.example.org"
    assert found.recipients == found.bounced
    assert found.recipients == (
        RecipientReport(
            "bob@post.example",
            "bob@post.example",
            Action.FAILED,
            "5.1.1",
            "550 5.1.1 <bob@post.example>: Recipient address rejected: User unknown",
            "mx.post.example",
        ),
    )
    assert found.recipients[0].is_permanent is True


def test_sent_the_bounce_of_the_corpus():
    found = read_report(corpus_letter("bounce"))
    assert found.message_ids == ("<key-1@gmx.example>",)
    assert [each.address for each in found.bounced] == ["hausmeister@lindenhof.example"]


GOOGLE = """Reporting-MTA: dns; googlemail.example
X-Original-Message-ID: <2c5c8f@example.org>

Final-Recipient: rfc822; bob@post.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.post.example. (192.0.2.1, the server for the domain post.example.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.
 550 5.1.1  https://support.example/?p=NoSuchUser
"""
EXIM = """Reporting-MTA: dns; host.example

Action: failed
Final-Recipient: rfc822;bob@post.example
Status: 5.0.0
Diagnostic-Code: smtp; 550 no such user
"""
EXCHANGE = """Reporting-MTA: dns;AM0PR01.prod.example
Arrival-Date: Mon, 23 Nov 2026 02:42:00 +0000

Final-Recipient: rfc822;bob@post.example
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
"""
SENDMAIL = """Reporting-MTA: dns; sm.example

Final-Recipient: RFC822; bob@post.example
Action: failed
Status: 5.7.1
Diagnostic-Code: SMTP; 554 5.7.1 Rejected

Original-Recipient: rfc822; team@post.example
Final-Recipient: RFC822; zoe@elsewhere.example
Action: delayed
Status: 4.2.0
Will-Retry-Until: Sat, 28 Nov 2026 02:42:00 GMT

Final-Recipient: RFC822; eve@post.example
Action: relayed
Status: 2.0.0
"""


@pytest.mark.parametrize(("status", "code"), [(GOOGLE, "5.1.1"), (EXIM, "5.0.0"), (EXCHANGE, "5.1.10")])
def test_sent_bounces_of_others(status, code):
    found = read_report(report(status))
    assert [(each.address, each.status) for each in found.bounced] == [("bob@post.example", code)]
    assert found.bounced[0].diagnostic.startswith("550")
    assert "\n" not in found.bounced[0].diagnostic


def test_sent_several_recipients():
    found = read_report(report(SENDMAIL))
    assert [(each.address, each.action) for each in found.recipients] == [
        ("bob@post.example", "failed"),
        ("team@post.example", "delayed"),
        ("eve@post.example", "relayed"),
    ]
    assert found.recipients[1].final_address == "zoe@elsewhere.example"
    assert [each.address for each in found.bounced] == ["bob@post.example"]


# ── What is a bounce, and what is not ───────────────────────────────────────


def one(**fields: str) -> RecipientReport | None:
    """The one recipient of a report with these fields."""
    given = {
        "Final-Recipient": "rfc822; bob@post.example",
        **{name.replace("_", "-"): fields[name] for name in fields},
    }
    group = "".join(f"{name}: {value}\n" for name, value in given.items() if value)
    found = read_report(report(f"Reporting-MTA: dns; x\n\n{group}"))
    return found.recipients[0] if found else None


@pytest.mark.parametrize(
    ("fields", "action", "is_bounce", "is_permanent"),
    [
        ({"Action": "failed", "Status": "5.1.1"}, "failed", True, True),
        ({"Action": "FAILED", "Status": "5.1.1 (unknown)"}, "failed", True, True),
        ({"Action": "failed (gave up)", "Status": "4.4.7"}, "failed", True, False),
        ({"Action": "delayed", "Status": "4.4.1"}, "delayed", False, False),
        # The sender of this was wrong about nothing: what is delayed is not lost, whatever its status says.
        ({"Action": "delayed", "Status": "5.1.1"}, "delayed", False, True),
        ({"Action": "delivered", "Status": "2.0.0"}, "delivered", False, None),
        ({"Action": "relayed", "Status": "2.0.0"}, "relayed", False, None),
        ({"Action": "expanded", "Status": "2.0.0"}, "expanded", False, None),
        ({"Status": "5.0.0"}, "failed", True, True),
        ({"Status": "4.0.0"}, "delayed", False, False),
        ({"Action": "exploded", "Status": "5.0.0"}, "failed", True, True),
        ({"Action": "failed"}, "failed", True, None),
        ({"Action": "failed", "Diagnostic_Code": "smtp; 451 later"}, "failed", True, False),
        ({"Action": "failed", "Diagnostic_Code": "smtp; 550 no"}, "failed", True, True),
        ({"Action": "failed", "Diagnostic_Code": "x-unix; user unknown 550"}, "failed", True, None),
        ({"Diagnostic_Code": "smtp; 550 no"}, "failed", True, True),
    ],
)
def test_sent_actions(fields, action, is_bounce, is_permanent):
    found = one(**fields)
    assert (found.action, found.is_bounce, found.is_permanent) == (action, is_bounce, is_permanent)


def test_sent_nothing_is_made_up():
    found = one(Action="failed")
    assert (found.status, found.diagnostic, found.remote) == ("", "", "")
    assert one(Final_Recipient="", Action="failed") is None
    assert one() is None


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822; bob@post.example", "bob@post.example"),
        ("RFC822;<bob@post.example>", "bob@post.example"),
        ("bob@post.example", "bob@post.example"),
        ("utf-8; zoë@post.example", "zoë@post.example"),
        ("x400; /C=ID/A=x/", None),
        ("rfc822; nobody", None),
    ],
)
def test_sent_kinds_of_addresses(value, address):
    found = one(Final_Recipient=value, Action="failed")
    assert (found and found.address) == address


# ── Which message ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "original_type", ["message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"]
)
def test_sent_the_id_of_what_came_back(original_type):
    header = ORIGINAL.partition("\n\n")[0] + "\n"
    original = header if "headers" in original_type else ORIGINAL
    assert read_report(report(original=original, original_type=original_type)).message_ids == (
        "<2c5c8f@example.org>",
    )


def test_sent_the_id_from_the_thread_when_nothing_came_back():
    raw = report(
        EXCHANGE, None, headers="In-Reply-To: <2c5c8f@example.org>\nReferences: <a@x> <2c5c8f@example.org>\n"
    )
    assert read_report(raw).message_ids == ("<2c5c8f@example.org>", "<a@x>")


def test_sent_what_came_back_is_surer_than_the_thread():
    raw = report(headers="In-Reply-To: <other@x.example>\n")
    assert read_report(raw).message_ids == ("<2c5c8f@example.org>", "<other@x.example>")


def test_sent_no_id_no_guess():
    assert read_report(report(original=None)).message_ids == ()
    assert read_report(report(original="Subject: Tea\n\nMessage-ID: <in-the-text@x>\n")).message_ids == ()


# ── Odd reports ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "raw",
    [
        report(encoding="base64"),
        report(status_type="message/global-delivery-status"),
        report(top='multipart/mixed; boundary="b"'),
        report(top='multipart/report; boundary="b"'),
        report().replace(b"\r\n", b"\n"),
        report("\n\n" + FAILED.replace("\n\n", "\n\n\n \n")),
        report(FAILED.replace("\n\n", "\n")),
        report(FAILED.partition("\n\n")[2]),
        report(FAILED.upper().replace("BOB@POST.EXAMPLE", "bob@post.example")),
        report(status_type="text/plain"),
    ],
    ids=range(10),
)
def test_sent_reports_that_bend_the_rules(raw):
    found = read_report(raw)
    assert [(each.address, each.status) for each in found.bounced] == [("bob@post.example", "5.1.1")]
    assert found.message_ids == ("<2c5c8f@example.org>",)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bounce"])
def test_sent_other_letters_are_no_reports(name):
    assert read_report(corpus_letter(name)) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        report("Reporting-MTA: dns; x\n"),
        report(""),
        b"Subject: failure notice\r\n\r\nHi. This is the qmail-send program.\r\n<bob@post.example>:\r\nsorry\r\n",
        b'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        b"Final-Recipient: rfc822; bob@post.example\r\nDisposition: manual-action/x; displayed\r\n--b--\r\n",
    ],
    ids=range(5),
)
def test_sent_what_reports_nothing(raw):
    assert read_report(raw) is None


def test_sent_a_bounce_is_never_answered():
    for raw in (
        report(),
        corpus_letter("bounce"),
        report().replace(b"Return-Path: <>", b"Return-Path: <x@y.example>"),
    ):
        reason = against_letter(facts_of(raw), own=("ada@example.org",), ours=())
        assert reason in (Reason.NULL_PATH, Reason.REPORT)


# ── Strangers ───────────────────────────────────────────────────────────────


def test_sent_what_is_shown_is_one_harmless_line():
    found = one(
        Action="failed",
        Status="5.1.1",
        Diagnostic_Code="smtp; 550 <script>\x00\x1b[31m\u202e" + "x" * 5000,
        Remote_MTA="dns; \u202eevil\x07",
        Original_Recipient="rfc822; " + "y" * 5000 + "@post.example",
    )
    assert len(found.diagnostic) <= 500
    assert found.diagnostic.startswith("550 <script>")
    for text in (found.diagnostic, found.remote, found.address):
        assert text.isprintable()
    assert len(found.address) <= 320


def test_sent_the_number_of_recipients_is_bounded():
    groups = "\n".join(
        f"Final-Recipient: rfc822; u{number}@post.example\nAction: failed\nStatus: 5.1.1\n"
        for number in range(5000)
    )
    assert len(read_report(report(f"Reporting-MTA: dns; x\n\n{groups}")).recipients) <= RECIPIENTS_LIMIT


@pytest.mark.parametrize(
    "status",
    [
        "\n" * 1_000_000,
        "Final-Recipient:" * 60_000,
        "a: b\n" * 200_000,
        "Status: " + "5." * 200_000,
        "<" * 500_000,
    ],
    ids=range(5),
)
def test_sent_hostile_reports_take_no_time(status):
    started = time.monotonic()
    read_report(report(f"Final-Recipient: rfc822; bob@post.example\nAction: failed\n{status}", status * 2))
    assert time.monotonic() - started < 5


@hypothesis_settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=200), st.binary(max_size=100))
def test_sent_any_bytes_are_read(status, original, headers):
    raw = (
        b"X: " + headers + b'\r\nContent-Type: multipart/report; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + status + b"\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + original + b"\r\n--b--\r\n"
    )
    check(raw)


PIECES = [
    *(
        "Final-Recipient: ",
        "Original-Recipient: ",
        "rfc822; ",
        "bob@post.example",
        "Action: ",
        "failed",
        "delayed",
    ),
    *(
        "Status: ",
        "5.1.1",
        "4.0.0",
        "Diagnostic-Code: ",
        "smtp; 550 x",
        "\n",
        "\n\n",
        " ",
        ";",
        "\x00",
        "é",
        "<",
        ">",
    ),
]


@hypothesis_settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_sent_any_status_is_read(status):
    check(report(status))


def check(raw: bytes) -> None:
    # Without the net: a fault of ours would otherwise pass for a message that is no report.
    found = reports._read(raw)
    if found is None:
        return
    assert found.recipients
    for each in found.recipients:
        assert "@" in each.address
        for text in (each.address, each.final_address, each.status, each.diagnostic, each.remote):
            text.encode()
            assert not set(text) & set("\r\n\0")
