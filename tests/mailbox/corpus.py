"""The letters of tests/mail: whole messages, written by hand, byte for byte as servers hand them over."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "mail"
NAMES = sorted(path.stem for path in FOLDER.glob("*.eml"))


def letter(name: str) -> bytes:
    """The raw bytes of one letter."""
    return (FOLDER / f"{name}.eml").read_bytes()
