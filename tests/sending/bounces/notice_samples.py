"""Notices in prose as mail systems write them, and letters that must never be taken for one.

OURS stands for the id of the message that was sent, from ada@example.org to bob@post.example.
"""

# ruff: noqa: E501 - a sample is easier to judge as it is
from __future__ import annotations

OURS = "<2c5c8f@example.org>"
COPY = f"Received: from x by y; Mon, 23 Nov 2026 09:42:00 +0700\nFrom: ada@example.org\nTo: bob@post.example\nSubject: Tea\nMessage-ID: {OURS}\n\nShall we meet?\nWrite to carol@post.example otherwise.\n"


def notice(
    *lines: str,
    body: str,
    path: str | None = "<>",
    sender: str = "Mail Delivery System <mailer-daemon@mx.example>",
    subject: str = "Mail delivery failed",
) -> bytes:
    """A notice; `lines` are further fields."""
    head = [] if path is None else [f"Return-Path: {path}"]
    head += [
        f"From: {sender}",
        "To: ada@example.org",
        f"Subject: {subject}",
        "Message-ID: <n1@mx.example>",
        *lines,
    ]
    return ("\n".join(head) + f"\n\n{body}").replace("\n", "\r\n").encode()


def mixed(text: str, part: str = "message/rfc822", copy: str = COPY) -> tuple[str, str]:
    """The Content-Type and the body of a notice with what came back as a part."""
    body = f"--b\nContent-Type: text/plain; charset=utf-8\n\n{text}\n--b\nContent-Type: {part}\n\n{copy}\n--b--\n"
    return 'Content-Type: multipart/mixed; boundary="b"', body


def with_part(text: str, part: str = "message/rfc822", **options: str) -> bytes:
    head, body = mixed(text, part)
    return notice(head, body=body, **options)


