"""Header fields written from what people typed: encoded, folded, and safe from what would be a second field.

The standard library's own writer is not used. What it makes of names with commas and of long values differs
between Python releases, and a message that is sent again must be the same bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from mailbox.mime.headers import Address
from sending.message.addresses import AddressError, for_sending

LINE: Final = 78  # RFC 5322, 2.1.1: should; 998 is must
ENCODED_LINE: Final = 76  # with an encoded word (RFC 2047, 2)
ENCODED_WORD: Final = 75
_LONGEST_WORD: Final = 300  # beyond this a word is encoded, which cuts it
_PHRASE_LIMIT: Final = 60
_CHARSET: Final = "utf-8''"  # and no language

# Tab and what Python takes for space are made one space; the rest would be a second field, or nothing at all.
_UNSAFE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+")
_ID: Final = re.compile(r"<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>")
_CONTENT_ID: Final = re.compile(r"[!-;=?-~]{1,300}")
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
# What stands for itself in an encoded word within a phrase (RFC 2047, 5 (3)) and in a parameter (RFC 2231, 7).
_Q_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_PARAMETER_SAFE: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~"
)


class ComposeError(ValueError):
    """Something that cannot be put in a message. `field` says where, `why` what: unsafe, address, id, name.

    The text itself is in neither str() nor repr().
    """

    def __init__(self, field: str, why: str = "unsafe") -> None:
        super().__init__(field, why)
        self.field = field
        self.why = why


def clean(text: str, field: str) -> str:
    """Text as one line, its runs of white space made one space. Raises ComposeError for line breaks and controls.

    They are refused rather than dropped: whoever sent them meant something else than a person types.
    """
    if _UNSAFE.search(text):
        raise ComposeError(field)
    return " ".join(text.split())


def message_id(value: str, field: str) -> str:
    """A message id with its angles, as it came. Raises ComposeError for what is none (RFC 5322, 3.6.4)."""
    if not _ID.fullmatch(value):
        raise ComposeError(field, "id")
    return value


def content_id(value: str, field: str) -> str:
    """What pictures are called in HTML (RFC 2392), with angles; many programs leave the @ out. Raises ComposeError."""
    if not _CONTENT_ID.fullmatch(value):
        raise ComposeError(field, "id")
    return f"<{value}>"


def address(value: str, field: str) -> str:
    """An address as it is written in a header. Raises ComposeError."""
    clean(value, field)
    try:
        return for_sending(value)
    except AddressError:
        raise ComposeError(field, "address") from None


# ── Fields ──────────────────────────────────────────────────────────────────


def unstructured(name: str, text: str, field: str = "") -> bytes:
    """A field of free text, such as Subject."""
    if not _FIELD_NAME.fullmatch(name):
        raise ComposeError(field or name, "name")
    text = clean(text, field or name)
    words = text.split(" ")
    if _stands_for_itself(text) and max(map(len, words)) <= _LONGEST_WORD:
        return _folded(name, words, LINE)
    return _folded(name, encoded_words(text, ENCODED_LINE - len(name) - 2), ENCODED_LINE)


def tokens(name: str, words: Sequence[str]) -> bytes:
    """A field of words that need no encoding, such as References."""
    return _folded(name, words, LINE)


def mailboxes(name: str, people: Iterable[Address], field: str) -> bytes:
    """A field of addresses (RFC 5322, 3.4)."""
    written: list[str] = []
    for person in people:
        if written:
            written[-1] += ","
        written += _mailbox(person, field)
    return _folded(name, written, LINE)


def parameters(name: str, value: str, given: Mapping[str, str], field: str) -> bytes:
    """A field such as Content-Type: a value in plain letters, and parameters (RFC 2045, 5.1; RFC 2231)."""
    written = [value]
    for key, text in given.items():
        for piece in _parameter(key, clean(text, field)):
            written[-1] += ";"
            written.append(piece)
    return _folded(name, written, LINE)


def _folded(name: str, words: Sequence[str], limit: int) -> bytes:
    lines = [f"{name}: {words[0]}" if words and words[0] else f"{name}:"]
    for word in words[1:]:
        if len(lines[-1].encode()) + 1 + len(word.encode()) > limit:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines).encode() + b"\r\n"


# ── Pieces ──────────────────────────────────────────────────────────────────


def _stands_for_itself(text: str) -> bool:
    # "=?" would be read as the beginning of an encoded word.
    return text.isascii() and "=?" not in text


def _is_simple(text: str) -> bool:
    """Whether it may stand between quotes: escapes there are read in too many ways."""
    return _stands_for_itself(text) and len(text) <= _PHRASE_LIMIT and '"' not in text and "\\" not in text


def _mailbox(person: Address, field: str) -> list[str]:
    where = address(person.address, field)
    name = clean(person.name, field)
    if not name:
        return [where]
    return [*_phrase(name), f"<{where}>"]


def _phrase(name: str) -> list[str]:
    if not _is_simple(name):
        return encoded_words(name, _PHRASE_LIMIT)
    words = name.split(" ")
    return words if all(_ATOM.fullmatch(word) for word in words) else [f'"{name}"']


def encoded_words(text: str, first: int, following: int = ENCODED_WORD) -> list[str]:
    """Text as encoded words in UTF-8, Q or B by which is shorter, none with half a character (RFC 2047).

    `first` is the room for the first one; all of them are at most ENCODED_WORD long.
    """
    data = text.encode()
    by_q = sum(map(len, map(_q, text))) <= len(data) * 4 / 3
    words: list[str] = []
    chunk, size = "", 0
    for char in text:
        room = min(following if words else first, ENCODED_WORD) - len("=?utf-8?q??=")
        more = len(_q(char)) if by_q else len(char.encode())
        if chunk and (size + more > room if by_q else (size + more + 2) // 3 * 4 > room):
            words.append(_encoded_word(chunk, by_q))
            chunk, size = "", 0
        chunk, size = chunk + char, size + more
    words.append(_encoded_word(chunk, by_q))
    return words


def _encoded_word(chunk: str, by_q: bool) -> str:
    if by_q:
        return f"=?utf-8?q?{''.join(map(_q, chunk))}?="
    return f"=?utf-8?b?{b64encode(chunk.encode()).decode('ascii')}?="


def _q(char: str) -> str:
    if char == " ":
        return "_"
    return "".join(chr(byte) if byte in _Q_SAFE else f"={byte:02X}" for byte in char.encode())


def _parameter(name: str, text: str) -> Iterator[str]:
    if _is_simple(text):
        yield f"{name}={text}" if _TOKEN.fullmatch(text) else f'{name}="{text}"'
        return
    units = [chr(byte) if byte in _PARAMETER_SAFE else f"%{byte:02X}" for byte in text.encode()]
    sections = list(_sections(units, LINE - len(f" {name}*99*={_CHARSET};")))
    if len(sections) == 1:
        yield f"{name}*={_CHARSET}{sections[0]}"
        return
    for number, section in enumerate(sections):
        yield f"{name}*{number}*={'' if number else _CHARSET}{section}"


def _sections(units: Sequence[str], room: int) -> Iterator[str]:
    section = ""
    for unit in units:
        if len(section) + len(unit) > room:
            yield section
            section = ""
        section += unit
    yield section
