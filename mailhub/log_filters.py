"""What never gets into logs: links that let in whoever has them."""

from __future__ import annotations

import logging
import re

# Invitations, and what allauth mails: confirmations of addresses, new passwords.
_KEYS = re.compile(r"(/invitation/\d+/|/confirm-email/|/password/reset/key/|/login/code/)[^/\s?\"']+")


def without_keys(text: str) -> str:
    """A path, address or whole line with its keys left out."""
    return _KEYS.sub(r"\1…", text)


class WithoutKeys(logging.Filter):
    """Takes keys out of a record whatever it is made of."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: the record stays."""
        message = record.getMessage()
        clean = without_keys(message)
        if clean != message:
            record.msg, record.args = clean, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = without_keys(logging.Formatter().formatException(record.exc_info))
        return True
