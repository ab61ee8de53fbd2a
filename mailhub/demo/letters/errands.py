"""Letters to Alice from companies and offices: tickets, bills, parcels, newsletters."""

from __future__ import annotations

from datetime import timedelta

from mailhub.demo.letters import documents, pictures
from mailhub.demo.letters.days import FRIDAY, MONDAY, SATURDAY, coming, month, month_before, written
from mailhub.demo.letters.writing import SIGNATURE, Desk, Letter, designed_html, prose, show_inline

NIGHT, TEAL = (0.08, 0.13, 0.24), (0.06, 0.46, 0.43)


def letters(desk: Desk) -> list[Letter]:
    """Return these letters, in no particular order."""
    return [
        tickets(desk),
        bill(desk),
        slow_reader(desk),
        seeds(desk),
        parcel(desk),
        doctor(desk),
        library(desk),
        welcome(desk, "Alice"),
    ]


def tickets(desk: Desk) -> Letter:
    """A booking with colours of its own and the ticket as PDF."""
    sent = desk.ago(minutes=31, zone=1)
    day = written(coming(SATURDAY, sent.date(), 1), "en")
    values = {"day": day, "booking": "NLR-7K2M4Q"}
    text = prose(f"""
        Hello Alice,

        Hamburg to Copenhagen, departs 07:53 from platform 6 on {day}. Your seats: coach 4, 61 and 62. The
        ticket is attached as a PDF.

        Paid: EUR 127.00

        Nordlicht Rail
    """)
    message = desk.letter(
        "tickets",
        "Nordlicht Rail <tickets@nordlicht-rail.example>",
        f"Your tickets for {day}",
        sent,
        text,
        designed_html("tickets", **values),
        headers={"Reply-To": "help@nordlicht-rail.example"},
    )
    lines = [
        "# Hamburg to Copenhagen, direct",
        f"{day}, departs 07:53 from platform 6, arrives 12:35",
        "Coach 4, seats 61 and 62, quiet area",
        "# Travellers",
        "Alice Hartono",
        "Tom Okafor",
        "# Booking NLR-7K2M4Q",
        "Flexible fare: return or change it until one hour before departure.",
    ]
    ticket = documents.sheet("Nordlicht Rail: ticket for two", lines, NIGHT)
    message.add_attachment(ticket, "application", "pdf", filename="ticket-NLR-7K2M4Q.pdf")
    return desk.done("tickets", message)


def bill(desk: Desk) -> Letter:
    """An invoice as PDF, and the sender's mark inside the page."""
    sent = desk.ago(minutes=95, zone=1)
    billed = month_before(sent.date())
    due = sent.date() + timedelta(days=8)
    name = month(billed, "en")
    text = prose(f"""
        Dear Ms Hartono,

        the amount of €84.20 will be collected on {written(due, "en")}. The statement for {name} is attached
        as a PDF.

        Hafen Energie
    """)
    message = desk.letter(
        "energy-bill",
        "Hafen Energie <service@hafen-energie.example>",
        f"Your bill for {name} is ready",
        sent,
        text,
        designed_html("bill", month=name, due=written(due, "en")),
    )
    mark = pictures.mark((15, 118, 110), (233, 180, 76))
    show_inline(message, mark, "mark@hafen-energie.example", "mark.png")
    statement = documents.invoice(
        ["Hafen Energie", "Kaispeicher 7", "Hamburg", "service@hafen-energie.example"],
        ["Alice Hartono", "Treppenhaus 3, 2nd floor", "Hamburg"],
        f"Electricity in {name}",
        {"Statement": f"HE-{billed:%Y%m}-0417", "Date": f"{sent:%d.%m.%Y}", "Customer": "20 881 604"},
        [
            ("What", "Used", "Price", "Amount"),
            ("Energy, green tariff", "214 kWh", "€0.2812", "€60.18"),
            ("Base price", "1 month", "€10.58", "€10.58"),
            ("Value added tax, 19 %", "", "", "€13.44"),
        ],
        ("To be collected", "€84.20"),
        f"We collect the amount on {written(due, 'en')}.\nThank you for your trust.",
        TEAL,
    )
    message.add_attachment(statement, "application", "pdf", filename=f"hafen-energie-{billed:%Y-%m}.pdf")
    return desk.done("energy-bill", message)


def slow_reader(desk: Desk) -> Letter:
    """A newsletter with remote pictures, a style sheet and one click to leave."""
    sent = desk.ago(days=1, at="07:00", zone=0)
    text = prose("""
        A drawer full of envelopes in Trieste, and what three generations wrote on the back of them.

        Read the essay: https://slow-reader.example/212/letters

        Also in this issue: The last mail boat. Notes in the margin. One question.

        You get this because you asked for it. Leave the list: https://slow-reader.example/leave?who=alice
    """)
    message = desk.letter(
        "slow-reader-212",
        "The Slow Reader <letters@slow-reader.example>",
        "Issue 212: On keeping letters",
        sent,
        text,
        designed_html("slow-reader", issue="212", day=f"{sent:%-d %B %Y}"),
        headers={
            "List-Id": "The Slow Reader <letters.slow-reader.example>",
            "List-Unsubscribe": "<https://slow-reader.example/leave?who=alice>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
        },
    )
    return desk.done("slow-reader-212", message)


