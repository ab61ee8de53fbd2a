"""The parts of a message (RFC 2046): found by offset, decoded only when asked for, bounded in number."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from mailbox.mime.charsets import codec_for, to_text
from mailbox.mime.headers import BLOCK_LIMIT, FIELDS_LIMIT, Headers, decode, one_line
from mailbox.mime.spooled_message import Raw

DEPTH_LIMIT = 64
PARTS_LIMIT = 2000
PART_FIELDS_LIMIT = 200  # fields of one part's header that are told apart
# Bytes searched for boundaries, all multiparts together: eight times the message, and what a small one may need.
_SCANS, _FREE_SCAN = 8, 32 * 1024 * 1024
FILENAME_BYTES = 255
_COMMON_LENGTH = 50
_VALUE_LIMIT = 8 * 1024  # bytes of a Content-Type or Content-Disposition that are read
_PARAMETERS_LIMIT = 64
_PARAMETER_LIMIT = 2 * 1024
_PREAMBLE_LIMIT = 4 * 1024  # bytes before the first boundary that are looked at when it has to be guessed
_LINE_LIMIT = 80  # bytes behind a delimiter: white space (RFC 2046, 5.1.1), and "--" in old mail
_HEAD = 4 * 1024  # most headers are shorter
_CANDIDATES_LIMIT = 20_000  # lines of one multipart that begin like its delimiter

_BLANK_LINE = re.compile(rb"\n\r?\n")
_TYPE = re.compile(rb"\s*([!#$&^_.+\w-]{1,60}/[!#$&^_.+\w-]{1,60})")
# Possessive, and the closing quote optional, so that no value is read twice.
_PARAMETER = re.compile(rb';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"?|([^;]*+))', re.S)
_ESCAPED = re.compile(rb"\\(.)", re.S)
_CONTINUED = re.compile(rb"(.+?)\*(\d{1,3})(\*?)$|(.+)\*$", re.S)
_GUESSED_BOUNDARY = re.compile(rb"\s*--([^\s][^\r\n]{0,69}?)[ \t]*\r?\n")
_NOT_BASE64 = bytes(
    byte for byte in range(256) if not (chr(byte).isalnum() and byte < 128) and byte not in b"+/"
)
_BASE64_END = re.compile(rb"=[=\s]*")
_UU_BEGIN = re.compile(rb"(?:^|\r?\n)begin (?:0?[0-7]{3}) ([^\r\n]{1,255})\r?\n")
_UU_END = re.compile(rb"\n(?:[ `]\r?\n)?end[ \t]*(?=\r?\n|$)")


@dataclass(slots=True)
class Part:
    """One leaf of the tree: where its body lies in the message, and what its header says of it."""

    headers: Headers
    content_type: str
    parameters: Mapping[str, bytes]
    start: int
    end: int
    # The outermost multipart/alternative it is in (its number), so that the renderings of one text can be
    # told from texts that follow each other; 0 for none.
    alternative: int = 0
    is_related: bool = False
    content: bytes | None = field(default=None, repr=False)  # only for files cut from a text (uuencode)
    given_name: str = ""
    disposition: str = ""
    disposition_parameters: dict[str, bytes] = field(default_factory=dict)

    @property
    def charset(self) -> str:
        """The declared charset, as the mail spells it."""
        return self.parameters.get("charset", b"").decode("ascii", "replace")

    @property
    def content_id(self) -> str:
        """Content-ID without its angles (RFC 2392), or ""."""
        value = self.headers.raw(b"content-id")
        return one_line(to_text(value)).strip("<> ")[:300] if value else ""

    @property
    def filename(self) -> str:
        """The name its sender gave it, made safe to show (fault M11), or ""."""
        if self.given_name:
            return self.given_name
        for value in (self.disposition_parameters.get("filename"), self.parameters.get("name")):
            if value:
                return clean_filename(decode(value, self.headers.charset))
        return ""


def split(raw: Raw) -> tuple[Headers, list[Part]]:
    """
    The header of the message and its leaves in the order of the message.

    The same bytes always give the same list: an attachment's position is its place in it. A multipart below
    DEPTH_LIMIT is one leaf (fault M8), parts beyond PARTS_LIMIT are left out (fault M9), an embedded message
    is a leaf. Linear in the message's size for any nesting: multiparts to be searched beyond that are leaves.
    """
    headers, body = read_headers(raw, 0, len(raw))
    leaves: list[Part] = []
    alternatives = visited = 0
    top = _part(headers, body, len(raw), "text/plain")
    headers.charset = codec_for(top.charset)
    pending = [(top, 0)]
    room = _SCANS * len(raw) + _FREE_SCAN
    while pending and len(leaves) < PARTS_LIMIT and visited < 2 * PARTS_LIMIT:
        part, depth = pending.pop()
        visited += 1
        if not part.content_type.startswith("multipart/") or depth >= DEPTH_LIMIT or room < 0:
            leaves.append(part)
            continue
        room -= part.end - part.start
        spans = _spans(raw, part)
        if not spans:
            part.content_type = "text/plain"
            leaves.append(part)
            continue
        is_alternative = part.content_type == "multipart/alternative"
        if is_alternative and not part.alternative:
            alternatives += 1
            part.alternative = alternatives
        default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
        children = []
        for start, end in spans:
            child_headers, child_body = read_headers(raw, start, end, PART_FIELDS_LIMIT)
            child_headers.charset = headers.charset
            child = _part(child_headers, child_body, end, default)
            child.alternative = part.alternative
            child.is_related = part.content_type == "multipart/related"
            children.append((child, depth + 1))
        pending.extend(reversed(children))
    return headers, leaves


def read_headers(raw: Raw, start: int, end: int, limit: int = FIELDS_LIMIT) -> tuple[Headers, int]:
    """The header block that starts at `start`, and where the body after it begins."""
    if raw[start : min(end, start + 2)].startswith((b"\r\n", b"\n")):
        return Headers(b""), start + (2 if raw[start : start + 1] == b"\r" else 1)
    blank, body = _blank_line(raw, start, end)
    block = raw[start : min(blank, start + BLOCK_LIMIT)]
    headers = Headers(block, limit)
    if not len(headers):
        return headers, start
    if headers.junk_at_end and len(block) < BLOCK_LIMIT:
        # The blank line is missing, or stands later, inside the text: what is no field begins the body.
        return headers, _line_start(raw, start, block.count(b"\n") + 1 - headers.junk_at_end)
    return headers, body


def _blank_line(raw: Raw, start: int, end: int) -> tuple[int, int]:
    """Where the blank line that ends a header begins and ends; `end` twice when there is none."""
    for size in (_HEAD, BLOCK_LIMIT):
        blank = _BLANK_LINE.search(raw[start : min(end, start + size)])
        if blank:
            return start + blank.start(), start + blank.end()
        if start + size >= end:
            return end, end
    found = [(raw.find(line, start + BLOCK_LIMIT - 2, end), len(line)) for line in (b"\n\n", b"\n\r\n")]
    return min(((at, at + size) for at, size in found if at >= 0), default=(end, end))


def _line_start(raw: Raw, position: int, lines: int) -> int:
    for _ in range(lines):
        position = raw.find(b"\n", position, len(raw)) + 1
    return position


def _part(headers: Headers, start: int, end: int, default: str) -> Part:
    value = headers.raw(b"content-type")
    content_type, parameters = read_type(value) if value else (default, {})
    part = Part(headers, content_type, parameters, start, end)
    value = headers.raw(b"content-disposition")
    if value:
        part.disposition = value[:100].partition(b";")[0].strip().lower().decode("ascii", "replace")
        part.disposition_parameters = read_parameters(value)
    return part


def read_type(value: bytes) -> tuple[str, Mapping[str, bytes]]:
    """The type in lower case, and its parameters; nonsense counts as text (RFC 2045, 5.2)."""
    return _common_type(value) if len(value) <= _COMMON_LENGTH else _read_type(value)


def _read_type(value: bytes) -> tuple[str, Mapping[str, bytes]]:
    found = _TYPE.match(value)
    content_type = found[1].decode("ascii", "replace").lower() if found else "text/plain"
    if len(content_type) > 100 or not content_type.isascii():
        content_type = "application/octet-stream"
    return content_type, read_parameters(value)


# Those without boundary or name are the same few dozen in nearly all mail.
_common_type = lru_cache(maxsize=1024)(_read_type)


def read_parameters(value: bytes) -> dict[str, bytes]:
    """
    Parameters by lower-case name, RFC 2231 continuations joined and escapes undone.

    A value in a declared charset (`name*=koi8-r''…`) comes back as UTF-8.
    """
    if b";" not in value:
        return {}
    plain: dict[str, bytes] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(value[:_VALUE_LIMIT])):
        if count == _PARAMETERS_LIMIT:
            break
        name = match[1].lower()
        content = match[3].strip() if match[2] is None else match[2]
        content = content[:_PARAMETER_LIMIT]
        if match[2] is not None and b"\\" in content:
            content = _ESCAPED.sub(rb"\1", content)
        continued = _CONTINUED.match(name) if b"*" in name else None
        if continued is None:
            plain.setdefault(name.decode("ascii", "replace"), content)
            continue
        base = (continued[1] or continued[4]).decode("ascii", "replace")
        is_escaped = continued[1] is None or bool(continued[3])
        pieces.setdefault(base, {}).setdefault(int(continued[2] or 0), (content, is_escaped))
    for base, numbered in pieces.items():
        plain[base] = _joined(numbered)
    return plain


def _joined(numbered: dict[int, tuple[bytes, bool]]) -> bytes:
    """The pieces of an RFC 2231 value: the first names the charset, only escaped ones are unquoted."""
    charset = ""
    whole = b""
    for number, (content, is_escaped) in sorted(numbered.items()):
        if is_escaped and number == 0 and content.count(b"'") >= 2:
            label, _, rest = content.split(b"'", 2)
            charset, content = label.decode("ascii", "replace"), rest
        whole += _unquoted(content) if is_escaped else content
    return to_text(whole, charset).encode("utf-8")


def _unquoted(content: bytes) -> bytes:
    head, *escapes = content.split(b"%")
    pieces = [head]
    for escape in escapes:
        try:
            pieces.append(bytes([int(escape[:2], 16)]) + escape[2:])
        except ValueError:
            pieces.append(b"%" + escape)
    return b"".join(pieces)


def clean_filename(name: str) -> str:
    """A name to show and to save under: no folders, no controls, no direction marks, at most 255 bytes."""
    name = one_line(name).replace("\\", "/").rpartition("/")[2].strip().lstrip(".").strip(' "')
    name = "".join("_" if letter in '<>:"|?*' else letter for letter in name)
    if len(name.encode("utf-8")) <= FILENAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = f".{ending}" if dot and len(ending) <= 10 else ""
    room = FILENAME_BYTES - len(ending.encode("utf-8"))
    return (stem if ending else name).encode("utf-8")[:room].decode("utf-8", "ignore") + ending


def _spans(raw: Raw, part: Part) -> list[tuple[int, int]]:
    """Where the children of a multipart lie; a missing or wrong boundary is guessed (fault M10)."""
    boundary = part.parameters.get("boundary", b"").rstrip()
    spans = _between(raw, part.start, part.end, b"--" + boundary) if boundary else []
    if not spans:
        guess = _GUESSED_BOUNDARY.match(raw[part.start : min(part.end, part.start + _PREAMBLE_LIMIT)])
        spans = _between(raw, part.start, part.end, b"--" + guess[1]) if guess else []
    return spans


def _between(raw: Raw, start: int, end: int, delimiter: bytes) -> list[tuple[int, int]]:
    """
    The spans between the lines that are the delimiter (RFC 2046, 5.1.1).

    The whole line must agree: a boundary is often the beginning of the boundary of a nested multipart.
    A missing closing delimiter ends the last part at the end.
    """
    spans: list[tuple[int, int]] = []
    opened = -1
    delimiter = b"\n" + delimiter  # the line end before the first one is the header's last
    position = raw.find(delimiter, max(start - 1, 0), end)
    for _ in range(_CANDIDATES_LIMIT):
        if position < 0 or len(spans) == PARTS_LIMIT:
            break
        after = position + len(delimiter)
        line_end = raw.find(b"\n", after, min(after + _LINE_LIMIT, end))
        rest = raw[after : min(after + _LINE_LIMIT + 1, end) if line_end < 0 else line_end]
        if len(rest) <= _LINE_LIMIT and rest.rstrip() in (b"", b"--"):
            if opened >= 0:
                spans.append((opened, max(opened, position - (raw[position - 1 : position] == b"\r"))))
            opened = -1 if rest.rstrip() or line_end < 0 else line_end + 1
            if opened < 0:
                break
        # One before: the line end after a delimiter is also the one before the next.
        position = raw.find(delimiter, after if line_end < 0 else line_end, end)
    if opened >= 0 and len(spans) < PARTS_LIMIT:
        spans.append((opened, end))
    return spans


def content_of(raw: Raw, part: Part, limit: int | None = None) -> bytes:
    """
    The decoded bytes of a leaf, at most about `limit` of them; broken encodings give what can be had (fault
    M10).

    `limit` counts encoded bytes.
    """
    if part.content is not None:
        return part.content
    data = raw[part.start : part.end if limit is None else min(part.end, part.start + limit)]
    encoding = encoding_of(part)
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return decode_uu(after_uu_begin(data))
    return data


def after_uu_begin(data: bytes) -> bytes:
    """What is behind the line that begins a uuencoded file; all of it when there is none."""
    found = _UU_BEGIN.search(data)
    return data[found.end() if found else 0 :]


def encoding_of(part: Part) -> str:
    """The Content-Transfer-Encoding in lower case, without what does not belong there."""
    value = part.headers.raw(b"content-transfer-encoding")
    return value[:100].strip().strip(b"\"';").lower().decode("ascii", "replace") if value else ""


def decode_base64(data: bytes) -> bytes:
    """Base64 (RFC 2045, 6.8): junk between is skipped, half a group at the end is given up."""
    end = _BASE64_END.search(data)
    if end is not None and end.end() < len(data):
        return _decode_base64_pieces(data)
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        letters = data.translate(None, _NOT_BASE64)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _decode_base64_pieces(data: bytes) -> bytes:
    """Padding in the middle: some encoders pad every line, some lists write a footer behind (dropped)."""
    whole: list[bytes] = []
    for piece in _BASE64_END.split(data):
        letters = piece.translate(None, b" \t\r\n")
        if letters.translate(None, _NOT_BASE64) != letters or len(letters) % 4 == 1:
            if not whole:
                letters = letters.translate(None, _NOT_BASE64)
                letters = letters[: len(letters) - (len(letters) % 4 == 1)]
                whole.append(binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)))
            break
        whole.append(binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)))
    return b"".join(whole)


def decode_uu(data: bytes) -> bytes:
    """The lines of a uuencoded file up to its end; a broken line is left out."""
    whole = []
    for line in data.splitlines():
        if line in (b"end", b"`", b" ") or not line:
            break
        letters = (((line[0] - 32) & 63) * 4 + 5) // 3  # some encoders write a checksum behind them
        try:
            whole.append(binascii.a2b_uu(line[: letters + 1]))
        except binascii.Error:
            continue
    return b"".join(whole)


def cut_uuencoded(text: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Files carried in the middle of a text (begin 644 name … end): the text without them, and the files."""
    files: list[tuple[str, bytes]] = []
    kept = []
    position = 0
    while begin := _UU_BEGIN.search(text, position):
        end = _UU_END.search(text, begin.end() - 1)
        if end is None or len(files) == 100:
            break
        kept.append(text[position : begin.start()])
        files.append((clean_filename(to_text(begin[1])), decode_uu(text[begin.end() : end.start() + 1])))
        position = end.end()
    kept.append(text[position:])
    return b"".join(kept), files


def decoded_size(raw: Raw, part: Part) -> int:
    """The bytes a leaf decodes to, without decoding: exact for base64 in lines of one length, else close."""
    if part.content is not None:
        return len(part.content)
    size = part.end - part.start
    if encoding_of(part) != "base64" or not size:
        return size
    tail = raw[max(part.start, part.end - 100) : part.end]
    padding = tail.rstrip()
    size -= len(tail) - len(padding)
    line_end = raw.find(b"\n", part.start, part.end)
    line = line_end + 1 - part.start if line_end >= 0 else size + 1
    letters_in_line = line - (2 if raw[line_end - 1 : line_end] == b"\r" else 1)
    full_lines, rest = divmod(size, line)
    letters = full_lines * letters_in_line + min(rest, letters_in_line if line_end >= 0 else rest)
    return max(0, letters // 4 * 3 - padding[-2:].count(b"="))
