"""Header fields as they really arrive: raw bytes first, decoded only after their structure has been read."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from functools import lru_cache

from mailbox.mime.charsets import safe, to_text

BLOCK_LIMIT = 256 * 1024  # bytes of one header block that are read at all
FIELD_LIMIT = 16 * 1024  # bytes of one field that are decoded
FIELDS_LIMIT = 2_000  # fields of one header block that are told apart: short ones cost ten times their bytes
ADDRESS_LIMIT = 1000  # addresses of one field; where there are more, the last one is MORE
NAME_LIMIT = 500
_NAME_LENGTH = 200  # of a field: a longer one is none
ADDRESS_LENGTH = 320  # RFC 3696 erratum 1690: 64 + 1 + 255
ID_LIMIT = 1000
REFERENCES_LIMIT = 50

_FIELD_START = re.compile(rb"\n(?![ \t])")
_FIELD_NAME = re.compile(rb"[!-9;-~]+[ \t]*")  # RFC 5322, 3.6.8: printable ASCII but the colon
# RFC 2047. Question marks inside a word are illegal and common ("=?utf-8?Q?What??="): four are borne. Every
# word starts with marks of its own, so that no byte is looked at more than a few times.
_WORD = re.compile(rb"=\?([^?\s]{1,75})\?([bBqQ])\?((?:[^?]*\?){0,4}?[^?]*)\?=")
# Line ends, controls, and the marks that turn the direction of what follows (a name could look like another).
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_ESCAPED = re.compile(rb"\\(.)", re.S)  # a quoted-pair (RFC 5322, 3.2.1)
_TOKEN = re.compile(
    rb'(?P<space>[\s\x00]+)|(?P<word>=\?[^?\s]{1,75}\?[bBqQ]\?[^?]*\?=)|"(?P<quoted>(?:[^"\\]++|\\.)*+)"?'
    rb"|(?P<comment>\()|<(?P<angle>[^<>]*)>?|(?P<mark>[,;:>)])|(?P<atom>(?:\[[^\[\]\s,<>]{0,60}\]|[^\s\x00\"(<>,;:)])++)",
    re.S,
)
_COMMENT_STEP = re.compile(rb"[^()\\]*+(?:\\.[^()\\]*+)*+([()])", re.S)
_SIMPLE_MAILBOX = re.compile(
    rb'\s*+(?:"([^"\\]*)"\s*+|([^"(),:;<>@\\]*+))<([^\s<>@"\x7f-\xff]+@[^\s<>@"\x7f-\xff]+)>\s*+'
)
_ANGLED = re.compile(rb"<\s*([^<>]*?)\s*>")
_DATE = re.compile(
    r"(?:[A-Za-z]{3},?)?\s*(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s+([+-])(\d{2})(\d{2})\b"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Zone names that RFC 5322, 4.3 leaves out and that mail of our readers' part of the world carries.
_ZONES = {
    "WIB": 7,
    "WITA": 8,
    "WIT": 9,
    "SGT": 8,
    "JST": 9,
    "KST": 9,
    "CET": 1,
    "CEST": 2,
    "MSK": 3,
    "BST": 1,
    "AEST": 10,
}


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox of an address field; `address` is "" when the field named a person only."""

    name: str
    address: str


# In place of those beyond ADDRESS_LIMIT: no list of people may look whole that is not.
MORE = Address("…", "")


@lru_cache(maxsize=1024)
def _field_name(written: bytes) -> bytes:
    """The name in lower case, b"" if it cannot be one: nearly all mail uses the same few dozen."""
    return written.rstrip().lower() if _FIELD_NAME.fullmatch(written) else b""


