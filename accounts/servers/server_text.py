"""What a server said, made fit to be kept and shown: one short printable line."""

from __future__ import annotations

import unicodedata
from typing import Final

SERVER_TEXT_LIMIT: Final = 200


def clean_server_text(text: str) -> str:
    """One printable line of at most 200 characters.

    Control, surrogate and separator characters become spaces (PostgreSQL refuses NUL and lone surrogates);
    invisible format characters go, since a direction override could turn a sentence around on the page.
    """
    # Twice the limit is enough to fill it unless the server sends mostly rubbish, and bounds the work.
    kept = "".join(_printable(char) for char in text[: 2 * SERVER_TEXT_LIMIT])
    return " ".join(kept.split())[:SERVER_TEXT_LIMIT].rstrip()


def _printable(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cf":
        return ""
    return " " if category in ("Cc", "Cs", "Zl", "Zp") else char
