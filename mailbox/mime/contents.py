"""The decoded bytes of a leaf piece by piece, so that a file of a hundred megabytes is never held (RFC 2045)."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from mailbox.mime.spooled_message import WINDOW, Raw
from mailbox.mime.structure import Part, after_uu_begin, content_of, decode_uu, encoding_of

# Encoded bytes that are decoded in one go, with all the patience that broken encodings need.
WHOLE_LIMIT = 4 * WINDOW
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_LETTERS) - set(b"="))
_TEXT_LINE = 1000  # RFC 5322, 2.1.1: no line is longer, and writers of quoted-printable keep to 76


def decoded_pieces(raw: Raw, part: Part) -> Iterator[bytes]:
    """What `structure.content_of` gives, in pieces of at most about `WHOLE_LIMIT` bytes.

    A large leaf in a broken encoding may give less than it would in one go: base64 ends at its first padding.
    """
    if part.content is not None or part.end - part.start <= WHOLE_LIMIT:
        yield content_of(raw, part)
        return
    encoding = encoding_of(part)
    if encoding == "base64":
        yield from _base64(raw, part.start, part.end)
    elif encoding == "quoted-printable":
        yield from map(binascii.a2b_qp, _lines(raw, part.start, part.end))
    elif encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        yield from _uuencoded(raw, part.start, part.end)
    else:
        for start in range(part.start, part.end, WINDOW):
            yield raw[start : min(start + WINDOW, part.end)]


def _base64(raw: Raw, start: int, end: int) -> Iterator[bytes]:
    kept = b""
    for position in range(start, end, WINDOW):
        found = raw[position : min(position + WINDOW, end)].translate(None, _NOT_BASE64)
        letters, padding, _rest = found.partition(b"=")
        letters = kept + letters
        whole = len(letters) // 4 * 4
        yield binascii.a2b_base64(letters[:whole])
        kept = letters[whole:]
        if padding:
            break
    if len(kept) > 1:
        yield binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def _lines(raw: Raw, start: int, end: int) -> Iterator[bytes]:
    """Windows that end behind a line end, or, where a line is endless, at least before an escape."""
    while start < end:
        data = raw[start : min(start + WINDOW, end)]
        if start + len(data) < end:
            cut = data.rfind(b"\n", max(0, len(data) - _TEXT_LINE)) + 1
            escape = data.rfind(b"=", len(data) - 2)
            data = data[: cut or (escape if escape > 0 else len(data))]
        yield data
        start += len(data)


def _uuencoded(raw: Raw, start: int, end: int) -> Iterator[bytes]:
    for data in _lines(raw, start, end):
        yield decode_uu(after_uu_begin(data))
        if b"\nend" in data:
            return
