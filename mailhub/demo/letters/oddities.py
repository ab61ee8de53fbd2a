"""Letters to Alice that are hard to read, as real mailboxes hold them: broken, old, suspicious, returned."""

from __future__ import annotations

import base64
from datetime import datetime
from email.utils import format_datetime

from mailhub.demo.letters import documents
from mailhub.demo.letters.writing import Desk, Letter, designed_html, prose


def letters(desk: Desk) -> list[Letter]:
    """Return these letters, in no particular order."""
    return [
        bounce(desk),
        suspicious(desk),
        koi8(desk),
        scanner(desk),
        damaged(desk),
        unfinished(desk),
        announcement(desk),
    ]


def bounce(desk: Desk) -> Letter:
    """A delivery report (RFC 3464) about a letter that Alice wrote."""
    sent = desk.ago(days=1, at="16:40", zone=1)
    return report(
        desk,
        "bounce",
        sent,
        subject="Could not be delivered: Key handover",
        recipient="hausmeister@lindenhof.example",
        status="5.1.1",
        said="550 5.1.1 <hausmeister@lindenhof.example>: no such user here",
        explained="The address hausmeister@lindenhof.example does not exist.",
        returned=f"""From: {desk.owner}
To: hausmeister@lindenhof.example
Subject: Key handover
Date: {format_datetime(sent)}
Message-ID: {desk.message_id("key-handover", "post.example")}""",
    )


def report(
    desk: Desk,
    slug: str,
    sent: datetime,
    *,
    subject: str,
    recipient: str,
    status: str,
    said: str,
    explained: str,
    returned: str,
) -> Letter:
    """A multipart/report: words for a person, fields for a program, and the header of what came back."""
    # Written by hand: the standard library reads such reports but cannot make them.
    fields = f"""From: Mail delivery <mailer-daemon@mail.post.example>
To: {desk.owner}
Subject: {subject}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_report-{slug}"
"""
    body = f"""This is a message with several parts, and this line is for programs that cannot show them.

--=_report-{slug}
Content-Type: text/plain; charset=us-ascii

Your message could not be delivered. It came back.

{explained}

The other server said:

    {said}

Nobody has received this message. You can write again to another
address. The first lines of your message are attached.

--=_report-{slug}
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.post.example
Arrival-Date: {format_datetime(sent)}

Final-Recipient: rfc822; {recipient}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {said}

--=_report-{slug}
Content-Type: text/rfc822-headers

{returned}

--=_report-{slug}--
"""
    return desk.raw(
        slug, "mailer-daemon@mail.post.example", sent, fields.encode("ascii"), body.encode("ascii")
    )


def suspicious(desk: Desk) -> Letter:
    """A clumsy theft: the link says one place and leads to another, the answer goes to a third."""
    message = desk.letter(
        "suspicious",
        "P0st Security Team <no-reply@post-example-security.bait.example>",
        "!!! URGENT: your mailbox is 99,8% full, confirm now !!!",
        desk.ago(days=6, at="03:17", zone=-5),
        prose(f"""
            Dear valued customer {desk.address},

            We have detect that your mailbox is 99,8% FULL. You must confirm your pasword in the next 24
            hours:

            http://login.verify-now.bait.example/collect
        """),
        designed_html("phishing", address=desk.address),
        headers={
            "Reply-To": "collector <give-me@bait.example>",
            "Authentication-Results": "mail.post.example; spf=fail; dkim=none; dmarc=fail",
            "X-Spam-Flag": "YES",
            "X-Spam-Score": "14.2",
        },
    )
    return desk.done("suspicious", message)


def koi8(desk: Desk) -> Letter:
    """From an old mail program: KOI8 bytes in the header, where only ASCII may be."""
    fields = """From: Клуб Мандрівник <klub@mandry.example>
Subject: Розклад походу в Карпати
MIME-Version: 1.0
Content-Type: text/plain; charset=koi8-u
Content-Transfer-Encoding: 8bit
X-Mailer: Lystonosha 2.11
"""
    body = """Добрий день, пані Алісо!

Надсилаємо розклад походу в Карпати на травень.

  День 1   Ворохта, збір на станції о 9:00
  День 2   Полонина, ночівля в наметах
  День 3   Говерла, якщо дозволить погода
  День 4   Повернення, лазня, вареники

Візьміть теплий одяг, дощовик і ложку. Гітара в нас є.

З повагою,
клуб «Мандрівник»
"""
    address = "klub@mandry.example"
    # KOI8-U has no angle quotation marks; what a program of that time would have written is the plain one.
    text = body.replace("«", '"').replace("»", '"')
    # The subject keeps to letters that KOI8-R and KOI8-U share.
    return desk.raw(
        "koi8",
        address,
        desk.ago(days=24, at="18:26", zone=2),
        f"To: {desk.address}\n".encode() + fields.encode("koi8_u"),
        text.encode("koi8_u"),
    )