EXIM = f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  bob@post.example
    host mx.post.example [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<bob@post.example>:
    550 5.1.1 <bob@post.example>: Recipient address rejected: User unknown

------ This is a copy of the message, including all the headers. ------

{COPY}"""
QMAIL = f"""Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<bob@post.example>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 no mailbox here by that name
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

Return-Path: <ada@example.org>
{COPY}"""
EXCHANGE = f"""Your message to bob@post.example couldn't be delivered.

bob wasn't found at post.example.

Diagnostic information for administrators:

Generating server: AM0PR01.prod.example

bob@post.example
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found'

Original message headers:

{COPY}"""
EXCHANGE_PAGE = "<html><body><p>Your message to <b>bob@post.example</b> couldn&#39;t be delivered.</p><table><tr><td>550 5.1.10 not found</td></tr></table><p>Message-ID: &lt;2c5c8f@example.org&gt;</p></body></html>"
GMX = f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

bob@post.example:
SMTP error from remote server for RCPT TO command, host: mx.post.example (192.0.2.1) reason: 550 5.1.1 user unknown

--- The header of the original message is following. ---

{COPY}"""
IONOS = f"""Diese Nachricht wurde automatisch erzeugt.

Ihre Nachricht konnte nicht zugestellt werden.

bob@post.example
  552 5.2.2 mailbox full

Ursprüngliche Nachricht:

{COPY}"""
YAHOO = f"""Sorry, we were unable to deliver your message to the following address.

<bob@post.example>:
554: delivery error: dd This user doesn't have a post.example account (bob@post.example) [0] - mta1.mail.example

--- Below this line is a copy of the message.

{COPY}"""
MAIL_RU = f"""Это письмо создано автоматически сервером.

К сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:

bob@post.example
SMTP error from remote mail server after RCPT TO: 550 5.1.1 invalid mailbox

------ This is a copy of the message, including all the headers. ------

{COPY}"""
POSTFIX = """This is the mail system at host mx.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<bob@post.example>: host mx.post.example[192.0.2.1] said: 550 5.1.1
    <bob@post.example>: Recipient address rejected: User unknown (in reply to RCPT TO command)
"""
SENDMAIL = f"""The original message was received at Mon, 23 Nov 2026 09:42:00 +0700

   ----- The following addresses had permanent fatal errors -----
<bob@post.example>
    (reason: 550 5.1.1 User unknown)

   ----- Transcript of session follows -----
... while talking to mx.post.example.:
550 5.1.1 <bob@post.example>... User unknown

   ----- Original message follows -----

{COPY}"""
GOOGLE = """Address not found

Your message wasn't delivered to bob@post.example because the address couldn't be found, or is unable to receive mail.

The response from the remote server was:
550 5.1.1 user unknown
"""

# Each says that Bob did not get OURS.
NOTICES: dict[str, bytes] = {
    "Exim": notice("X-Failed-Recipients: bob@post.example", "Auto-Submitted: auto-replied", body=EXIM),
    "Exim, its field lost": notice(body=EXIM),
    "Exim, no path": notice("Auto-Submitted: auto-replied", body=EXIM, path=None),
    "qmail": notice(body=QMAIL, subject="failure notice", sender="MAILER-DAEMON@mx.example"),
    "qmail, a path of its own": notice(body=QMAIL, path="<MAILER-DAEMON@mx.example>", sender="MAILER-DAEMON@mx.example"),
    "a sender without a domain": notice(body=QMAIL, sender="MAILER-DAEMON (Mail Delivery Subsystem)", path=None),
    "Exchange": notice(body=EXCHANGE, subject="Undeliverable: Tea", sender="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.example>"),
    "Exchange, in the thread": notice(f"In-Reply-To: {OURS}", body="Your message to bob@post.example couldn't be delivered.", subject="Unzustellbar: Tea", sender="postmaster@corp.example"),
    "Exchange, a page": notice("Content-Type: text/html; charset=utf-8", body=EXCHANGE_PAGE, subject="Undeliverable: Tea", sender="postmaster@corp.example"),
    "GMX": notice(body=GMX, sender="GMX Mailer Daemon <mailer-daemon@gmx.example>", subject="Mail delivery failed: returning message to sender"),
    "IONOS": notice("Content-Type: text/plain; charset=utf-8", body=IONOS, sender="Mail Delivery System <mailer-daemon@ionos.example>", subject="Unzustellbar"),
    "Yahoo": notice(body=YAHOO, sender="MAILER-DAEMON@yahoo.example", subject="Failure Notice"),
    "mail.ru": notice("Content-Type: text/plain; charset=utf-8", body=MAIL_RU, sender="mailer-daemon@corp.mail.example", subject="=?utf-8?B?0J3QtdC00L7RgdGC0LDQstC70LXQvdC90L7QtSDRgdC+0L7QsdGJ0LXQvdC40LU=?="),
    "Postfix without its report": with_part(POSTFIX),
    "Postfix, only the header": with_part(POSTFIX, "text/rfc822-headers"),
    "sendmail": notice(body=SENDMAIL, sender="Mail Delivery Subsystem <MAILER-DAEMON@mx.example>", subject="Returned mail: see transcript for details"),
    "Google without its report": notice(f"In-Reply-To: {OURS}", f"References: {OURS}", "X-Failed-Recipients: bob@post.example", body=GOOGLE, sender="Mail Delivery Subsystem <mailer-daemon@googlemail.example>"),
    "given up after days": with_part("Your message has been delayed for 5 days and could not be delivered to <bob@post.example>. It will not be retried: 4.4.7 expired"),
    "names nobody": with_part("Your message could not be delivered."),
    "an office without a path": notice("Auto-Submitted: auto-generated", body=EXIM, sender="Administrator <postmaster@corp.example>", path=None),
    "under another name": with_part(POSTFIX, sender="Service <service@provider.example>"),
    "quoted": notice(body=f"550 user unknown: bob@post.example\n\n> Message-Id: {OURS}\n> Subject: Tea\n"),
}  # fmt: skip

AWAY = "I am away until Monday and cannot be reached. In urgent cases write to carol@post.example."
QUOTED = "\n".join(f"> {line}" for line in EXIM.split("\n"))
DELAY = f"""This message was created automatically by mail delivery software.
A message that you sent has not been delivered to one or more of its recipients after more than 24 hours on the queue.

The following address is still being tried: bob@post.example
  450 4.2.0 try again later

No action is required on your part. Delivery attempts will continue for some time.

------ This is a copy of the message's headers ------
{COPY}"""
RECEIPT = f"""--b
Content-Type: text/plain

Your message to bob@post.example was deleted without being read. It could not be delivered to a person.
--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; bob@post.example
Original-Message-ID: {OURS}
Disposition: manual-action/MDN-sent-manually; deleted
--b--
"""
BOB = {"sender": "Bob <bob@post.example>", "subject": "Re: Tea", "path": "<bob@post.example>"}

# None of these says that mail did not arrive, though each names OURS, or looks like a notice.
OTHERS: dict[str, bytes] = {
    "away": notice(f"In-Reply-To: {OURS}", "Auto-Submitted: auto-replied", body=AWAY, sender="Bob <bob@post.example>", subject="Automatic reply: Tea"),
    "away, gone for good": notice(f"In-Reply-To: {OURS}", "Auto-Submitted: auto-replied", body="Bob has left. This mailbox is unavailable, and your message was not delivered. Write to carol@post.example.", sender="Bob <bob@post.example>", subject="Automatic reply: Tea"),
    "away, with a quote": notice(f"In-Reply-To: {OURS}", "Auto-Submitted: auto-replied (vacation)", body=f"{AWAY}\n\n{QUOTED}", sender="Bob <bob@post.example>", subject="Abwesend: Tea"),
    "away, an office": notice(f"In-Reply-To: {OURS}", "Auto-Submitted: auto-replied", body="We are closed. Mail for carol@post.example could not be delivered last week.", sender="postmaster@post.example", subject="Automatic reply"),
    "a ticket": notice(f"In-Reply-To: {OURS}", "Auto-Submitted: auto-generated", body="We have received your message. If it was rejected, call us: help@post.example", sender="Help <help@post.example>", subject="[#2] Tea"),
    "a person": notice(f"In-Reply-To: {OURS}", body="It did not arrive: user unknown, 550 5.1.1 <bob@post.example>", **BOB),
    "a person who quotes a notice": notice(f"References: {OURS}", body=f"What is this?\n\n{QUOTED}", **BOB),
    "a person who passes a notice on": with_part("Delivery failed, see below: carol@post.example 550 5.1.1", **{**BOB, "subject": "Fwd: Undelivered Mail"}),
    "a person behind an office": notice(f"In-Reply-To: {OURS}", body="Your mail could not be delivered since bob@post.example is unknown. Regards", sender="postmaster@post.example", subject="Re: Tea", path="<postmaster@post.example>"),
    "a delay": notice("Auto-Submitted: auto-replied", body=DELAY, subject="Warning: message 1abc delayed 24 hours"),
    "a delay of another subject": notice(body=DELAY, subject="Mail delivery failed, or not"),
    "a warning": notice(body=f"THIS IS A WARNING MESSAGE ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\n<bob@post.example>... Deferred: 450\n\n{COPY}", subject="Warning: could not send message for past 4 hours"),
    "a temporary problem": notice("X-Failed-Recipients: bob@post.example", f"In-Reply-To: {OURS}", body="There was a temporary problem delivering your message to bob@post.example. We will retry for 46 more hours.", subject="Delivery Status Notification (Delay)"),
    "a success": with_part("Your message was successfully delivered to bob@post.example.", subject="Successful Mail Delivery Report"),
    "a read receipt": notice('Content-Type: multipart/report; report-type=disposition-notification; boundary="b"', body=RECEIPT, subject="Not read: Tea"),
    "a list that asks its owner": notice("List-Id: <tea.lists.example>", f"In-Reply-To: {OURS}", body="Your mail to bob@post.example was not delivered yet: it waits for the owner.", sender="tea-bounces@lists.example", subject="Your message awaits approval"),
    "a meeting": notice("Content-Type: text/calendar; method=REPLY", f"In-Reply-To: {OURS}", body="BEGIN:VCALENDAR\nSUMMARY:Delivery failed bob@post.example\nEND:VCALENDAR", sender="postmaster@post.example", subject="Declined: delivery failed"),
    "a notice without our id": notice(body="Your message could not be delivered to <bob@post.example>: 550 5.1.1"),
    "a daemon without news": with_part("Sorry."),
    "news about notices": notice(f"References: {OURS}", body="How undeliverable mail is handled: 550 5.1.1 means that bob@post.example is unknown.", sender="Bob <bob@post.example>", subject="Undeliverable mail explained", path="<bob@post.example>"),
}  # fmt: skip
