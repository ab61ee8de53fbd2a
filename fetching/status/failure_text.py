"""What is told about an account that only its owner can help: what is so, and what to do, as exactly as we know it."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.formats import date_and_time, number
from accounts.models import MailAccount
from accounts.providers import lookup
from accounts.servers.failures import ErrorClass, Failure
from fetching.models import FetchState

# A certificate that was good for years is no typing mistake: something has changed there, or on the way.
_CERTIFICATE_SINCE = {
    "certificate_expired": gettext_lazy(
        "The certificate of the server has run out. Fetching worked until %(when)s."
    ),
    "certificate_self_signed": gettext_lazy(
        "The certificate of the server has changed, and nobody that Mailhub trusts vouches for the new one."
        " Fetching worked until %(when)s."
    ),
    "certificate_wrong_name": gettext_lazy(
        "The certificate of the server has changed and belongs to another name now."
        " Fetching worked until %(when)s."
    ),
    "certificate_incomplete": gettext_lazy(
        "The certificate of the server has changed, and the server does not show who vouches for the new one."
        " Fetching worked until %(when)s."
    ),
    "certificate_invalid": gettext_lazy(
        "The certificate of the server has changed and is not valid. Fetching worked until %(when)s."
    ),
    "tls_failed": gettext_lazy(
        "The server has changed how it secures its connections, and Mailhub cannot follow."
        " Fetching worked until %(when)s."
    ),
}


class FailureText(NamedTuple):
    """Two sentences. `is_password`: a new password may be all it takes."""

    sentence: str
    remedy: str
    is_password: bool = True


def failure_text(account: MailAccount, failure: Failure, provider: str) -> FailureText:
    """What to say of a failure that waits for a person. `provider` is how the provider is called."""
    state = account.fetch_state
    plain = FailureText(str(failure.sentence), str(failure.remedy))
    if failure.error_class == ErrorClass.AUTHENTICATION:
        return _stopped(state, _signing_in(account, plain))
    if failure.error_class == ErrorClass.CERTIFICATE:
        return _certificate(state, plain)
    if failure.error_class == ErrorClass.CONNECTION:
        return _unreachable(state, plain)
    if state.error_code == "login_disabled":
        return _switched_off(account, plain, provider)
    return plain


# ── Signing in ──────────────────────────────────────────────────────────────
def _signing_in(account: MailAccount, plain: FailureText) -> FailureText:
    preset, state = lookup.by_slug(account.provider), account.fetch_state
    if preset and not preset.connectable:
        # Its own sign-in page is the only way in, and no password opens it.
        return FailureText(
            _("The provider did not accept the password."), str(preset.note), is_password=False
        )
    if not state.last_success_at or state.error_code != "authentication_failed":
        return plain
    # It worked before, so the settings are right and what changed is the password, or POP3 is off there.
    if preset and preset.switches_pop3:
        return FailureText(
            _("The password has changed, or POP3 was switched off at the provider."),
            _("Your mail is safe there and comes in once you enter the new one or switch POP3 on."),
        )
    return FailureText(
        _("The provider no longer accepts the password."),
        _("Your mail is safe there and comes in once you enter the new one."),
    )


def _stopped(state: FetchState, told: FailureText) -> FailureText:
    """After ten refusals Mailhub does not ask again: each one might lock the account at the provider."""
    if state.status != FetchState.Status.FAILED or not state.authentication_failures:
        return told
    count = state.authentication_failures
    stopped = ngettext(
        "Mailhub has stopped asking after %(count)s refusal, so that the provider does not lock the account.",
        "Mailhub has stopped asking after %(count)s refusals, so that the provider does not lock the account.",
        count,
    ) % {"count": number(count)}
    return told._replace(remedy=f"{stopped} {told.remedy}")


def _switched_off(account: MailAccount, plain: FailureText, provider: str) -> FailureText:
    preset = lookup.by_slug(account.provider)
    if preset is None:
        return plain
    sentence = _("%(provider)s lets no mail program in: POP3 is probably switched off there.")
    sentence %= {"provider": provider}
    return FailureText(sentence, str(preset.note) if preset.note else plain.remedy)


# ── The way there ───────────────────────────────────────────────────────────
def _certificate(state: FetchState, plain: FailureText) -> FailureText:
    told = _CERTIFICATE_SINCE.get(state.error_code)
    if told is None or state.last_success_at is None:
        return plain
    return FailureText(
        str(told) % {"when": date_and_time(state.last_success_at)},
        _(
            "The password is not sent until this is right again. Ask the provider whether its server has changed."
        ),
    )


def _unreachable(state: FetchState, plain: FailureText) -> FailureText:
    if not state.connection_failures:
        return plain
    count = state.connection_failures
    sentence = ngettext(
        "The server could not be reached %(count)s time. Mailhub has stopped trying.",
        "The server could not be reached %(count)s times in a row. Mailhub has stopped trying.",
        count,
    ) % {"count": number(count)}
    remedy = _("Your mail is safe there. Check the server name, or fetch now if the server is back.")
    return FailureText(sentence, remedy)
