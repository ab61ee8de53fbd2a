"""Letters that must not get an away reply, each with the gate that stops it."""

# ruff: noqa: E501 - a sample is easier to judge in one piece
from __future__ import annotations

from sending.vacation.rules import Reason
from tests.mailbox.corpus import letter as corpus_letter


def letter_to_ada(
    *lines: str,
    sender: str = "Bob <bob@post.example>",
    to: str = "Ada <ada@example.org>",
    path: str | None = "<bob@post.example>",
    date: str = "Mon, 23 Nov 2026 09:55:00 +0700",
    body: str = "When can we meet?",
    subject: str = "Tea",
) -> bytes:
    """A person's letter; `lines` are further fields."""
    head = [] if path is None else [f"Return-Path: {path}"]
    head += [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: {date}",
        "Message-ID: <1@post.example>",
        *lines,
    ]
    return ("\r\n".join(head) + f"\r\n\r\n{body}\r\n").encode()


# As they come in real life: each from a list, a machine, a bounce or a person who is none.
SAMPLES: dict[str, tuple[Reason, bytes]] = {
    # Answers of other machines
    "vacation of another": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: auto-replied")),
    "vacation with a comment": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: auto-replied (vacation)")),
    "vacation with parameters": (Reason.AUTO_SUBMITTED, letter_to_ada('Auto-Submitted: Auto-Replied; owner-email="x@y"')),
    "cron": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: auto-generated", sender="root@web.example")),
    "notified": (Reason.AUTO_SUBMITTED, letter_to_ada("auto-submitted: AUTO-NOTIFIED")),
    "unknown keyword": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: auto-something-new")),
    "no and yes": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: no", "Auto-Submitted: auto-generated")),
    "out of office of Exchange": (Reason.SUPPRESSED, letter_to_ada("X-Auto-Response-Suppress: All")),
    "Exchange, some of all": (Reason.SUPPRESSED, letter_to_ada("X-Auto-Response-Suppress: DR, RN, OOF, AutoReply")),
    "folded suppression": (Reason.SUPPRESSED, letter_to_ada("X-Auto-Response-Suppress: DR,\r\n oof")),
    "old autoresponder": (Reason.ROBOT, letter_to_ada("X-Autoreply: yes")),
    "cPanel autoresponder": (Reason.ROBOT, letter_to_ada("X-Autorespond: Away")),
    "precedence of an autoresponder": (Reason.BULK, letter_to_ada("Precedence: auto_reply")),
    "ticket system": (Reason.ROBOT, letter_to_ada("X-Loop: support@post.example")),
    "our own reply": (
        Reason.AUTO_SUBMITTED,
        letter_to_ada("Auto-Submitted: auto-replied (vacation)", "X-Auto-Response-Suppress: All", "Precedence: bulk"),
    ),
    "a comment before the word": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: (comment) auto-replied")),
    "comments in comments": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: (a (b) \\) c)\r\n (d) auto-generated")),
    "a comment without end": (Reason.AUTO_SUBMITTED, letter_to_ada("Auto-Submitted: (auto-replied")),
    "in quotes": (Reason.AUTO_SUBMITTED, letter_to_ada('Auto-Submitted: "auto-replied"')),
    "tickets of OTRS": (Reason.ROBOT, letter_to_ada("X-OTRS-Loop: helpdesk")),
    # Calendars
    "accepted": (Reason.CALENDAR, letter_to_ada("Content-Type: text/calendar; method=REPLY; charset=utf-8")),
    "accepted, said inside": (
        Reason.CALENDAR,
        letter_to_ada("Content-Type: text/calendar", body="BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR"),
    ),
    "declined, with a text": (
        Reason.CALENDAR,
        letter_to_ada(
            'Content-Type: multipart/alternative; boundary="b"',
            body="--b\r\nContent-Type: text/plain\r\n\r\nBob declines.\r\n--b\r\n"
            'Content-Type: text/calendar; method="REPLY"\r\n\r\nBEGIN:VCALENDAR\r\n--b--',
        ),
    ),
    "called off": (Reason.CALENDAR, letter_to_ada("Content-Type: text/calendar; method=CANCEL")),
    "another time": (Reason.CALENDAR, letter_to_ada("Content-Type: text/calendar; method=counter")),
    # Reports of domains
    "TLS report": (Reason.REPORT, letter_to_ada("TLS-Report-Domain: example.org", "TLS-Report-Submitter: post.example")),
    "TLS report by its type": (Reason.REPORT, letter_to_ada('Content-Type: multipart/report; report-type="tlsrpt"')),
    "DMARC report by its name": (
        Reason.REPORT,
        letter_to_ada('Content-Type: application/gzip; name="post.example!example.org!1795392000!1795478400.xml.gz"'),
    ),
    "DMARC report by its subject": (
        Reason.REPORT,
        letter_to_ada(subject="Report Domain: example.org Submitter: post.example Report-ID: <2026.11.23>"),
    ),
    "DMARC sender": (Reason.ROBOT, letter_to_ada(path="<dmarcreport@provider.example>")),
    # Lists
    "Mailman": (
        Reason.LIST,
        letter_to_ada("List-Id: <tea.lists.example>", "List-Post: <mailto:tea@lists.example>", "X-Mailman-Version: 2.1"),
    ),
    "only List-Unsubscribe": (Reason.LIST, letter_to_ada("List-Unsubscribe: <https://x.example/u>")),
    "one click": (Reason.LIST, letter_to_ada("List-Unsubscribe-Post: List-Unsubscribe=One-Click")),
    "only List-Help": (Reason.LIST, letter_to_ada("List-Help: <mailto:x@y.example>")),
    "ezmlm": (Reason.LIST, letter_to_ada("Mailing-List: contact tea-help@lists.example; run by ezmlm")),
    "Google group": (Reason.LIST, letter_to_ada("X-Google-Group-Id: 123456")),
    "old Mailman": (Reason.LIST, letter_to_ada("X-BeenThere: tea@lists.example")),
    "bulk": (Reason.BULK, letter_to_ada("Precedence: bulk")),
    "bulk, shouted": (Reason.BULK, letter_to_ada("PRECEDENCE: BULK")),
    "junk": (Reason.BULK, letter_to_ada("Precedence: junk")),
    "list": (Reason.BULK, letter_to_ada("Precedence: list")),
    "list owner": (Reason.ROBOT, letter_to_ada(path="<owner-tea@lists.example>")),
    "list request": (Reason.ROBOT, letter_to_ada(path="<tea-request@lists.example>")),
    "list bounces": (Reason.ROBOT, letter_to_ada(path="<tea-bounces@lists.example>")),
    "newsletter by VERP": (Reason.ROBOT, letter_to_ada(path="<bounces+1234-ada=example.org@em.shop.example>")),
    "newsletter by other VERP": (Reason.ROBOT, letter_to_ada(path="<msg-77-ada=example.org@mta.shop.example>")),
    "campaign": (Reason.ROBOT, letter_to_ada("Feedback-ID: 1:2:3:shop")),
    # Bounces
    "null path": (Reason.NULL_PATH, letter_to_ada(path="<>", sender="Mail Delivery System <mailer-daemon@post.example>")),
    "null path with a space": (Reason.NULL_PATH, letter_to_ada(path="< >")),
    "null path, empty": (Reason.NULL_PATH, letter_to_ada(path="")),
    "mailer-daemon without a path": (Reason.ROBOT, letter_to_ada(path=None, sender="MAILER-DAEMON@post.example")),
    "postmaster": (Reason.ROBOT, letter_to_ada(path="<postmaster@post.example>")),
    "delivery report": (Reason.NULL_PATH, corpus_letter("bounce")),
    "report without a null path": (
        Reason.REPORT,
        letter_to_ada('Content-Type: multipart/report; report-type=delivery-status; boundary="b"'),
    ),
    "read receipt": (
        Reason.REPORT,
        letter_to_ada('Content-Type: multipart/report; report-type="disposition-notification"; boundary="b"'),
    ),
    "abuse report": (Reason.REPORT, letter_to_ada("Content-Type: multipart/report; report-type=feedback-report")),
    # Machines by name
    "noreply": (Reason.ROBOT, letter_to_ada(sender="noreply@shop.example", path="<noreply@shop.example>")),
    "no-reply in the From only": (Reason.ROBOT, letter_to_ada(sender="Shop <no-reply@shop.example>", path="<x@shop.example>")),
    "do-not-reply": (Reason.ROBOT, letter_to_ada(path="<do-not-reply@shop.example>")),
    "donotreply with a tag": (Reason.ROBOT, letter_to_ada(path="<donotreply+4711@shop.example>")),
    "billing-noreply": (Reason.ROBOT, letter_to_ada(path="<billing-noreply@shop.example>")),
    "notifications": (Reason.ROBOT, letter_to_ada(path="<notifications@forge.example>")),
    "code forge": (Reason.ROBOT, letter_to_ada("X-GitHub-Reason: mention")),
    "notifications with a number": (Reason.ROBOT, letter_to_ada(path="<notifications-4711@forge.example>")),
    "bounce with a number": (Reason.ROBOT, letter_to_ada(path="<bounce-4711@shop.example>")),
    "bounce of a list": (Reason.ROBOT, letter_to_ada(path="<bounce.4711_ada@shop.example>")),
    "no-reply with a tag": (Reason.ROBOT, letter_to_ada(sender="Shop <no-reply+4711@shop.example>")),
    "noreply with a number": (Reason.ROBOT, letter_to_ada(path="<noreply7@shop.example>")),
    "newsletter of a shop": (Reason.ROBOT, letter_to_ada(path="<shop-newsletter@shop.example>")),
    "alerts of a bank": (Reason.ROBOT, letter_to_ada(path="<bank.alerts@bank.example>")),
    "autoreply with a prefix": (Reason.ROBOT, letter_to_ada(path="<sales-autoreply@shop.example>")),
    "listserv": (Reason.ROBOT, letter_to_ada(path="<LISTSERV@uni.example>")),
    "root": (Reason.ROBOT, letter_to_ada(path="<root@web.example>")),
    "cron environment": (Reason.ROBOT, letter_to_ada("X-Cron-Env: <SHELL=/bin/sh>")),
    "a forwarded bounce": (Reason.ROBOT, letter_to_ada(path="<SRS0=abc=XY=lists.example=tea-bounces@fwd.example>")),
    # Spam
    "spam flag": (Reason.SPAM, letter_to_ada("X-Spam-Flag: YES")),
    "spam status": (Reason.SPAM, letter_to_ada("X-Spam-Status: Yes, score=9.1 required=5.0")),
    "spam level": (Reason.SPAM, letter_to_ada("X-MS-Exchange-Organization-SCL: 6")),
    "spam flag, true": (Reason.SPAM, letter_to_ada("X-Spam-Flag: true")),
    "spam by its subject": (Reason.SPAM, letter_to_ada(subject="[SPAM] Tea")),
    "spam by its subject, starred": (Reason.SPAM, letter_to_ada(subject="***SPAM*** Tea")),
    "spam stars": (Reason.SPAM, letter_to_ada("X-Spam-Level: ******")),
    "spam bar": (Reason.SPAM, letter_to_ada("X-Spam-Bar: +++++++")),
    "spam of rspamd": (Reason.SPAM, letter_to_ada("X-Spamd-Result: default: True [18.30 / 15.00]")),
    "spam action": (Reason.SPAM, letter_to_ada("X-Spam-Action: add header")),
    "spam of Exchange Online": (Reason.SPAM, letter_to_ada("X-Forefront-Antispam-Report: CIP:192.0.2.1;SFV:SPM;SCL:1;")),
    "spam of a gateway": (Reason.SPAM, letter_to_ada("X-Barracuda-Spam-Flag: YES")),
    "spam by bogofilter": (Reason.SPAM, letter_to_ada("X-Bogosity: Spam, tests=bogofilter")),
    # Oneself, and nobody
    "from oneself": (Reason.OWN, letter_to_ada(sender="ADA@example.org", path="<ada@example.org>")),
    "from oneself with a tag": (Reason.OWN, letter_to_ada(sender="ada+notes@example.org", path="<x@post.example>")),
    "from another account of hers": (Reason.OWN, letter_to_ada(path="<ada@private.example>")),
    "from oneself, signed": (Reason.OWN, letter_to_ada(path="<prvs=1234ab=ada@example.org>", sender="x@post.example")),
    "blind copy": (Reason.NOT_ADDRESSED, letter_to_ada(to="Team <team@post.example>")),
    "nobody named": (Reason.NOT_ADDRESSED, letter_to_ada(to="undisclosed-recipients:;")),
    "no sender": (Reason.NO_SENDER, letter_to_ada(sender="", path=None)),
    "a sender that is none": (Reason.NO_SENDER, letter_to_ada(sender="Bob", path="<bob>")),
    "a path that is none": (Reason.NO_SENDER, letter_to_ada(path="<bob@post.example, eve@evil.example>")),
    "empty": (Reason.NO_SENDER, b""),
}  # fmt: skip
