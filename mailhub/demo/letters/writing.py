"""The desk at which the demo's letters are written: times, threads, headers, text and HTML."""

from __future__ import annotations

import hashlib
import html as markup
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from string import Template

# The line above a signature ends with a space (RFC 3676, 4.3), which an editor would take off the source.
SIGNATURE = "-- "

_HTML = Path(__file__).with_name("html")
# 7bit makes the standard library choose quoted-printable or base64 as other mail programs do; a letter that
# is to travel as 8bit asks for it.
_POLICY = SMTP.clone(cte_type="7bit")
_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


@dataclass(frozen=True)
class Letter:
    """A finished message: its file name in the mailbox, and its raw bytes with CRLF line ends."""

    name: str
    raw: bytes


class Desk:
    """Writes letters to one person, dated back from `now`."""

    def __init__(self, now: datetime, owner: str) -> None:
        self.now = now.astimezone(UTC).replace(microsecond=0)
        self.owner = owner
        self.address = parseaddr(owner)[1]

    def ago(self, *, days: int = 0, at: str = "", minutes: int = 0, zone: float = 0) -> datetime:
        """The moment `minutes` ago, or `days` ago at the clock time `at`; `zone` in hours from UTC."""
        there = self.now.astimezone(timezone(timedelta(hours=zone)))
        if not at:
            return there - timedelta(days=days, minutes=minutes)
        hour, minute = map(int, at.split(":"))
        # Seconds from the clock's own digits: a mailbox in which every letter was sent at :00 looks made up.
        then = (there - timedelta(days=days)).replace(
            hour=hour, minute=minute, second=(hour * 7 + minute * 13) % 60
        )
        return then if then < there else then - timedelta(days=1)

    def message_id(self, slug: str, domain: str) -> str:
        """The Message-ID of a letter; a reply may name one that is not in the mailbox."""
        digest = hashlib.sha256(f"{slug} {domain} {self.now.isoformat()}".encode()).hexdigest()
        return f"<{digest[:20]}@{domain}>"

    def letter(
        self,
        slug: str,
        sender: str,
        subject: str,
        sent: datetime,
        text: str,
        html: str = "",
        *,
        to: str = "",
        cc: str = "",
        answers: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        cte: str | None = None,
        charset: str = "utf-8",
    ) -> EmailMessage:
        """Begin a letter; attachments may follow, then `done`. `answers` are the thread's Message-IDs."""
        message = EmailMessage(policy=_POLICY)
        for name, value in self.trace(slug, sender, sent):
            message[name] = value
        message["From"] = sender
        message["To"] = to or self.owner
        if cc:
            message["Cc"] = cc
        message["Subject"] = subject
        if thread := list(answers):
            message["In-Reply-To"] = thread[-1]
            message["References"] = " ".join(thread)
        for name, value in (headers or {}).items():
            message[name] = value
        message.set_content(text, charset=charset, cte=cte)
        if html:
            message.add_alternative(html, subtype="html")
        return message

    def trace(self, slug: str, sender: str, sent: datetime) -> list[tuple[str, str]]:
        """The header fields that servers and mail programs add on the way, and the date."""
        address = parseaddr(sender)[1]
        domain = address.rpartition("@")[2]
        digest = hashlib.sha256(f"{slug}{domain}".encode()).digest()
        relay = f"mail.{domain.removeprefix('mail.')}"
        via = f"from {relay} ({relay} [192.0.2.{digest[0] % 253 + 1}])"
        by = f"by mail.post.example with ESMTPS id {digest.hex()[:10]} for <{self.address}>"
        arrived = format_datetime((sent + timedelta(seconds=digest[1] % 7 + 1)).astimezone(UTC))
        return [
            ("Return-Path", f"<{address}>"),
            ("Delivered-To", self.address),
            ("Received", f"{via} {by}; {arrived}"),
            ("Date", format_datetime(sent)),
            ("Message-ID", self.message_id(slug, domain)),
        ]

    def done(self, slug: str, message: EmailMessage) -> Letter:
        """Finish a letter. Boundaries, which the standard library draws by lot, are made from the slug."""
        for part in message.walk():
            if "From" not in part and part is not message:
                del part[
                    "MIME-Version"
                ]  # belongs to whole messages only (RFC 2045, 4); the library adds it to parts
        for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
            if part.get_content_maintype() == "multipart":
                digest = hashlib.sha256(f"{slug} {number}".encode()).hexdigest()
                part.set_boundary(f"=_{digest[:24]}")
        sent = message["Date"].datetime
        return Letter(file_name(slug, sent), message.as_bytes(policy=SMTP))

    def raw(self, slug: str, sender: str, sent: datetime, fields: bytes, body: bytes) -> Letter:
        """A letter given byte by byte after the trace fields: what no well-behaved library would write."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.trace(slug, sender, sent))
        trace = lines.replace(" by mail", "\r\n\tby mail").replace("; ", ";\r\n\t")
        rest = fields.strip(b"\n") + b"\n\n" + body.strip(b"\n") + b"\n"
        return Letter(file_name(slug, sent), trace.encode() + rest.replace(b"\n", b"\r\n"))


def show_inline(message: EmailMessage, picture: bytes, cid: str, name: str) -> None:
    """Put a PNG picture beside the HTML part, which shows it by `cid:`."""
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.add_related(picture, "image", "png", cid=f"<{cid}>", disposition="inline", filename=name)


def file_name(slug: str, sent: datetime) -> str:
    """Names sort by time, because the mailbox is listed by name."""
    return f"{sent.astimezone(UTC):%Y%m%dT%H%M%S.000000Z}-{slug}.eml"


def prose(text: str) -> str:
    """Plain text from a text written for the source's width.

    Lines of a paragraph are joined, a line that begins with "|" starts a new one, "- " begins a list's entry,
    and [a name](address) is written out.
    """
    paragraphs = ("\n".join(_lines(block)) for block in _blocks(text))
    return "\n\n".join(_LINK.sub(r"\1 (\2)", paragraph) for paragraph in paragraphs) + "\n"


def simple_html(text: str) -> str:
    """The same text as a mail program's HTML: paragraphs, lists and links, no colours of its own."""
    out = []
    for block in _blocks(text):
        lines = [
            _LINK.sub(r'<a href="\2">\1</a>', markup.escape(line, quote=False)) for line in _lines(block)
        ]
        if all(line.startswith("- ") for line in lines):
            out.append("<ul>" + "".join(f"<li>{line[2:]}</li>" for line in lines) + "</ul>")
        else:
            out.append("<p>" + "<br>\n".join(lines) + "</p>")
    return "<html><body>\n" + "\n".join(out) + "\n</body></html>\n"


