"""What a client computes to sign in by SASL, before base64; the same for every protocol of mail.

Each function raises Unsendable for text that its mechanism cannot carry.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as Base64Error


class Unsendable(ValueError):
    """A user name or password that this mechanism cannot carry; the text is in neither str() nor repr()."""


class BadChallenge(ValueError):
    """The server's challenge is no base64."""


def plain(username: str, password: str) -> bytes:
    """PLAIN: authorize as oneself, UTF-8 (RFC 4616, 2)."""
    return b"\0" + _clean(username) + b"\0" + _clean(password)


def login(username: str, password: str) -> tuple[bytes, bytes]:
    """LOGIN: the two answers, in order; never became an RFC, and the challenges are not looked at."""
    return _clean(username), _clean(password)


def cram_md5(username: str, password: str, challenge: bytes) -> bytes:
    """CRAM-MD5: user name and keyed digest of the challenge, which is base64 as it came (RFC 2195, 2).

    Raises BadChallenge too.
    """
    digest = hmac.new(_clean(password), decode(challenge), "md5").hexdigest()
    return _clean(username) + b" " + digest.encode("ascii")


def decode(challenge: bytes) -> bytes:
    """A challenge without its base64; raises BadChallenge."""
    try:
        return b64decode(challenge, validate=True)
    except Base64Error:
        raise BadChallenge("a challenge that is not base64") from None


def _clean(text: str) -> bytes:
    # NUL divides the parts of PLAIN, \1 those of OAuth's messages; line breaks have no business in either.
    if any(char in text for char in "\0\1\r\n"):
        raise Unsendable("user name or password with a control character")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # `from None`: the original error carries the text in its attributes.
        raise Unsendable("user name or password is not Unicode") from None
