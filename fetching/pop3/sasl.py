"""What a client computes to sign in: SASL messages and the APOP digest, before base64.

Each function raises LocalProtocolError for text that its mechanism cannot carry.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from binascii import Error as Base64Error

from fetching.pop3.errors import LocalProtocolError, RemoteProtocolError


def plain(username: str, password: str) -> bytes:
    """PLAIN: authorize as oneself, UTF-8 (RFC 4616, 2)."""
    return b"\0" + _clean(username) + b"\0" + _clean(password)


def login(username: str, password: str) -> tuple[bytes, bytes]:
    """LOGIN: the two answers, in order; never became an RFC, and the challenges are not looked at."""
    return _clean(username), _clean(password)


def cram_md5(username: str, password: str, challenge: bytes) -> bytes:
    """CRAM-MD5: user name and keyed digest of the challenge, which is base64 as it came (RFC 2195, 2).

    Raises RemoteProtocolError when the challenge is no base64.
    """
    digest = hmac.new(_clean(password), decode(challenge), "md5").hexdigest()
    return _clean(username) + b" " + digest.encode("ascii")


def xoauth2(username: str, token: str) -> bytes:
    """XOAUTH2 and its access token, as Google and Microsoft document it."""
    return b"user=" + _clean(username) + b"\1auth=Bearer " + _clean(token) + b"\1\1"


def apop_digest(timestamp: bytes, password: str) -> str:
    """APOP: MD5 of the greeting's timestamp, angle brackets included, and the password (RFC 1939, 7)."""
    return hashlib.md5(timestamp + _clean(password), usedforsecurity=False).hexdigest()


def decode(challenge: bytes) -> bytes:
    """A challenge without its base64; raises RemoteProtocolError."""
    try:
        return b64decode(challenge, validate=True)
    except Base64Error:
        raise RemoteProtocolError("a challenge that is not base64") from None


def _clean(text: str) -> bytes:
    # NUL divides the parts of PLAIN, \1 those of XOAUTH2; line breaks have no business in either.
    if any(char in text for char in "\0\1\r\n"):
        raise LocalProtocolError("user name or password with a control character")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # `from None`: the original error carries the text in its attributes.
        raise LocalProtocolError("user name or password is not Unicode") from None
