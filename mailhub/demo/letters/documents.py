"""Documents that are attached to the letters: PDF, calendar entry, table, archive."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

Ink = tuple[float, float, float]
BLACK: Ink = (0.13, 0.14, 0.16)
GREY: Ink = (0.45, 0.47, 0.5)
WHITE: Ink = (1, 1, 1)


@dataclass
class Page:
    """One A4 page of a PDF, drawn in points from the upper left corner."""

    _strokes: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, words: str, size: float = 10, *, bold: bool = False, ink: Ink = BLACK
    ) -> None:
        """Write one line. Only characters of Windows-1252, which the built-in fonts know."""
        escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        font = "F2" if bold else "F1"
        self._strokes.append(
            f"BT {_colour(ink)} rg /{font} {size:g} Tf {x:g} {842 - y:g} Td ({escaped}) Tj ET"
        )

    def box(self, x: float, y: float, width: float, height: float, ink: Ink) -> None:
        """Fill a rectangle whose upper left corner is at x, y."""
        self._strokes.append(f"{_colour(ink)} rg {x:g} {842 - y - height:g} {width:g} {height:g} re f")

    def rule(self, y: float, ink: Ink = (0.82, 0.83, 0.85)) -> None:
        """Draw a hair line across the page."""
        self.box(50, y, 495, 0.7, ink)

    def pdf(self) -> bytes:
        """Return the document (ISO 32000-1 §7.5: header, objects, cross-reference table, trailer)."""
        content = "\n".join(self._strokes).encode("cp1252")
        fonts = b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            fonts % b"Helvetica",
            fonts % b"Helvetica-Bold",
        ]
        out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
        for number, body in enumerate(objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        size, start = len(objects) + 1, len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
        return bytes(out)


def _colour(ink: Ink) -> str:
    return " ".join(f"{part:g}" for part in ink)


def invoice(
    seller: Sequence[str],
    buyer: Sequence[str],
    title: str,
    facts: Mapping[str, str],
    rows: Sequence[Sequence[str]],
    total: tuple[str, str],
    note: str,
    ink: Ink,
) -> bytes:
    """A one-page invoice as PDF. A row is a text and up to three amounts; the first one is the heading."""
    page = Page()
    page.box(0, 0, 595, 96, ink)
    page.text(50, 60, seller[0], 22, bold=True, ink=WHITE)
    page.text(50, 80, " · ".join(seller[1:]), 9, ink=WHITE)
    for line, words in enumerate(buyer):
        page.text(50, 150 + line * 15, words, 10.5)
    page.text(50, 250, title, 17, bold=True)
    for line, (name, value) in enumerate(facts.items()):
        page.text(350, 150 + line * 15, name, 9.5, ink=GREY)
        page.text(445, 150 + line * 15, value, 9.5)
    y = 290.0
    for number, row in enumerate(rows):
        for words, x in zip(row, (50, 330, 400, 480), strict=False):
            page.text(x, y, words, 10, bold=number == 0, ink=GREY if number == 0 else BLACK)
        page.rule(y + 8)
        y += 24
    page.text(330, y + 10, total[0], 12, bold=True)
    page.text(480, y + 10, total[1], 12, bold=True)
    for line, words in enumerate(note.split("\n")):
        page.text(50, y + 60 + line * 14, words, 9.5, ink=GREY)
    page.rule(780)
    page.text(50, 798, "A document of the Mailhub demo. Every company in it is made up.", 8, ink=GREY)
    return page.pdf()


def sheet(title: str, lines: Iterable[str], ink: Ink) -> bytes:
    """A page of text as PDF: a coloured title, then one line each; a line that begins with # is a heading."""
    page = Page()
    page.box(50, 50, 40, 5, ink)
    page.text(50, 88, title, 20, bold=True)
    y = 126.0
    for line in lines:
        heading = line.startswith("#")
        y += 10 if heading else 0
        page.text(
            50, y, line.lstrip("# "), 12 if heading else 10.5, bold=heading, ink=ink if heading else BLACK
        )
        y += 17
    return page.pdf()


def planting_plan(year: int) -> bytes:
    """The allotment's plan: a bed is a rectangle with the name of what grows there."""
    page = Page()
    page.text(50, 70, f"Plot 12, planting plan {year}", 20, bold=True)
    page.text(50, 90, "North is up. One square is half a metre. M. L.", 10, ink=GREY)
    beds: list[tuple[str, float, float, float, float, Ink]] = [
        ("Shed", 60, 120, 110, 90, (0.45, 0.6, 0.52)),
        ("Compost", 180, 120, 80, 90, (0.62, 0.54, 0.46)),
        ("Rhubarb", 270, 120, 120, 90, (0.86, 0.62, 0.62)),
        ("Currants", 400, 120, 130, 90, (0.8, 0.5, 0.52)),
        ("Potatoes, early", 60, 240, 230, 100, (0.86, 0.78, 0.6)),
        ("Potatoes, late", 300, 240, 230, 100, (0.82, 0.72, 0.52)),
        ("Leeks and celeriac", 60, 350, 310, 80, (0.7, 0.8, 0.62)),
        ("Chard", 380, 350, 150, 80, (0.62, 0.76, 0.56)),
        ("Pumpkins (less than they think)", 60, 440, 200, 130, (0.93, 0.74, 0.46)),
        ("Beans on poles, south side", 270, 440, 260, 130, (0.56, 0.72, 0.5)),
        ("Flowers for the bees", 60, 600, 470, 60, (0.84, 0.74, 0.86)),
    ]
    for name, x, y, width, height, ink in beds:
        page.box(x, y, width, height, ink)
        page.text(x + 8, y + 18, name, 10, bold=True)
    page.text(60, 700, "Water barrel beside the shed. Path of bark, 60 cm, all around.", 10)
    return page.pdf()


def calendar_entry(
    uid: str, stamp: datetime, start: datetime, end: datetime, what: Mapping[str, str], attendee: str
) -> str:
    """An invitation (RFC 5546, 3.2.2).

    `what` holds SUMMARY, LOCATION, DESCRIPTION and ORGANIZER, the last as "name <address>".
    """
    host, _, address = what["ORGANIZER"].partition(" <")
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Mailhub//Demo letters//EN",
        "VERSION:2.0",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{_utc(stamp)}",
        f"DTSTART:{_utc(start)}",
        f"DTEND:{_utc(end)}",
        *(f"{name}:{_escaped(what[name])}" for name in ("SUMMARY", "LOCATION", "DESCRIPTION")),
        f'ORGANIZER;CN="{host}":mailto:{address.rstrip(">")}',
        f"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{attendee}",
        "STATUS:CONFIRMED",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,").replace("\n", r"\n")


def _folded(line: str) -> str:
    # RFC 5545, 3.1: at most 75 octets a line; at 70 characters the plain ASCII of these entries stays below.
    return "\r\n ".join(line[at : at + 70] for at in range(0, len(line), 70))


def table(rows: Iterable[Sequence[object]], encoding: str = "utf-8-sig") -> bytes:
    """A CSV file (RFC 4180), with the mark by which spreadsheet programs recognise UTF-8."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode(encoding)


def archive(files: Mapping[str, bytes], packed: datetime) -> bytes:
    """A ZIP file, all of its members dated `packed`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packet:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, packed.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            packet.writestr(member, content)
    return out.getvalue()
