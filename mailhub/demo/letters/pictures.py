"""Pictures for the letters: simple scenes painted column by column, with a camera's grain, written as PNG."""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

Colour = tuple[int, int, int]
Gradient = tuple[Colour, Colour]
"""Colours at the top and at the bottom. Each part is at most 247, so that grain cannot overflow a byte."""


@dataclass(frozen=True)
class Box:
    """A filled rectangle; `slope` lowers its upper edge, in pixels a column, away from the middle."""

    left: int
    top: int
    right: int
    bottom: int
    colours: Gradient
    slope: float = 0.0

    def span(self, x: int) -> tuple[int, int]:
        """Return the first row and the row after the last that this shape covers in column `x`."""
        if not self.left <= x < self.right:
            return 0, 0
        return int(self.top + self.slope * abs(x - (self.left + self.right) / 2)), self.bottom


@dataclass(frozen=True)
class Disc:
    """A filled circle."""

    x: int
    y: int
    radius: int
    colours: Gradient

    def span(self, x: int) -> tuple[int, int]:
        """Return the first row and the row after the last that this shape covers in column `x`."""
        half = math.sqrt(max(0, self.radius**2 - (x - self.x) ** 2))
        return int(self.y - half), int(self.y + half)


@dataclass(frozen=True)
class Ridge:
    """Everything below a wavy line around row `top`: hills, a hedge, a shore."""

    top: int
    height: int
    length: float
    phase: float
    colours: Gradient

    def span(self, x: int) -> tuple[int, int]:
        """Return the first row and a row far below the picture."""
        angle = x / self.length + self.phase
        wave = math.sin(angle) + 0.5 * math.sin(2.3 * angle + 1) + 0.22 * math.sin(5.1 * angle + self.phase)
        return int(self.top - self.height * wave / 1.7), 1 << 14


Shape = Box | Disc | Ridge


def paint(width: int, height: int, background: Gradient, shapes: Iterable[Shape], grain: int = 3) -> bytes:
    """Return a PNG of `shapes`, the first ones farthest away. `grain` is the largest noise: 0, 1, 3 or 7."""
    shapes = list(shapes)
    columns = b"".join(_column(x, height, background, shapes) for x in range(width))
    pixels = bytearray(width * height * 3)
    stride = height * 3
    for y in range(height):
        for channel in range(3):
            start = y * width * 3
            pixels[start + channel : start + width * 3 : 3] = columns[y * 3 + channel :: stride]
    return _png(width, height, _grained(bytes(pixels), grain))


def _column(x: int, height: int, background: Gradient, shapes: list[Shape]) -> bytes:
    column = bytearray(_gradient(height, background))
    for shape in shapes:
        first, last = shape.span(x)
        if first < min(last, height) and last > 0:
            # Cut to the picture after the colours are laid, so that a shape half outside keeps its shading.
            colours = _gradient(min(last, height) - first, shape.colours)
            column[max(first, 0) * 3 : min(last, height) * 3] = colours[max(-first, 0) * 3 :]
    return bytes(column)


@lru_cache(maxsize=4096)
def _gradient(length: int, colours: Gradient) -> bytes:
    top, bottom = colours
    step = max(1, length - 1)
    return bytes(top[c] + (bottom[c] - top[c]) * y // step for y in range(length) for c in range(3))


def _grained(pixels: bytes, grain: int) -> bytes:
    """Add noise to each byte, all of them at once as one long number: one by one would take seconds."""
    if not grain:
        return pixels
    noise = int.from_bytes(random.Random(len(pixels)).randbytes(len(pixels))) & int.from_bytes(
        bytes([grain]) * len(pixels)
    )
    return (int.from_bytes(pixels) + noise).to_bytes(len(pixels))


def _png(width: int, height: int, pixels: bytes) -> bytes:
    rows = b"".join(b"\0" + pixels[y * width * 3 : (y + 1) * width * 3] for y in range(height))
    # Level 3: grain cannot be compressed anyway, and higher levels took twice the time for larger files.
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 3)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def plain(colour: Colour) -> Gradient:
    """One colour from top to bottom."""
    return colour, colour


def shed() -> bytes:
    """The allotment's shed, freshly painted green."""
    planks = [
        Box(
            x, 170, x + 22, 372, ((62 + x % 4 * 5, 118 + x % 3 * 6, 92), (40 + x % 4 * 4, 88 + x % 3 * 5, 70))
        )
        for x in range(214, 430, 24)
    ]
    return paint(
        640,
        420,
        ((176, 200, 222), (232, 226, 212)),
        [
            Disc(540, 84, 34, plain((244, 232, 196))),
            Ridge(250, 26, 46, 0.4, ((150, 164, 140), (110, 130, 104))),
            Ridge(300, 18, 30, 2.1, ((104, 122, 84), (84, 100, 66))),
            Box(210, 168, 434, 372, plain((34, 74, 60))),
            *planks,
            Box(196, 116, 448, 178, ((96, 70, 60), (70, 50, 46)), slope=0.34),
            Box(246, 226, 312, 372, ((226, 216, 190), (198, 184, 154))),
            Disc(302, 300, 4, plain((90, 70, 50))),
            Box(344, 216, 406, 276, plain((236, 230, 214))),
            Box(349, 221, 401, 271, ((120, 150, 172), (176, 196, 204))),
            Box(373, 221, 377, 271, plain((236, 230, 214))),
            Ridge(376, 7, 17, 0.9, ((122, 140, 72), (78, 96, 48))),
        ],
    )


