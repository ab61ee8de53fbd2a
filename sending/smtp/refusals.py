"""What a server means by 4yz and 5yz: the code, the enhanced code and the moment first, prose last.

The results are codes of accounts.servers.failures, as text, because this package imports neither Django nor what
does. Each function is for one moment of a session: the same words mean different things at different moments.

Once it has let us in, a server speaks of the account at MAIL FROM alone. What it says at RCPT TO, at DATA and at
the final dot is about one recipient or one message, whatever words it has for that (`sending.smtp.client`).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sending.smtp.replies import Reply

HOUR: Final = 3600
DAY: Final = 24 * HOUR


class Refusal(NamedTuple):
    """A failure code, and in how many seconds the server wants to be asked again (None: it did not say)."""

    code: str
    retry_after: int | None = None


def _rule(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_ENCRYPTION: Final = _rule(
    r"\bstarttls\b",
    r"\b(requires?|required|must|use|only|without)\b.{0,40}\b(tls|ssl|encryption|encrypted)\b",
    r"\b(encryption|encrypted|secure connection)\b.{0,40}\b(required|needed)\b",
)
_SWITCHED_OFF: Final = _rule(
    r"\bsmtp ?client ?authentication is disabled",
    r"\bbasic auth\w* is (disabled|not (supported|allowed|enabled))",
    r"\b(smtp|service|external access)\b.{0,40}\b(disabled|switched off|not (enabled|activated|open|allowed))",
    r"\bnot (enabled|activated|allowed|permitted) (for|to use) smtp",
    r"\bdid not meet the criteria",
    r"\bsecurity defaults",
    r"\bhas no permission",
    r"\baccess rights? to this service",
)
_BLOCKED: Final = _rule(
    r"\b(account|user|mailbox|login)\b.{0,20}\b(disabled|suspended|blocked|locked|deactivated|closed|expired|restricted)",
    r"\b(log|sign) ?in (via|with|through) your web ?browser",
    r"\bbad outbound sender",
)
_LIMIT: Final = _rule(
    r"\btoo many (messages|e?mails?|connections|sessions|recipients|log-?ins?|attempts|errors|requests|commands)",
    r"\btoo (fast|quick|often|frequent|soon)",
    r"\brate.?limit",
    r"\bthrottl",
    r"\b(sending|daily|hourly|message|outgoing|outbound|submission|e?mails?|recipients?)\b.{0,30}"
    r"\b(limits?|quota)\b.{0,30}\b(exceed|reach|used up)",
    r"\b(exceed|reach)\w*.{0,40}\b(sending|daily|hourly|rate|outgoing|outbound|submission|message|mail|recipient)\w*\b"
    r".{0,30}\b(limit|quota|threshold|rate)",
    r"\bexceed\w*.{0,30}\bnumber of (messages|e?mails|recipients|connections|sessions)",
    r"\bexceed\w* (your|the|its) (limit|rate|allowed rate)\b",
    r"\b(sending|outgoing|outbound|submission|daily|hourly)[ -]?(message )?(quota|limit)",
    r"submissionquota",  # Exchange: SubmissionQuotaExceededException
    r"\bunusual (rate|volume)",
)
_BLOCKLIST: Final = _rule(
    r"\bblock(ed)? ?list",
    r"\b(black|block)-?list(ed|ing)?\b",
    r"\b(blocked|listed) (using|by|at|on|in)\b.{0,60}\b(bl|xbl|pbl|sbl|list|lists)\b",
    r"\b(spamhaus|spamcop|barracuda|sorbs|abuseat|uceprotect|rbl|dnsbl)\b",
    r"\b(ip|client host|your host|ip address)\b.{0,80}\b(blocked|banned|rejected|denied|not accepted|poor reputation)",
    r"\bbanned sending ip",
    r"\bnot accepted from this ip",
)
# Of these only the machine that we send from: a link, a domain or a text may be on a list, too.
_HOST_BLOCKED: Final = _rule(
    r"\b(client|your) (host|ip)\b.{0,80}\b(blocked|banned|listed|rejected|denied|not accepted|poor reputation)",
    r"\b(ip|ip address)\b.{0,60}\b(blocked|banned|(black|block) ?-?listed|listed (by|in|on|at)|denied|poor reputation)",
    r"\[\d{1,3}(\.\d{1,3}){3}\].{0,40}\b(blocked|banned|listed)\b",
    r"\b(blocked|listed) (using|by|at|on|in)\b.{0,30}\b(zen|xbl|pbl|sbl|cbl|spamcop|barracuda|sorbs|uceprotect)\b",
    r"\bbanned sending ip",
    r"\bnot accepted from this ip",
)
_OF_THE_TEXT: Final = _rule(r"\b(links?|urls?|uri|dbl|surbl|uribl|content|attachments?|body|domain)\b")
# Authentication of a domain and not of an account.
_OF_THE_DOMAIN: Final = _rule(r"\b(spf|dkim|dmarc|domains?|sender)\b")
_HELO: Final = _rule(
    r"\b(helo|ehlo)\b.{0,60}\b(reject|refus|denied|invalid|need|require|not (found|accepted|resol)|fully)",
    r"\b(reject|refus|invalid|bad|bogus|malformed)\w*.{0,20}\b(helo|ehlo)\b",
)
# The account that has signed in, and not one that some address or domain belongs to.
_OWN_ACCOUNT: Final = _rule(
    r"(?:^|[.;:] )(?:(?:your|this|the) )?(?:\w+ )?(?:account|login|user|mailbox)\b"
    r"(?: \S{1,80}| (?:has|have) been| is| was){0,3} (?:temporarily |permanently )?"
    r"(?:disabled|suspended|blocked|locked|deactivated|closed|restricted)\b",
)
_RELAY: Final = _rule(r"\brelay", r"\brcpthosts\b")
_SIGN_IN: Final = _rule(
    r"\bauth\w* (is )?(required|needed)",
    r"\b(not|un) ?authenticated\b",
    r"\b(must|need to|please) (first )?(authenticate|log ?in|sign ?in)",
    r"\b(log|sign) ?in first",
)
# Not "from" alone: "mail from 192.0.2.1 rejected as spam" is about something else.
_FROM: Final = r"\b(sender|from (address|header|domain)|return.?path|envelope from)\b"
_SENDER: Final = _rule(
    r"\bsend ?as ?denied",
    r"\bsend as\b",
    r"\bnot owned by",
    rf"{_FROM}.{{0,40}}\b(rejected|refused|denied|invalid|fail|mismatch|does not|doesn't|must)",
    rf"{_FROM}.{{0,40}}\bnot (allowed|permitted|authori[sz]ed|match|exist|valid|owned|verified|found)",
    r"\bnot (allowed|permitted|authori[sz]ed) to (send|use)\b.{0,60}\b(as|from|sender|address|domain)",
)
_TOO_LARGE: Final = _rule(
    r"\b(message|mail|size|attachment)s?\b.{0,40}\btoo (large|big|long)",
    r"\b(message|mail|maximum|max|fixed|size)\b.{0,30}\bsize\b.{0,40}\b(exceed|limit|larger|maximum)",
    r"\bsize\b.{0,30}\bexceed",
    r"\bexceed\w*.{0,40}\bsize",
)
_FULL: Final = _rule(
    r"\b(mailbox|inbox|maildrop|user|account|recipient|storage)\b.{0,40}\b(full|out of (space|storage))",
    r"\b(mailbox|inbox|maildrop|user|account|recipient|storage)\b.{0,40}\bexceed\w* .{0,20}quota",
    r"\bover ?quota",
    r"\bquota exceeded",
)
_GREYLIST: Final = _rule(r"gr[ae]y.?list", r"\bpostgrey\b", r"\bfirst (time|contact)\b")
_UNSUPPORTED: Final = _rule(
    r"\b(unknown|unrecogni[sz]ed|unsupported|unimplemented|invalid|illegal) (auth|mechanism|command)",
    r"\b(mechanism|method|auth\w* type|command)\b.{0,30}\b(unknown|unsupported|unrecogni[sz]ed)",
    r"\b(mechanism|method|auth\w* type|command)\b.{0,30}\bnot (supported|available|implemented|recogni[sz]ed)",
)
# How much may be sent, at Google and Exchange Online; and from where not.
_LIMIT_CODES: Final = frozenset(("5.4.5", "5.1.90", "5.7.232", "5.7.233", "5.7.705"))
_HOST_CODES: Final = frozenset(("5.7.25", "5.7.508", "5.7.511", "5.7.606", "5.7.708"))
_PAUSE: Final = re.compile(
    r"\b(?:again|retry|wait|after|within|in|for)\b[^.\d]{0,25}?(\d{1,6})\s*(s|sec|m|min|h|hour|d|day)[a-z]*\b",
    re.I,
)
_CLOCK: Final = re.compile(
    r"\b(?:again|retry|wait|after|in)\b[^.\d]{0,20}?(\d{1,2}):([0-5]\d)(?::([0-5]\d))?\b", re.I
)
_UNITS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": HOUR, "hour": HOUR, "d": DAY, "day": DAY}


# ── The session ─────────────────────────────────────────────────────────────


def greeting(reply: Reply) -> Refusal:
    """Instead of a greeting. Nobody was named yet, so it is about the server, or about us."""
    if reply.is_permanent and _BLOCKLIST.search(reply.text):
        return Refusal("blocked_here")
    return _not_now(reply)


def session(reply: Reply) -> Refusal:
    """At EHLO, STARTTLS, RSET: a refusal that should not be."""
    if reply.is_permanent and _BLOCKLIST.search(reply.text):
        return Refusal("blocked_here")
    return _not_now(reply) if reply.is_temporary else Refusal("not_smtp")


def sign_in(reply: Reply) -> Refusal:
    """At AUTH. A 535 is about the password unless it says otherwise (RFC 4954, 6)."""
    text = reply.text
    if reply.is_temporary:
        # 4.7.12: the password is right and must be given in another way once (RFC 4954, 6), which only its owner can.
        is_transition = reply.code == 432 and reply.enhanced in ("", "4.7.12")
        return Refusal("authentication_unclear") if is_transition else _not_now(reply)
    if reply.code == 538 or (reply.code == 530 and _ENCRYPTION.search(text)):
        return Refusal("encryption_needed")
    if reply.enhanced == "5.7.30" or _SWITCHED_OFF.search(text):
        return Refusal("smtp_switched_off")
    if _BLOCKED.search(text) or reply.enhanced == "5.7.14":
        return Refusal("account_blocked")
    if _LIMIT.search(text):
        return Refusal("sending_limit", _pause(text))
    if reply.code in (534, 535) or reply.enhanced in ("5.7.8", "5.7.9"):
        return Refusal("sending_login_failed")
    return Refusal("blocked_here" if _BLOCKLIST.search(text) else "authentication_unclear")


def is_unsupported(reply: Reply) -> bool:
    """Whether the way to sign in is unknown: then the password was not judged."""
    if reply.code in (500, 502, 504):
        return True
    return reply.code == 501 and _UNSUPPORTED.search(reply.text) is not None


def may_try_another(reply: Reply) -> bool:
    """Whether another way to sign in may be tried: this refusal is none that RFC 4954, 6 knows for a wrong password.

    A second wrong password may lock the account, so whatever may mean one ends the session.
    """
    if reply.code == 432 and reply.enhanced in ("", "4.7.12"):
        return True  # "transition to another mechanism", which is how the password gets there
    return is_unsupported(reply) or (reply.code in (503, 553, 555) and not reply.enhanced.startswith("5.7."))


# ── The envelope and the message ────────────────────────────────────────────


def sender(reply: Reply) -> Refusal:
    """At MAIL FROM, the one moment after signing in when a refusal may be about the account."""
    if reply.is_temporary:
        return _for_now(reply, of_recipient=False)
    return _account(reply) or _anywhere(reply) or _account_in_prose(reply) or Refusal("sender_refused")


def _account(reply: Reply) -> Refusal | None:
    """What the codes say of the account; None when they speak of something else (RFC 3463, RFC 4954, 6)."""
    text, enhanced = reply.text, reply.enhanced
    if (
        reply.code == 538
        or enhanced in ("5.7.10", "5.7.11")
        or (reply.code == 530 and _ENCRYPTION.search(text))
    ):
        return Refusal("encryption_needed")
    if reply.code == 530 or enhanced == "5.7.57":
        return Refusal("sign_in_needed")
    if enhanced in ("5.7.30", "5.7.139"):
        return Refusal("smtp_switched_off")
    if enhanced in ("5.2.1", "5.7.14", "5.7.501", "5.7.502", "5.7.503"):
        return Refusal("account_blocked")
    if reply.code in (534, 535) or enhanced in ("5.7.8", "5.7.9"):
        return Refusal("sending_login_failed")
    return None


def _account_in_prose(reply: Reply) -> Refusal | None:
    """The same where no code says what it is about."""
    if reply.enhanced not in ("", "5.0.0", "5.5.1", "5.7.0", "5.7.1") or _OF_THE_DOMAIN.search(reply.text):
        return None
    if _SIGN_IN.search(reply.text):
        return Refusal("sign_in_needed")
    return Refusal("account_blocked") if _OWN_ACCOUNT.search(reply.text) else None


def recipient(reply: Reply) -> Refusal:
    """At RCPT TO. Many servers judge the sender and us only here, so those come first."""
    if reply.is_temporary or too_many_recipients(reply):
        return _for_now(reply, of_recipient=True)
    if _is_full(reply):
        return Refusal("recipient_full")
    # "Sender" occurs in prose about recipients ("does not accept mail from the sender"), the codes do not lie.
    if _is_of_recipient(reply):
        return Refusal("recipient_refused")
    return _anywhere(reply) or _unexpected(reply) or Refusal("recipient_refused")


def message(reply: Reply) -> Refusal:
    """At DATA, and at its end."""
    if reply.is_temporary:
        return _for_now(reply, of_recipient=True)
    if _is_full(reply):
        return Refusal("recipient_full")
    return _anywhere(reply) or _unexpected(reply) or Refusal("message_refused")


def _is_of_recipient(reply: Reply) -> bool:
    """Whether the enhanced code can only mean the recipient: an address, or the state of a mailbox (RFC 3463)."""
    if reply.enhanced in ("5.1.7", "5.1.8", "5.1.90"):  # the sender's, and Exchange's daily limit
        return False
    return reply.enhanced.startswith(("5.1.", "5.2.1", "4.1.", "4.2.1")) and "252" not in reply.enhanced


def _unexpected(reply: Reply) -> Refusal | None:
    """530 where a server without sign-in should have said it at MAIL FROM."""
    if reply.code != 530:
        return None
    return Refusal("encryption_needed" if _ENCRYPTION.search(reply.text) else "sign_in_needed")


def too_many_recipients(reply: Reply) -> bool:
    """Whether the rest of the recipients must go in another message; 552 is an old 452 (RFC 5321, 4.5.3.1.10)."""
    if reply.enhanced in ("4.5.3", "5.5.3"):
        return True
    return reply.code in (452, 552) and "too many" in reply.text.lower()


def _anywhere(reply: Reply) -> Refusal | None:
    """What a permanent refusal may be about at any moment of a message; None when that is not known."""
    text, enhanced = reply.text, reply.enhanced
    if enhanced in ("5.2.252", "5.7.60", "5.1.7", "5.1.8") or _SENDER.search(text):
        return Refusal("sender_refused")
    if enhanced in ("5.3.4", "5.2.3") or _TOO_LARGE.search(text):
        return Refusal("too_large_to_send")
    if enhanced in _LIMIT_CODES or _LIMIT.search(text):
        return Refusal("sending_limit", _pause(text))
    # The name that Mailhub gives itself, and where it runs: no setting of an account helps.
    is_host = _HOST_BLOCKED.search(text) is not None and not _OF_THE_TEXT.search(text)
    if is_host or enhanced in _HOST_CODES or _HELO.search(text):
        return Refusal("blocked_here")
    if _RELAY.search(text):
        return Refusal("relay_refused")
    # By RFC 1870, 6.1, and only if it says nothing else.
    return Refusal("too_large_to_send") if reply.code == 552 and enhanced in ("", "5.0.0") else None


def _is_full(reply: Reply) -> bool:
    """Whether it is the recipient's space that is used up, and not what we may send."""
    if reply.enhanced.endswith(".2.2"):
        return True
    return _FULL.search(reply.text) is not None and not _LIMIT.search(reply.text)