def scanner(desk: Desk) -> Letter:
    """From a machine that does not say who it is: there is no From field."""
    sent = desk.ago(days=20, at="14:58", zone=1)
    message = desk.letter(
        "scanner",
        "scanner@copyshop.example",
        "Scan 0093",
        sent,
        "Device: second floor, by the window\nPages: 1\nResolution: 300 dpi\n",
    )
    del message["From"]
    lines = [
        "# Receipt",
        f"{sent:%d.%m.%Y}, copy shop at the canal",
        "62 pages, black and white, thread-sewn: 14.30",
        "# Kept for the tax office",
        "Please do not fold.",
    ]
    page = documents.sheet("Scan 0093", lines, (0.35, 0.35, 0.38))
    message.add_attachment(page, "application", "pdf", filename="SCN_0093.PDF")
    return desk.done("scanner", message)


def damaged(desk: Desk) -> Letter:
    """An attachment whose base64 was cut and soiled on the way."""
    page = documents.sheet(
        "Knitting pattern", ["A scarf, three colours.", "Cast on 48 stitches."], (0.5, 0.2, 0.4)
    )
    lines = base64.encodebytes(page).decode().splitlines()
    lines[3] = lines[3][:40] + "*** line lost ***"
    soiled = "\n".join([*lines[:9], "%%%%", *lines[11:-2], lines[-2][:33]])
    fields = f"""From: Rosa Ibarra <rosa@lanas.example>
To: {desk.owner}
Subject: The pattern for the scarf, once more
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="scarf"
"""
    body = f"""--scarf
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Hola Alice,

here is the pattern again. My mail program said something about an error, but it always does.

Un beso, Rosa

--scarf
Content-Type: application/pdf; name="scarf.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="scarf.pdf"

{soiled}
--scarf--
"""
    return desk.raw(
        "damaged",
        "Rosa Ibarra <rosa@lanas.example>",
        desk.ago(days=26, at="20:31", zone=1),
        fields.encode(),
        body.encode(),
    )


def unfinished(desk: Desk) -> Letter:
    """The closing boundary never comes, and the sender's name is raw 8-bit."""
    fields = """From: "Bj\xf6rn Str\xf6m" <bjorn@skargard.example>
Subject: Boat for the summer: yes, but
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="-----=_Part_7_lost"
"""
    body = """-------=_Part_7_lost
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

Hej Alice!

Yes, you can have the boat in July, all four weeks. But the sail has a
hole the size of a cat, the motor starts only for my brother, and the
cabin smells of herring. If that is all right with you, it is yours.

The key is under the stone that looks like a potato.

Hälsningar från skärgården
Björn

-------=_Part_7_lost
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

<p>Hej Alice!</p>
<p>Yes, you can have the boat in July, all four weeks. But the sail has a hole the size of a cat, the motor
starts only for my brother, and the cabin smells of herring. If that is all right with you, it is yours.</p>
<p>The key is under the stone that looks like a potato.</p>
<p>Hälsningar från skärgården<br>Björ"""
    return desk.raw(
        "unfinished",
        "bjorn@skargard.example",
        desk.ago(days=29, at="12:12", zone=2),
        f"To: {desk.owner}\n".encode() + fields.encode("latin-1"),
        body.encode("latin-1"),
    )


def announcement(desk: Desk) -> Letter:
    """A subject line that fills the screen, as only an office can write it."""
    subject = (
        "Öffentliche Bekanntmachung über die Auslegung des Entwurfs zur Änderung des Bebauungsplans Nr. 117 "
        "„Kleingartenanlage Apfelweg einschließlich der angrenzenden Grünflächen, des Entwässerungsgrabens "
        "und der Zufahrt zum Vereinshaus“ sowie Hinweis auf die Möglichkeit zur Abgabe von Stellungnahmen "
        "innerhalb der Frist von dreißig Tagen nach dem Tag des Erscheinens dieser Nachricht"
    )
    message = desk.letter(
        "announcement",
        '"Bezirksamt Nordost, Fachbereich Stadtplanung" <bekanntmachung@bezirksamt-nordost.example>',
        subject,
        desk.ago(days=32, at="07:59", zone=2),
        prose("""
            Sehr geehrte Damen und Herren,

            der Entwurf liegt im Zimmer 2.14 während der Sprechzeiten zur Einsicht aus. Für die Parzelle 12
            ändert sich nach derzeitigem Stand nichts.

            Mit freundlichen Grüßen
            |Im Auftrag
            |H. Petersen-Wolgast
        """),
    )
    return desk.done("announcement", message)