def designed_html(page: str, /, **values: str) -> str:
    """The page `page` of html/ with its $placeholders filled; the values are HTML already."""
    return Template((_HTML / f"{page}.html").read_text("utf-8")).substitute(values)


def quoted(text: str, intro: str) -> str:
    """`text` as it stands below an answer: an introducing line, then each line behind "> "."""
    return intro + "\n" + "".join(f"> {line}".rstrip() + "\n" for line in text.rstrip("\n").split("\n"))


def flowed(text: str, width: int = 72) -> str:
    """Wrap plain text for `format=flowed`: a space before a line end says "goes on" (RFC 3676, 4)."""
    return "".join(_flow(line, width) for line in text.splitlines())


def _flow(line: str, width: int) -> str:
    prefix = "> " if line.startswith("> ") else ""
    out, current = [], prefix
    for word in line[len(prefix) :].split(" "):
        if len(current) + len(word) > width and current != prefix:
            out.append(current)
            current = prefix
        current += word + " "
    return "".join(f"{part}\n" for part in out) + (line if line == SIGNATURE else current.rstrip()) + "\n"


def _blocks(text: str) -> list[str]:
    return [block for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]


def _lines(block: str) -> list[str]:
    lines: list[str] = []
    for line in map(str.strip, block.splitlines()):
        if line.startswith("|"):
            lines.append(SIGNATURE if line == "|--" else line[1:].strip())
        elif line.startswith("- ") or not lines:
            lines.append(line)
        else:
            lines[-1] += " " + line
    return lines