def beds() -> bytes:
    """Rows of cabbages in November, the near ones larger."""
    shapes: list[Shape] = [
        Ridge(170, 18, 40, 1.2, ((150, 150, 118), (116, 118, 88))),
        Ridge(186, 5, 90, 0.2, ((124, 92, 68), (96, 70, 52))),
    ]
    for row, y in enumerate((206, 232, 268, 316, 380)):
        size, gap = 6 + row * 5, 30 + row * 21
        shapes.append(
            Ridge(y, 2 + row, 70.0, row * 1.7, ((104 - row * 6, 74 - row * 4, 54 - row * 3), (62, 46, 36)))
        )
        for x in range(gap // 2 - row * 7, 620, gap):
            shapes.append(Disc(x, y + size // 3, size, ((150, 176, 120), (64, 100, 62))))
            shapes.append(Disc(x, y + size // 4, size // 2, ((184, 202, 150), (110, 144, 92))))
    return paint(600, 400, ((204, 210, 216), (240, 232, 220)), shapes)


def hills(width: int = 720, height: int = 440, grain: int = 3) -> bytes:
    """Dawn over ridges, one behind the other."""
    layers = [
        Ridge(
            int(height * (0.42 + n * 0.11)),
            int(height * (0.10 - n * 0.008)),
            width / (6 + n * 2.2),
            n * 1.9,
            (
                (176 - n * 28, 164 - n * 22, 190 - n * 24),
                (140 - n * 22, 136 - n * 18, 170 - n * 22),
            ),
        )
        for n in range(5)
    ]
    sun = Disc(int(width * 0.68), int(height * 0.36), height // 11, ((247, 236, 190), (247, 206, 160)))
    return paint(width, height, ((112, 144, 196), (246, 206, 178)), [sun, *layers], grain)


def shelf() -> bytes:
    """Notebooks standing on a shelf, spine by spine."""
    dyes = [
        (168, 62, 48),
        (34, 74, 104),
        (206, 160, 72),
        (72, 104, 76),
        (228, 214, 186),
        (96, 58, 82),
        (40, 44, 52),
    ]
    spines, x, n = [], 34, 0
    while x < 590:
        broad, tall = 22 + n * 7 % 17, 120 + n * 29 % 52
        red, green, blue = dyes[n * 3 % 7]
        dye = ((red, green, blue), (red * 3 // 4, green * 3 // 4, blue * 3 // 4))
        spines += [
            Box(x, 320 - tall, x + broad, 320, dye),
            Box(x, 344 - tall, x + broad, 348 - tall, plain((236, 226, 202))),
        ]
        x, n = x + broad + 3, n + 1
    board = Box(0, 320, 640, 350, ((150, 112, 76), (112, 80, 52)))
    return paint(640, 400, ((232, 224, 210), (206, 194, 176)), [*spines, board])


def stain() -> bytes:
    """The corner of a notebook that got wet."""
    return paint(
        560,
        400,
        ((112, 92, 74), (84, 68, 54)),
        [
            Box(70, 50, 500, 360, ((240, 232, 212), (228, 218, 194))),
            *[Box(100, 88 + n * 26, 470, 90 + n * 26, plain((200, 206, 210))) for n in range(10)],
            Disc(430, 330, 128, ((206, 188, 150), (176, 154, 116))),
            Disc(438, 338, 112, ((224, 210, 178), (206, 188, 150))),
            Box(500, 0, 560, 400, ((112, 92, 74), (84, 68, 54))),
            Box(0, 360, 560, 400, plain((84, 68, 54))),
        ],
    )


def plate() -> bytes:
    """A round cake on a plate, cut open."""
    return paint(
        560,
        420,
        ((70, 92, 104), (46, 62, 74)),
        [
            Disc(280, 216, 178, ((246, 244, 238), (214, 212, 206))),
            Disc(280, 216, 150, ((236, 234, 228), (226, 224, 216))),
            Disc(280, 210, 124, ((214, 160, 96), (166, 108, 58))),
            Disc(280, 206, 104, ((246, 232, 204), (232, 210, 170))),
            *[
                Disc(
                    280 + int(74 * math.cos(n)),
                    206 + int(74 * math.sin(n)),
                    11,
                    ((190, 52, 62), (140, 30, 44)),
                )
                for n in (k * math.tau / 9 for k in range(9))
            ],
            Disc(280, 206, 22, ((190, 52, 62), (140, 30, 44))),
        ],
    )


def barcode() -> bytes:
    """The bars of a parcel's pick-up code."""
    draw, x, bars = random.Random(12), 24, []
    while x < 300:
        broad = draw.choice((2, 2, 4, 6))
        bars.append(Box(x, 14, x + broad, 96, plain((20, 20, 24))))
        x += broad + draw.choice((2, 4, 4, 6))
    return paint(326, 110, plain((247, 247, 247)), bars, grain=0)


def mark(colour: Colour, second: Colour) -> bytes:
    """A small company mark on white: two discs that overlap."""
    white = plain((247, 247, 247))
    return paint(
        96, 64, white, [Disc(38, 32, 24, plain(colour)), Disc(60, 32, 24, (second, second))], grain=0
    )