class Headers:
    """The fields of one header block by lower-case name, every value raw and in order of appearance."""

    __slots__ = ("_fields", "charset", "junk_at_end")

    def __init__(self, block: bytes, limit: int = FIELDS_LIMIT) -> None:
        self._fields: dict[bytes, list[bytes]] = {}
        self.charset = ""  # what raw 8-bit bytes in these fields are written in, when the body says it
        junk = 0
        fields = self._fields
        for line in _FIELD_START.split(block[:BLOCK_LIMIT].replace(b"\r\n", b"\n"), limit):
            written, colon, value = line.partition(b":")
            name = _field_name(written) if colon and len(written) <= _NAME_LENGTH else b""
            if not name:
                junk += line.count(b"\n") + 1
                continue
            junk = 0
            if name in fields:
                fields[name].append(value)
            else:
                fields[name] = [value]
        # Lines after the last field that are no fields: the body, its blank line missing.
        self.junk_at_end = junk

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: bytes) -> bool:
        return name in self._fields

    def raw(self, name: bytes) -> bytes:
        """The first value of a field, its lines still folded, or b""."""
        values = self._fields.get(name)
        return values[0] if values else b""

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a field, raw."""
        return self._fields.get(name, [])

    def text(self, name: bytes, limit: int = 1000) -> str:
        """The first value of a field, decoded to one safe line of at most `limit` characters."""
        return decode(self.raw(name), self.charset)[:limit]

    def addresses(self, name: bytes) -> tuple[Address, ...]:
        """The mailboxes of all fields of this name, at most ADDRESS_LIMIT; the last is MORE where some are left out."""
        found: list[Address] = []
        for value in self._fields.get(name, ()):
            found += read_addresses(value, self.charset)
        return tuple(_bounded(found))


def one_line(text: str) -> str:
    """Text as one line without controls and without marks that turn the reading direction."""
    text = " ".join(text.split())
    return text if text.isprintable() else _NOT_SHOWN.sub("", text)


def decode(value: bytes, charset: str = "") -> str:
    """
    A header value as one safe line (RFC 2047), raw 8-bit bytes read as UTF-8, else as `charset`, else
    Windows-1252.

    An encoded word in an unknown charset is decoded as well as can be; one whose base64 is broken stays as it
    came.
    """
    if not value:
        return ""
    value = value[:FIELD_LIMIT]
    if b"=?" not in value:
        return one_line(_plain(value, charset))
    pieces: list[str] = []
    label, pending = "", b""  # neighbours in one charset may share a character: decode them together
    position = 0
    for match in _WORD.finditer(value):
        word = _word_bytes(match[2], match[3])
        if word is None:
            continue
        between = value[position : match.start()]
        name = (
            match[1].decode("ascii", "replace").partition("*")[0].lower()
        )  # RFC 2231, 5: a language may follow
        if between.strip() or name != label:
            pieces.append(to_text(pending, label))
            pending = b""
        if between.strip() or not position:
            pieces.append(_plain(between, charset))
        label, pending, position = name, pending + word, match.end()
    pieces += [to_text(pending, label), _plain(value[position:], charset)]
    return one_line("".join(pieces))


def _plain(value: bytes, charset: str) -> str:
    if value.isascii():
        return safe(value.decode("ascii"))
    try:
        return safe(value.decode("utf-8"))
    except UnicodeDecodeError:
        return to_text(value, charset)


def _word_bytes(encoding: bytes, text: bytes) -> bytes | None:
    if encoding in b"qQ":
        return binascii.a2b_qp(text, header=True)
    text = text.rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return None


def read_addresses(value: bytes, charset: str = "") -> list[Address]:
    """
    The mailboxes of an address field (RFC 5322, 3.4), groups flattened, at most ADDRESS_LIMIT (see MORE).

    Structure is read from the raw bytes and names are decoded afterwards, so that an encoded word that
    decodes to `<somebody@else>` remains part of a name (fault M13). Never raises; nonsense yields nothing.
    """
    value = value[:BLOCK_LIMIT]
    simple = _SIMPLE_MAILBOX.fullmatch(value)
    if simple:
        return [_address(simple[1] or simple[2] or b"", simple[3], charset)]
    found: list[Address] = []
    words: list[bytes] = []  # what stood before the next angle or comma
    comment = b""
    position = 0
    while position < len(value) and len(found) <= ADDRESS_LIMIT:
        token = _TOKEN.match(value, position)
        if token is None:  # cannot happen: every byte starts a token; but a loop must never hang on that
            break
        position = token.end()
        kind = token.lastgroup
        if kind == "comment":
            comment, position = _comment(value, position)
        elif kind == "angle":
            found.append(_address(b"".join(words), token["angle"], charset))
            words, comment = [], b""
        elif kind == "mark":
            if token["mark"] == b":":
                words = []  # it was the name of a group
            elif token["mark"] in b",;":
                found += _bare(words, comment, charset)
                words, comment = [], b""
        else:
            is_local_part = kind == "quoted" and value[position : position + 1] == b"@"
            words.append(
                _ESCAPED.sub(rb"\1", token["quoted"]) if kind == "quoted" and not is_local_part else token[0]
            )
    found += _bare(words, comment, charset)
    return _bounded([each for each in found if each.name or each.address])


def _bounded(found: list[Address]) -> list[Address]:
    return found if len(found) <= ADDRESS_LIMIT else [*found[: ADDRESS_LIMIT - 1], MORE]


def _comment(value: bytes, position: int) -> tuple[bytes, int]:
    """The text of a comment whose bracket was just read, and its end; they nest (RFC 5322, 3.2.2)."""
    start, depth = position, 1
    while depth:
        step = _COMMENT_STEP.match(value, position)
        if step is None:
            return value[start:], len(value)
        position = step.end()
        depth += 1 if step[1] == b"(" else -1
    return value[start : position - 1], position


def _bare(words: list[bytes], comment: bytes, charset: str) -> list[Address]:
    """`user@host (Name)`, or words that name nobody's address."""
    text = b"".join(words).strip()
    if b"@" in text and b"=?" not in text:
        before, _, address = (b"", b"", text) if text.startswith(b'"') else text.rpartition(b" ")
        return [_address(comment or before, address, charset)] if b"@" in address else []
    name = decode(text or comment, charset)[:NAME_LIMIT]
    return [Address(name, "")] if name else []


