"""How a text will look in a letter, in a sandboxed frame of its own, while it is being written."""

from __future__ import annotations

from html import escape

from django.http import HttpResponse
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import access
from accounts.access import MemberRequest
from mailbox.html import rendering
from sending.compose import templates
from sending.compose.signatures import HTML_LIMIT, clean_html
from sending.forms.signatures_and_templates import PlainField, RichField
from sending.message import placeholders, reply_rules
from sending.message.placeholders import Values


def samples(request: MemberRequest) -> Values:
    """What placeholders stand for in a preview."""
    name, own = _("Marta Lindqvist"), request.user.name
    return Values(
        name=name,
        first_name=placeholders.first_name_of(name),
        email="marta@example.com",
        date=date_format(timezone.localdate(), "j F Y"),
        subject=_("Your question"),
        my_name=own,
        my_first_name=placeholders.first_name_of(own),
        my_email=request.user.email,
        organization=request.membership.organization.name,
    )


@access.member
@require_POST
def writing_preview(request: MemberRequest) -> HttpResponse:
    """What was typed, cleaned as it will be kept; with `samples`, placeholders are filled in."""
    html, text = (request.POST.get(name, "")[:HTML_LIMIT].replace("\0", "") for name in ("html", "text"))
    if request.POST.get("is_plain"):
        html = reply_rules.html_of_text(PlainField().clean(text))
    else:
        html = clean_html(RichField().clean(html)) or reply_rules.html_of_text(text)
    if request.POST.get("samples"):
        html = _filled(request, html)
    nothing = _("Nothing is written yet.")
    rendered = rendering.render_html(
        html or f"<p>{escape(nothing)}</p>",
        show_remote=True,
        cid_url=lambda cid: None,
    )
    response = HttpResponse(
        rendering.document(
            rendered.html,
            css_url=static("mailhub/css/message_frame.css"),
            lang=get_language() or "en",
            paper=rendered.is_paper,
        )
    )
    response["Content-Security-Policy"] = rendering.BODY_CSP_REMOTE
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


def _filled(request: MemberRequest, html: str) -> str:
    """The text for one letter, or the sentence that says what stands for nothing."""
    subject = request.POST.get("subject", "")[:1000]
    try:
        templates.check({"subject": subject, "html": html})
    except templates.TemplateError as error:
        return f"<p>{escape(str(error.sentence))}</p>"
    values = samples(request)
    line, filled = placeholders.fill_line(subject, values), placeholders.fill_html(html, values)
    return f"<p><b>{escape(line)}</b></p>{filled}" if line else filled
