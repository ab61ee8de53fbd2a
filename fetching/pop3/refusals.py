"""What a server means by -ERR: response codes first, then prose that servers are known to use.

The results are codes of accounts.servers.failures, as text, because this package imports nothing above it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from fetching.pop3.events import Err

HOUR: Final = 3600
DAY: Final = 24 * HOUR
# After "download limit exceeded" and the like: such limits are counted by the hour or by the day.
LIMIT_PAUSE: Final = 4 * HOUR


class Refusal(NamedTuple):
    """A failure code, and in how many seconds the server wants to be asked again (None: it did not say)."""

    code: str
    retry_after: int | None = None


# RFC 2449, 8.1 and RFC 3206, 4 and 5
_BY_CODE: Final = {
    "AUTH": "authentication_failed",
    "IN-USE": "mailbox_busy",
    "LOGIN-DELAY": "login_delay",
    "SYS/PERM": "account_blocked",
    "SYS/TEMP": "server_busy",
}


def _rule(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# Comes before the response codes too: servers put [AUTH] and [SYS/PERM] in front of these.
_DISABLED: Final = _rule(
    r"plain ?text (auth\w*|log-?ins?|passwords?) (is |are )?(dis|not )",
    r"\b(requires?|must|use|only) .{0,40}\b(tls|ssl|stls|encryption)\b",
    r"\b(secure|encrypted) connection (is )?required",
    r"\bpop3? ?(access|service)?.{0,20}\b(disabled|not (enabled|activated|allowed|permitted))",
    r"\bnot (enabled|activated|allowed|permitted) (for|to use) pop",
)
# In this order: "too many bad logins" is a throttle and "account locked" no lock on the mailbox.
_BY_PROSE: Final = (
    (
        "login_delay",
        _rule(r"login.?delay", r"too (soon|often|frequent)", r"(minimum|polling) .{0,20}interval"),
    ),
    (
        "server_busy",
        _rule(
            r"\btoo many\b",
            r"\btemporar",
            r"\b(try|retry) (it )?(again|later)",
            r"\bunavailable\b",
            r"\binternal (server |system )?error",
            r"\btime(d )?.?out",
            r"\boverload",
            r"\bmaintenance\b",
            r"\b(limit|quota)\b",
            r"\bexceed",
            r"\bserver (is )?(too )?busy",
        ),
    ),
    (
        "account_blocked",
        _rule(
            r"\b(account|user|mailbox)\b.{0,20}"
            r"\b(disabled|suspended|blocked|locked out|deactivated|closed|expired)",
        ),
    ),
    (
        "mailbox_busy",
        _rule(
            r"\bin use\b",
            r"\b(mailbox|maildrop|mail ?drop|spool)\b.{0,30}\b(lock|busy|open)",
            r"\bunable to lock",
        ),
    ),
    (
        "authentication_failed",
        _rule(
            r"\b(auth\w*|log-?in|logon|log ?on|sign-?in|password|credentials?|user ?name|user)\b.{0,40}"
            r"\b(fail|invalid|incorrect|wrong|bad\b|denied|reject|mismatch|unknown"
            r"|not (recogni|accept|correct|found))",
            r"\b(invalid|incorrect|wrong|bad|unknown|no such|failed)\b.{0,30}"
            r"\b(auth|password|log-?in|logon|user|credential|account)",
            r"\bapp(lication)?[- ](specific )?password",
        ),
    ),
)
_UNSUPPORTED: Final = _rule(
    r"\b(unknown|unrecogni[sz]ed|unsupported|unimplemented|invalid|bad|illegal) "
    r"(command|mechanism|auth\w* (type|mech))",
    r"\bnot (supported|implemented|recogni[sz]ed|understood)",
    r"\b(command|mechanism|method)\b.{0,30}\b(disabled|unknown|unsupported|not )",
    r"\bsyntax error",
    r"\bmalformed\b",
    r"\b(missing|wrong number of|too (few|many)) (argument|parameter)s?\b",
)
# In a refusal of these ways to sign in: it may be the way that is refused and not the password. Servers that keep
# only a password's hash say so when a digest is asked of them.
_NAMED: Final = {
    "APOP": _rule(r"\bapop\b"),
    "CRAM-MD5": _rule(r"\bcram\b", r"\bdigest", r"\bchallenge"),
    "PLAIN": re.compile(r"\bPLAIN\b"),
    "LOGIN": re.compile(r"\bLOGIN\b"),
    "USER": _rule(r"\buser(name)?\s*/\s*pass(word)?\b", r"\b(user|pass) (command|method)\b"),
}
_ANY_METHOD: Final = _rule(r"\bmechanism", r"\bsasl\b", r"\bauth(entication)? (type|method)")
_LIMIT: Final = _rule(
    r"\b(download|bandwidth|traffic|transfer|daily|hourly|limit|quota)\b.{0,40}\b(exceed|reach|limit)"
)
_PAUSE: Final = re.compile(r"(\d{1,6})\s*(s|sec|m|min|h|hour)?[a-z]*\b", re.IGNORECASE)
_UNITS: Final = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": HOUR, "hour": HOUR}


def greeting(err: Err) -> Refusal:
    """At the greeting no name was given yet, so it is never about the account: always temporary."""
    refusal = _classify(err, "server_busy")
    return (
        refusal
        if refusal.code in ("mailbox_busy", "login_delay")
        else Refusal("server_busy", refusal.retry_after)
    )


def sign_in(err: Err) -> Refusal:
    """At USER, PASS, APOP or AUTH. What is not clearly about the password is authentication_unclear."""
    if _DISABLED.search(err.text):
        return Refusal("login_disabled")
    return _classify(err, "authentication_unclear")


def command(err: Err) -> Refusal:
    """At any command after signing in: the password was right, so it is temporary."""
    refusal = _classify(err, "server_busy")
    return (
        refusal
        if refusal.code in ("mailbox_busy", "account_blocked")
        else Refusal("server_busy", _pause(err))
    )


def is_unsupported(err: Err) -> bool:
    """Whether the command is unknown: then the password was not judged and another way may be tried."""
    return err.code is None and _UNSUPPORTED.search(err.text) is not None


def names_method(err: Err, method: str) -> bool:
    """Whether the refusal speaks of this way to sign in (`login.Method.name`), so that another may be tried."""
    if err.code not in (None, "AUTH", "SYS/PERM") or err.text.isupper():
        return False
    # Where the password itself was shown, [AUTH] has judged it (RFC 3206, 4).
    if err.code is not None and method not in ("APOP", "CRAM-MD5"):
        return False
    return any(rule.search(err.text) for rule in (_NAMED[method], _ANY_METHOD))


def may_mean_empty(err: Err) -> bool:
    """Whether LIST or UIDL may have been refused only because there is nothing to list."""
    return err.code is None and not is_unsupported(err)


def is_about_session(err: Err) -> bool:
    """Whether -ERR to RETR is about the session (a limit, an outage), not about that one message."""
    return err.code in _BY_CODE or _LIMIT.search(err.text) is not None or "too many" in err.text.lower()


def ends_session(err: Err) -> bool:
    """Whether -ERR to RETR leaves nothing to ask for: a limit is reached, or we are no longer let in.

    [SYS/TEMP] and [SYS/PERM] are no such thing: servers say them of the one message whose file cannot be read.
    """
    if err.code in ("SYS/TEMP", "SYS/PERM"):
        return _LIMIT.search(err.text) is not None or "too many" in err.text.lower()
    return is_about_session(err)


def _classify(err: Err, otherwise: str) -> Refusal:
    code = _BY_CODE.get(err.code or "")
    if code is None:
        code = next((name for name, rule in _BY_PROSE if rule.search(err.text)), otherwise)
    return Refusal(code, _pause(err) if code in ("login_delay", "server_busy") else None)


def _pause(err: Err) -> int | None:
    if _LIMIT.search(err.text):
        return LIMIT_PAUSE
    number = _PAUSE.search(err.text)
    # A bare number may be anything (a port, an error number), except where the code says what it is about.
    if number is None or not (number[2] or err.code == "LOGIN-DELAY"):
        return None
    return min(int(number[1]) * _UNITS[(number[2] or "").lower()], DAY)
