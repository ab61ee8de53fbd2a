"""All that can go wrong when talking to a mail server: a code, a class, a sentence and a remedy each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from accounts.servers.failure_classes import ErrorClass as ErrorClass
from accounts.servers.failure_classes import Failure as Failure
from accounts.servers.failure_classes import permanent as _permanent
from accounts.servers.failure_classes import temporary as _temporary
from accounts.servers.server_text import clean_server_text as clean_server_text

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# A name that leads to a private address must look exactly like a server that does not answer, in words, class
# and retries. Otherwise the connection test is a scanner of the network Mailhub runs in. Only the stored code
# differs: operators read codes, tenants never do. Being temporary is right too: a resolver that lies for an
# hour must not stop an account.
_UNREACHABLE = _temporary(
    ErrorClass.CONNECTION,
    _("The server could not be reached."),
    _("Check the server name and the port; if both are right, the server may be down for a while."),
)

_ASK_FOR_CERTIFICATE = _("Ask the provider to put a valid certificate in place, or for another server name.")

FAILURES: dict[str, Failure] = {
    # Reaching the server
    "name_not_found": _temporary(
        ErrorClass.CONNECTION,
        _("There is no server with this name."),
        _("Check the spelling of the server name, or ask the provider for it."),
    ),
    "host_not_allowed": _UNREACHABLE,
    "port_not_allowed": _permanent(
        ErrorClass.CONFIG,
        _("This port cannot be used."),
        _("Choose one of the usual ports, or ask the provider which of them it offers."),
    ),
    "host_invalid": _permanent(
        ErrorClass.CONFIG,
        _("This is not a server name."),
        _("Enter the full name the provider gives, such as mail.example.com; an IP address will not do."),
    ),
    "unreachable": _UNREACHABLE,
    "timeout": _temporary(
        ErrorClass.CONNECTION,
        _("The server did not answer in time."),
        _("Check the server name and the port; if both are right, try again in a few minutes."),
    ),
    "too_slow": _temporary(
        ErrorClass.CONNECTION,
        _("The server sent its mail too slowly, so the fetch was ended."),
        _("What has already arrived is kept and the next fetch goes on from there; nothing is lost."),
    ),
    "connection_lost": _temporary(
        ErrorClass.CONNECTION,
        _("The server closed the connection before the work was done."),
        _("Try again in a few minutes; mail that has not arrived yet is still at the provider."),
    ),
    # A secure connection
    "certificate_expired": _permanent(
        ErrorClass.CERTIFICATE,
        _("The certificate of the server is out of date."),
        _("Ask the provider to renew it; until then the password is not sent."),
    ),
    "certificate_self_signed": _permanent(
        ErrorClass.CERTIFICATE,
        _("Nobody that Mailhub trusts vouches for the certificate of the server."),
        _ASK_FOR_CERTIFICATE,
    ),
    "certificate_wrong_name": _permanent(
        ErrorClass.CERTIFICATE,
        _("The certificate of the server belongs to another name."),
        _("Check the server name; the provider can tell you the one its certificate is made for."),
    ),
    "certificate_incomplete": _permanent(
        ErrorClass.CERTIFICATE,
        _("The server does not show who vouches for its certificate."),
        _("Ask the provider to send the intermediate certificates along, or to use a well-known authority."),
    ),
    "certificate_invalid": _permanent(
        ErrorClass.CERTIFICATE,
        _("The certificate of the server is not valid."),
        _ASK_FOR_CERTIFICATE,
    ),
    "tls_failed": _permanent(
        ErrorClass.CERTIFICATE,
        _("A secure connection to the server could not be made."),
        _("Check the port and the encryption; a server that knows only old encryption cannot be used."),
    ),
    # Certificate and not config: servers that are too busy say so in the clear before any handshake.
    "starttls_needed": _permanent(
        ErrorClass.CERTIFICATE,
        _("The server does not begin encrypted on this port, so the password was not sent."),
        _("Choose STARTTLS for this port, or keep SSL and use its own port, usually 995."),
    ),
    "ssl_needed": _permanent(
        ErrorClass.CONFIG,
        _("The server expects an encrypted connection from the start on this port."),
        _("Choose SSL for this port; STARTTLS has a port of its own, usually 110."),
    ),
    "starttls_missing": _permanent(
        ErrorClass.CONFIG,
        _("The server does not offer STARTTLS, so the password was not sent."),
        _("Choose SSL on its own port instead, or ask the provider for the right settings."),
    ),
    # What answers there
    "not_pop3": _permanent(
        ErrorClass.CONFIG,
        _("What answers at this address is not a POP3 server."),
        _("Check the server name, the port and the encryption."),
    ),
    "server_busy": _temporary(
        ErrorClass.BUSY,
        _("The server has no time at the moment."),
        _("Try again in a few minutes; mail waits at the provider and nothing is lost."),
    ),
    "protocol_error": _temporary(
        ErrorClass.CONNECTION,
        _("The server gave an answer that makes no sense."),
        _("Try again later; if it stays so, tell the provider about it."),
    ),
    "uidl_missing": _permanent(
        ErrorClass.CONFIG,
        _("This server cannot tell messages apart, so mail left there would be fetched again and again."),
        _("Choose to delete mail at the provider after fetching, or ask the provider for another server."),
    ),
    # Signing in
    "authentication_failed": _permanent(
        ErrorClass.AUTHENTICATION,
        _("The server did not accept the user name and password."),
        _("Enter the password again; some providers want an app password, or POP3 switched on first."),
    ),
    "authentication_unclear": _temporary(
        ErrorClass.AUTHENTICATION,
        _("The server refused to sign in and gave no clear reason."),
        _("Check the user name and password; if both are right, try again later."),
    ),
    "account_blocked": _permanent(
        ErrorClass.CONFIG,
        _("The provider has closed this account to mail programs."),
        _("Sign in at the website of the provider and look for a message there."),
    ),
    "login_disabled": _permanent(
        ErrorClass.CONFIG,
        _("The server does not let this account sign in with a password here."),
        _("Switch on POP3 in the settings at the provider, and choose an encryption if none is chosen."),
    ),
    "password_unencodable": _permanent(
        ErrorClass.AUTHENTICATION,
        _("The server cannot take a password with these characters."),
        _("Choose one at the provider with plain letters, digits and signs only, then enter it here."),
    ),
    "password_too_long": _permanent(
        ErrorClass.AUTHENTICATION,
        _("The server cannot take a user name or password this long."),
        _("Choose a password of at most 248 characters at the provider, then enter it here."),
    ),
    "mailbox_busy": _temporary(
        ErrorClass.BUSY,
        _("Another program has this mailbox open."),
        _("Try again in a few minutes, or close the other program; nothing is lost."),
    ),
    "login_delay": _temporary(
        ErrorClass.DELAY,
        _("The provider asks for a pause between two fetches."),
        _("Wait a few minutes; mail waits at the provider and nothing is lost."),
    ),
    # Sending: the server. Whether a message is tried again says its verdict (sending.smtp.client), not these.
    "not_smtp": _permanent(
        ErrorClass.CONFIG,
        _("What answers at this address is not an SMTP server."),
        _("Check the server name, the port and the encryption."),
    ),
    "encryption_needed": _permanent(
        ErrorClass.CONFIG,
        _("The server takes mail over an encrypted connection only."),
        _("Choose SSL or STARTTLS in the settings for sending."),
    ),
    "sign_in_missing": _permanent(
        ErrorClass.CONFIG,
        _("The server offers no way to sign in with a password."),
        _("Check the port and the encryption, or ask the provider for the right settings."),
    ),
    "sign_in_needed": _permanent(
        ErrorClass.CONFIG,
        _("The server takes mail only from people who have signed in."),
        _("Enter a user name and a password in the settings for sending."),
    ),
    "sending_login_failed": _permanent(
        ErrorClass.AUTHENTICATION,
        _("The server did not accept the user name and password."),
        _(
            "Enter the password for sending again; some providers want an app password, or SMTP switched on first."
        ),
    ),
    "smtp_switched_off": _permanent(
        ErrorClass.CONFIG,
        _("The provider does not let this account send through mail programs."),
        _("Switch on SMTP in the settings at the provider, or ask whoever looks after the account there."),
    ),
    "blocked_here": _permanent(
        ErrorClass.CONFIG,
        _("The server takes no mail from where Mailhub runs."),
        _("Tell the people who run Mailhub; they can ask the provider to lift this."),
    ),
    "smtp_busy": _temporary(
        ErrorClass.BUSY,
        _("The server for sending has no time at the moment."),
        _("Try again in a few minutes; mail that waits to be sent is kept."),
    ),
    "sending_interrupted": _temporary(
        ErrorClass.CONNECTION,
        _("The connection broke before the message was handed over."),
        _("Try again in a few minutes; mail that waits to be sent is kept, and nothing was sent."),
    ),
    "sending_too_slow": _temporary(
        ErrorClass.CONNECTION,
        _("The server took the message too slowly, so sending was ended."),
        _("Try again later or with smaller attachments; nothing was sent."),
    ),
    "sending_not_set_up": _permanent(
        ErrorClass.CONFIG,
        _("How mail goes out from this account is not set up yet."),
        _("Open the settings of the account and set up sending."),
    ),
    # Sending: one message
    "maybe_sent": _permanent(
        ErrorClass.MESSAGE,
        _("The server has the message but did not say whether it took it: it may have been sent."),
        _("Look for it in Sent at the provider, or ask the recipient, before you send it again."),
    ),
    "sender_refused": _permanent(
        ErrorClass.MESSAGE,
        _("The provider does not let this account send from this address."),
        _("Send from another address, or allow this one in the settings at the provider."),
    ),
    "sender_not_proven": _permanent(
        ErrorClass.MESSAGE,
        _("The address this message comes from may not be used any more."),
        _("Confirm the address again, or send the message from another one; nothing was sent."),
    ),
    "relay_refused": _permanent(
        ErrorClass.MESSAGE,
        _("The server does not pass mail on to this recipient."),
        _(
            "Check the user name and password for sending: most servers pass mail on only for those who sign in."
        ),
    ),
    "recipient_refused": _permanent(
        ErrorClass.MESSAGE,
        _("The server takes no mail for this recipient."),
        _("Check the spelling of the address; it may no longer exist."),
    ),
    "recipient_full": _temporary(
        ErrorClass.BUSY,
        _("The mailbox of the recipient is full."),
        _("Send it again later, or reach the recipient another way."),
    ),
    "greylisted": _temporary(
        ErrorClass.BUSY,
        _("The server of the recipient wants to be asked once more, as it does with every new sender."),
        _("Wait a few minutes; the message is kept until then."),
    ),
    "refused_for_now": _temporary(
        ErrorClass.BUSY,
        _("The server did not take the message for the time being."),
        _("Wait a few minutes; the message is kept until then."),
    ),
    "sending_limit": _temporary(
        ErrorClass.DELAY,
        _("The provider takes no more mail from this account for now."),
        _("Wait an hour, or until tomorrow; providers count what an account sends."),
    ),
    "message_refused": _permanent(
        ErrorClass.MESSAGE,
        _("The server refused this message."),
        _("Change the text, the links or the attachments and send it again."),
    ),
    "too_large_to_send": _permanent(
        ErrorClass.MESSAGE,
        _("This message is larger than the server takes."),
        _("Send fewer or smaller attachments."),
    ),
    "characters_refused": _permanent(
        ErrorClass.MESSAGE,
        _("The server cannot take an address or a message with these characters."),
        _("Use an address with plain letters, or another server for sending."),
    ),
    # Messages, space and Mailhub itself
    "message_too_large": _permanent(
        ErrorClass.MESSAGE,
        _("This message is larger than your plan allows."),
        _("It stays at the provider, where you can read it; nothing is lost."),
    ),
    "message_withheld": _temporary(
        ErrorClass.BUSY,
        _("The server does not hand out this message."),
        _("Mailhub asks for it again, after an hour and then ever less often; it stays at the provider."),
    ),
    "message_short": _temporary(
        ErrorClass.BUSY,
        _("Far less of this message came than the provider lists."),
        _("Mailhub asks for it again, and does not delete it at the provider."),
    ),
    "storage_full": _temporary(
        ErrorClass.QUOTA,
        _("There is no space left for new mail."),
        _("Delete what you no longer need or ask for more; until then new mail stays at the provider."),
    ),
    "too_many_tests": _temporary(
        ErrorClass.DELAY,
        _("This server has been tested often in a short time."),
        _("Wait a little before the next test."),
    ),
    # Busy, not connection: fifty faults of ours in a row must not disable anybody's account.
    "internal": _temporary(
        ErrorClass.BUSY,
        _("Something went wrong in Mailhub, not at your provider."),
        _("Try again in a few minutes; nothing is lost."),
    ),
}

_UNKNOWN = _temporary(
    ErrorClass.BUSY,
    _("The mail could not be fetched."),
    _("Try again in a few minutes; nothing is lost."),
)


def describe(code: str) -> Failure:
    """The table's row for a code, as stored in the database; an unknown one gets a general row."""
    return FAILURES.get(code, _UNKNOWN)


class MailError(Exception):
    """A failure of one exchange with a mail server.

    `code` is a key of FAILURES. `server_text` is the server's own words, cleaned and at most 200 characters
    long; it may go to the account's owner only after TLS and a valid greeting (a banner of an inner service
    is a leak), so it is in neither str() nor repr(). `retry_after` is in seconds, None when unknown.
    """

    def __init__(self, code: str, server_text: str = "", retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.server_text = clean_server_text(server_text)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Callable[..., MailError], tuple[str, str, int | None]]:
        # The inherited form calls the class with args alone and would lose the other two.
        return type(self), (self.code, self.server_text, self.retry_after)

    @property
    def failure(self) -> Failure:
        return describe(self.code)

    @property
    def error_class(self) -> ErrorClass:
        return self.failure.error_class

    @property
    def permanent(self) -> bool:
        return self.failure.permanent

    @property
    def sentence(self) -> _StrPromise:
        return self.failure.sentence

    @property
    def remedy(self) -> _StrPromise:
        return self.failure.remedy
