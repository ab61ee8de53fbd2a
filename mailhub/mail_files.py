"""Mailhub's own mail as files, for an instance without a relay; they hold links that let whoever reads them in."""

from __future__ import annotations

import os
from typing import IO, Any

from django.core.mail.backends import filebased

BACKEND = "mailhub.mail_files.EmailBackend"  # in settings.EMAIL_BACKEND


class EmailBackend(filebased.EmailBackend):
    """Django's, with files nobody else can read, in a folder nobody else can list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        os.chmod(self.file_path, 0o700)

    stream: IO[bytes] | None  # type: ignore[assignment]

    def open(self) -> bool:
        """Open the file of this connection; returns whether that was needed."""
        if self.stream is not None:
            return False
        name: str = self._get_filename()  # type: ignore[attr-defined]
        self.stream = open(name, "ab", opener=_private)  # noqa: SIM115 - closed by Django's `close`
        return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
