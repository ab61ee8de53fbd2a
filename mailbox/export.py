"""Stored mail as files: .eml byte for byte, or one mbox (RFC 4155, "mboxrd" quoting) for each folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from accounts import tenancy
from accounts.models import MailAccount
from mailbox import services
from mailbox.models import Folder, Message

PAGE = 100
_FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)


def _messages(account: MailAccount) -> Iterator[tuple[Message, bytes]]:
    """Every message with its bytes, by id, one at a time: neither memory nor a lock grows."""
    last = 0
    while True:
        with tenancy.scope(account.organization_id):
            page = (
                Message.objects.select_related("folder").filter(account=account, pk__gt=last).order_by("pk")
            )
            messages = list(page[:PAGE])
        if not messages:
            return
        for message in messages:
            with tenancy.scope(account.organization_id):
                raw = services.raw_bytes(message)
            yield message, raw
        last = messages[-1].pk


def write_eml(account: MailAccount, output: Path) -> tuple[int, int]:
    """One file a message, named by its id; returns (messages, bytes). Raises OSError."""
    count = size = 0
    for message, raw in _messages(account):
        with open(output / f"{message.pk}.eml", "wb", opener=_private) as file:
            file.write(raw)
        count, size = count + 1, size + len(raw)
    return count, size


def write_mbox(account: MailAccount, output: Path) -> tuple[int, int]:
    """One file a folder, line ends as in Unix; returns (messages, bytes of the messages). Raises OSError."""
    count = size = 0
    for folder in _folders(account):
        (output / _mbox_name(folder)).unlink(missing_ok=True)
    for message, raw in _messages(account):
        stamp = message.sent_at.strftime("%a %b %d %H:%M:%S %Y")
        sender = re.sub(r"\s", "", message.from_address) or "MAILER-DAEMON"
        body = _FROM_LINE.sub(rb">\1", raw.replace(b"\r\n", b"\n"))
        with open(output / _mbox_name(message.folder), "ab", opener=_private) as file:
            file.write(
                f"From {sender} {stamp}\n".encode() + body + (b"\n" if body.endswith(b"\n") else b"\n\n")
            )
        count, size = count + 1, size + len(raw)
    return count, size


def _private(path: str, flags: int) -> int:
    """Nobody else on the machine may read people's mail, also when the file was there before."""
    file = os.open(path, flags, 0o600)
    os.fchmod(file, 0o600)
    return file


def _folders(account: MailAccount) -> list[Folder]:
    with tenancy.scope(account.organization_id):
        return list(Folder.objects.filter(account=account))


def _mbox_name(folder: Folder) -> str:
    name = folder.role if folder.role != Folder.Role.OWN else f"{folder.pk}-{folder.name}"
    return re.sub(r"[^\w.-]", "_", name.replace(os.sep, "_")) + ".mbox"
