"""The pieces of a leaf together are its content."""

from __future__ import annotations

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbox.mime import contents
from mailbox.mime.structure import content_of, split


def leaf(encoding: str, body: bytes):
    raw = f"Content-Type: application/x\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    return raw, split(raw)[1][0]


def uuencoded(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[start : start + 45]) for start in range(0, len(data), 45)]
    return b"begin 644 x\n" + b"".join(lines) + b"`\nend\n"


WRITERS = {
    "base64": lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n"),
    "quoted-printable": lambda data: quopri.encodestring(data).replace(b"\n", b"\r\n"),
    "x-uuencode": uuencoded,
    "binary": lambda data: data,
}


@pytest.mark.parametrize("encoding", WRITERS)
@pytest.mark.parametrize("window", [61, 64, 200, 1000])
@given(data=st.binary(max_size=600))
def test_pieces_are_the_content(encoding, window, data):
    raw, part = leaf(encoding, WRITERS[encoding](data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "WHOLE_LIMIT", 0)
        patch.setattr(contents, "WINDOW", window)
        patch.setattr(contents, "_TEXT_LINE", 80)
        pieces = list(contents.decoded_pieces(raw, part))
    assert b"".join(pieces) == content_of(raw, part)
    assert all(len(piece) <= window for piece in pieces)


@pytest.mark.parametrize("window", [3, 7, 64])
def test_an_endless_line_is_not_cut_within_an_escape(monkeypatch, window):
    monkeypatch.setattr(contents, "WHOLE_LIMIT", 0)
    monkeypatch.setattr(contents, "WINDOW", window)
    raw, part = leaf("quoted-printable", b"=41=42c=44" * 30)
    assert b"".join(contents.decoded_pieces(raw, part)) == b"ABcD" * 30


def test_junk_between_letters_is_skipped(monkeypatch):
    monkeypatch.setattr(contents, "WHOLE_LIMIT", 0)
    monkeypatch.setattr(contents, "WINDOW", 5)
    raw, part = leaf("base64", b"aGVs!\r\nbG8*gd29ybGQ=\r\n-- \r\nfooter")
    assert b"".join(contents.decoded_pieces(raw, part)) == b"hello world" == content_of(raw, part)
