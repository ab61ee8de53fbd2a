"""Letters with several parts, written out byte by byte."""

from __future__ import annotations

import base64

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def part(content_type: str, content: bytes, *, headers: str = "") -> bytes:
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return (
        f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: base64\r\n{headers}\r\n".encode()
        + encoded
    )


def attached(content_type: str, name: str, content: bytes) -> bytes:
    return part(content_type, content, headers=f'Content-Disposition: attachment; filename="{name}"\r\n')


def embedded(content_type: str, content_id: str, content: bytes) -> bytes:
    return part(
        content_type, content, headers=f"Content-ID: <{content_id}>\r\nContent-Disposition: inline\r\n"
    )


def multipart(*parts: bytes, kind: str = "mixed", subject: str = "Several parts", headers: str = "") -> bytes:
    head = (
        f"From: Marta Lindqvist <marta@mail.example>\r\n"
        f"To: Alice <alice@post.example>, Tom <tom@mail.example>\r\nCc: Bea <bea@mail.example>\r\n"
        f"Subject: {subject}\r\nDate: Mon, 23 Nov 2026 09:42:00 +0000\r\n{headers}"
        f'MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary="=b="\r\n\r\n'
    )
    return (
        head.encode()
        + b"".join(b"--=b=\r\n" + each.rstrip(b"\r\n") + b"\r\n" for each in parts)
        + b"--=b=--\r\n"
    )


def html(source: str) -> bytes:
    return part("text/html; charset=utf-8", source.encode())


def text(words: str) -> bytes:
    return part("text/plain; charset=utf-8", words.encode())