def _address(name: bytes, address: bytes, charset: str) -> Address:
    if address[:1] == b"@" and b":" in address:  # RFC 5322, 4.4: an obsolete route before the address
        address = address.partition(b":")[2]
    clean = one_line(_plain(address, charset))
    if '"' not in clean:
        clean = clean.replace(" ", "")
    return Address(decode(name, charset)[:NAME_LIMIT], clean[:ADDRESS_LENGTH] if "@" in clean else "")


def read_ids(value: bytes, limit: int = REFERENCES_LIMIT) -> tuple[str, ...]:
    """Message ids with their angles (RFC 5322, 3.6.4); of too many the first and last (fault M15)."""
    if not value:
        return ()
    value = value[: 4 * FIELD_LIMIT]
    ids = _ANGLED.findall(value) if b"<" in value else value.split()
    if len(ids) > limit:
        ids = ids[:1] + ids[len(ids) - limit + 1 :]
    return tuple(f"<{one_line(to_text(each))}>"[:ID_LIMIT] for each in ids if each)


def read_date(text: str) -> datetime | None:
    """The instant a Date field names (RFC 5322, 3.3), in UTC, or None when it names none."""
    match = _DATE.match(text)
    try:
        if match:
            day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
            offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
            zone = timezone(-offset if sign == "-" else offset)
            month_number = _MONTHS.index(month.lower()) + 1
            second_number = min(int(second or 0), 59)  # a leap second is none to Python
            moment = datetime(
                int(year), month_number, int(day), int(hour), int(minute), second_number, tzinfo=zone
            )
            return moment.astimezone(UTC)
        parts = parsedate_tz(text[:100])
        if parts is None:
            return None
        seconds = parts[9]
        if not seconds:
            words = text[:100].replace("(", " ").replace(")", " ").split()
            seconds = next((_ZONES[word] * 3600 for word in words if word in _ZONES), 0)
        moment = datetime(*parts[:5], min(parts[5], 59), tzinfo=UTC)
        return moment - timedelta(seconds=seconds)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