def seeds(desk: Desk) -> Letter:
    """A German advertisement on a dark ground, two columns, remote pictures only."""
    text = prose("""
        Der neue Katalog ist da: 212 alte Sorten, von Hand verlesen, samenfest und im eigenen Garten erprobt.

        - Stangenbohne „Blauhilde“: 2,90 €
        - Kürbis „Alter Müller“: 3,40 €

        Im Katalog blättern: https://saatgut-soehne.example/katalog

        Abmelden: https://saatgut-soehne.example/abmelden
    """)
    message = desk.letter(
        "seeds",
        "Saatgut & Söhne <post@saatgut-soehne.example>",
        "Der neue Katalog ist da 🌱 212 alte Sorten",
        desk.ago(days=13, at="06:30", zone=1),
        text,
        designed_html("seeds"),
        headers={"List-Unsubscribe": "<https://saatgut-soehne.example/abmelden>"},
    )
    return desk.done("seeds", message)


def parcel(desk: Desk) -> Letter:
    """A pick-up code as a picture within the page."""
    sent = desk.ago(days=3, at="13:20", zone=1)
    until = written(sent.date() + timedelta(days=9), "en")
    message = desk.letter(
        "parcel",
        "Pakethaus <hello@pakethaus.example>",
        "Your parcel is in locker 12",
        sent,
        prose(f"""
            Your parcel from Buchbinderbedarf Kranz waits in locker 12 until {until}.

            Lindenallee 40, next to the bakery, open day and night. Your code: 481503
        """),
        designed_html("parcel", until=until),
    )
    show_inline(message, pictures.barcode(), "code@pakethaus.example", "code.png")
    return desk.done("parcel", message)


def doctor(desk: Desk) -> Letter:
    """German, short, as 8-bit UTF-8."""
    sent = desk.ago(days=4, at="11:00", zone=1)
    day = written(coming(MONDAY, sent.date(), 1), "de")
    text = f"""Guten Tag Frau Hartono,

wir erinnern Sie an Ihren Termin am {day}, um 10:20 Uhr.

Bitte bringen Sie Ihre Versichertenkarte mit. Wenn Sie nicht kommen
können, sagen Sie uns einen Tag vorher Bescheid, dann freut sich
jemand anderes über den Platz.

Ihre Praxis Dr. Weiß
Grüner Weg 18, Hamburg
"""
    message = desk.letter(
        "doctor",
        "Praxis Dr. Weiß <termine@praxis-weiss.example>",
        f"Erinnerung: {day}, 10:20 Uhr",
        sent,
        text,
        cte="8bit",
    )
    return desk.done("doctor", message)


def library(desk: Desk) -> Letter:
    """A plain reminder from a machine that answers nobody."""
    sent = desk.ago(days=15, at="05:10", zone=1)
    day = written(coming(FRIDAY, sent.date()), "de")
    text = f"""Sehr geehrte Frau Hartono,

am {day} endet die Leihfrist für:

  1. Papier. Eine Geschichte in zwölf Bögen         (2x verlängert)
  2. Handbuch der Fadenheftung
  3. Der Garten im Schatten                         (vorgemerkt)

Die Titel 1 und 2 können Sie in Ihrem Konto verlängern:
https://stadtbuecherei.example/konto

Titel 3 hat jemand anderes vorgemerkt. Bitte bringen Sie ihn zurück.

Ihre Stadtbücherei am Markt
{SIGNATURE}
Diese Nachricht wurde automatisch erstellt.
"""
    message = desk.letter(
        "library",
        "Stadtbücherei am Markt <nicht-antworten@stadtbuecherei.example>",
        "Drei Titel sind bald fällig",
        sent,
        text,
        headers={"Auto-Submitted": "auto-generated"},
    )
    return desk.done("library", message)


def welcome(desk: Desk, name: str) -> Letter:
    """The provider's first letter, and the oldest in the mailbox."""
    text = prose(f"""
        Welcome, {name}.

        Your mailbox is ready. From now on you can be reached at {desk.address}.

        Post is a small provider that lives on one computer: the one Mailhub runs on. It knows two people, and
        what you write to anybody else is kept in a folder and goes no further.
    """)
    message = desk.letter(
        "welcome",
        "Post <hello@post.example>",
        "Welcome to your mailbox",
        desk.ago(days=42, at="09:00", zone=1),
        text,
        designed_html("welcome", name=name, address=desk.address),
    )
    return desk.done("welcome", message)
