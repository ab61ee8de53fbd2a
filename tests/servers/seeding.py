"""Mail for tests and benchmarks: the same arguments give the same bytes.

Sizes are log-normal (median 6 KB, mean about 40 KB, at most 5 MB), as mailboxes are; one message in ten is not ASCII,
and lines that begin with a dot occur.
"""

from __future__ import annotations

import base64
import math
import random
import statistics
import time
from collections.abc import Iterator
from email.header import Header
from itertools import cycle

WORDS = (
    "invoice meeting project report delivery order account update please review attached schedule "
    "customer payment contract question answer regarding tomorrow budget draft version request number "
    "office travel ticket support service product quality shipping address the of and to in a is that for "
    "it as was with be by on not"
).split()
NAMES = (
    "Alice Example",
    "Bob Müller",
    "Chloé Dupont",
    "Дмитрий Иванов",
    "Eva Nováková",
    "山田太郎",
    "Frank O'Neil",
)
MEDIAN, SIGMA, LARGEST = 6_000, 1.95, 5_000_000
EPOCH = 1_700_000_000


def sizes(count: int, seed: str = "1") -> list[int]:
    """Message sizes in bytes, in a shuffled order."""
    normal = statistics.NormalDist()
    values = [
        int(min(LARGEST, max(900, MEDIAN * math.exp(SIGMA * normal.inv_cdf((i + 0.5) / count)))))
        for i in range(count)
    ]
    random.Random(f"{seed}/sizes/{count}").shuffle(values)
    return values


def mailbox(count: int, *, seed: str = "1", tiny: bool = False) -> Iterator[bytes]:
    """`count` messages, line ends as in Unix. `tiny`: each about 600 bytes."""
    for number, size in enumerate([600] * count if tiny else sizes(count, seed)):
        yield message(number, size, seed)


def heavy(total: int, largest: int, *, seed: str = "1") -> Iterator[bytes]:
    """Messages of `total` bytes together, and among them, about in the middle, one of `largest` bytes more."""
    left, middle = total, total // 2
    for number, drawn in enumerate(cycle(sizes(1_000, seed))):
        if left <= 0:
            return
        if left <= middle:
            size, middle = largest, -1
        else:
            size = max(900, min(drawn, left))
            left -= size
        yield message(number, size, seed)


def message(number: int, size: int, seed: str = "1") -> bytes:
    """One message of about `size` bytes."""
    rnd = random.Random(f"{seed}/{number}/{size}")
    head = _head(rnd, number, short=size < 900)
    room = max(60, size - len(head))
    if size < 4_000:
        kind = rnd.choice(("us-ascii", "us-ascii", "utf-8"))
        body = _prose(rnd, room) + ("Grüße – 山田\n" if kind == "utf-8" else "")
        return f"{head}Content-Type: text/plain; charset={kind}\nContent-Transfer-Encoding: 8bit\n\n{body}".encode()
    if size < 20_000:
        return f"{head}{_alternative(rnd, room)}".encode()
    boundary = f"=_outer_{rnd.getrandbits(64):016x}"
    text = min(6_000, room // 4)
    parts = [f"--{boundary}\n{_alternative(rnd, text)}"]
    count = rnd.randint(1, 3)
    parts += [f"--{boundary}\n{_attachment(rnd, (room - text) // count)}" for _ in range(count)]
    return (
        f'{head}Content-Type: multipart/mixed;\n boundary="{boundary}"\n\n'
        + "\n".join(parts)
        + f"\n--{boundary}--\n"
    ).encode()


def _head(rnd: random.Random, number: int, *, short: bool) -> str:
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(EPOCH + number * 61))
    subject = _words(rnd, rnd.randint(2, 8)).capitalize() + rnd.choice(
        ("", "", "", " – Größe", " отчёт", " 請求書")
    )
    lines = [f"Return-Path: <bounce+{number}@mail.example>"]
    for hop in range(1 if short else rnd.randint(2, 5)):
        lines.append(
            f"Received: from relay{hop}.example by mx.example with ESMTPS id {rnd.getrandbits(40):010X};\n\t{date}"
        )
    if not short:
        signature = base64.b64encode(rnd.randbytes(256)).decode()
        lines.append(
            "DKIM-Signature: v=1; a=rsa-sha256; d=mail.example; s=s1;\n\tb=" + "\n\t ".join(_cut(signature))
        )
    lines += [
        f"Message-ID: <{number}.{rnd.getrandbits(64):016x}@mail.example>",
        f"Date: {date}",
        f"From: {_encoded(rnd.choice(NAMES))} <sender{rnd.randint(1, 400)}@mail.example>",
        f"To: {_encoded(rnd.choice(NAMES))} <box@mail.example>",
        f"Subject: {_encoded(subject)}",
        "MIME-Version: 1.0",
    ]
    return "\n".join(lines) + "\n"


def _alternative(rnd: random.Random, room: int) -> str:
    boundary = f"=_inner_{rnd.getrandbits(64):016x}"
    html = "<html><body><p>" + _prose(rnd, room // 2).replace("\n", "<br>\n") + "</p></body></html>\n"
    return (
        f'Content-Type: multipart/alternative; boundary="{boundary}"\n\n'
        f"--{boundary}\nContent-Type: text/plain; charset=utf-8\n\n{_prose(rnd, room // 3)}\n"
        f"--{boundary}\nContent-Type: text/html; charset=utf-8\n\n{html}\n--{boundary}--\n"
    )


def _attachment(rnd: random.Random, size: int) -> str:
    name = f"{rnd.choice(WORDS)}-{rnd.randint(1, 999)}"
    kind, ending = rnd.choice((("application/pdf", "pdf"), ("image/jpeg", "jpg"), ("application/zip", "zip")))
    data = base64.encodebytes(rnd.randbytes(max(1, int(size * 0.74)))).decode()
    return (
        f"Content-Type: {kind}\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="{name}.{ending}"\n\n{data}'
    )


def _words(rnd: random.Random, count: int) -> str:
    return " ".join(rnd.choices(WORDS, k=count))


def _prose(rnd: random.Random, size: int) -> str:
    lines, left = [], size
    while left > 0:
        line = _words(rnd, rnd.randint(6, 12))
        if rnd.random() < 0.02:
            line = rnd.choice((".", "..", f".{line}"))
        lines.append(line)
        left -= len(line) + 1
    return "\n".join(lines) + "\n"


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def _cut(text: str, width: int = 70) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]
