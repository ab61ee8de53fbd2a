"""The demo provider's SMTP half: takes its own people's mail, delivers it here, keeps the rest as files."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mailhub.demo.maildrop import Maildrop, keep
from mailhub.demo.pop3 import Authenticate

LARGEST_MESSAGE = 25 * 1024 * 1024
_NOT_A_HOST_NAME = re.compile(r"[^A-Za-z0-9.:\[\]-]")


class Submission:
    """What happens to the mail that is handed in (the hooks of aiosmtpd)."""

    def __init__(self, maildrops: Mapping[str, Maildrop], outside: Path) -> None:
        self._maildrops = maildrops
        self._domains = {address.partition("@")[2] for address in maildrops}
        self._outside = outside

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # aiosmtpd's own switch for this knows no connection that is encrypted from its first byte.
        if not session.authenticated:
            return "530 5.7.0 Sign in first"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender taken"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        local = address.lower()
        if local.rpartition("@")[2] in self._domains and local not in self._maildrops:
            return "550 5.1.1 Nobody has this address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        receipt = secrets.token_hex(6)
        elsewhere = []
        for recipient in dict.fromkeys(envelope.rcpt_tos):
            if maildrop := self._maildrops.get(recipient.lower()):
                maildrop.deliver(_trace(session, envelope, receipt, "Delivered-To", recipient) + raw)
            else:
                elsewhere.append(recipient)
        if elsewhere:
            # Nothing leaves this machine. The people it was for are noted: a blind copy's are nowhere else.
            keep(
                self._outside, _trace(session, envelope, receipt, "X-Envelope-To", ", ".join(elsewhere)) + raw
            )
        return f"250 2.0.0 Taken as {receipt}"


def _trace(session: Session, envelope: Envelope, receipt: str, header: str, recipients: str) -> bytes:
    """The lines a server adds on final delivery (RFC 5321, 4.4; "ESMTPSA" is from RFC 3848)."""
    client = _NOT_A_HOST_NAME.sub("", session.host_name or "") or "unknown"
    lines = (
        f"Return-Path: <{envelope.mail_from or ''}>",
        f"{header}: {recipients}",
        f"Received: from {client} (localhost [127.0.0.1])",
        f"\tby mail.post.example with ESMTPSA id {receipt};",
        f"\t{format_datetime(datetime.now(UTC))}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode(errors="surrogateescape")


def protocol(submission: Submission, authenticate: Authenticate) -> SMTP:
    """Return aiosmtpd's protocol for one connection that is already encrypted (RFC 8314, 3.3)."""

    def authenticator(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, secret: LoginPassword
    ) -> AuthResult:
        address = authenticate(
            secret.login.decode(errors="replace"), secret.password.decode(errors="replace")
        )
        return AuthResult(success=address is not None, handled=False, auth_data=address)

    return SMTP(
        submission,
        hostname="mail.post.example",
        ident="Post ready",
        data_size_limit=LARGEST_MESSAGE,
        enable_SMTPUTF8=True,
        auth_require_tls=False,
        authenticator=authenticator,
    )