def _for_now(reply: Reply, *, of_recipient: bool) -> Refusal:
    """A temporary refusal of a message or one of its recipients."""
    text, enhanced = reply.text, reply.enhanced
    pause = _pause(text)
    if _GREYLIST.search(text):
        return Refusal("greylisted", pause)
    if of_recipient and _is_full(reply):
        return Refusal("recipient_full", pause)
    if reply.code == 421:
        return _not_now(reply)
    if of_recipient and _is_of_recipient(reply):
        return Refusal("refused_for_now", pause)  # "is receiving mail too quickly" is no limit of ours
    if enhanced == "4.7.28" or (_LIMIT.search(text) and not too_many_recipients(reply)):
        return Refusal("sending_limit", pause)
    return Refusal("refused_for_now" if of_recipient else "smtp_busy", pause)


def _not_now(reply: Reply) -> Refusal:
    """A refusal of the whole session that will pass."""
    return Refusal("sending_limit" if _LIMIT.search(reply.text) else "smtp_busy", _pause(reply.text))


def _pause(text: str) -> int | None:
    if clock := _CLOCK.search(text):
        first, second, third = int(clock[1]), int(clock[2]), clock[3]
        seconds = first * 60 + second if third is None else first * HOUR + second * 60 + int(third)
        return min(seconds, DAY)
    number = _PAUSE.search(text)
    return None if number is None else min(int(number[1]) * _UNITS[number[2].lower()], DAY)
