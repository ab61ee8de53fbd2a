"""The built-in tags and filters: icons, tiles, sizes, dates, addresses, and the frame around every page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, Select, Textarea
from django.forms.widgets import ChoiceWidget
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from accounts import formats
from accounts.adapter import current_membership
from accounts.models import MailAccount, User
from fetching.status import account_status
from fetching.status.account_status import AccountStatus
from mailhub import mail_files
from mailhub.pages import sidebar
from quotas.models import StorageMeter

register = template.Library()


# ── Marks ───────────────────────────────────────────────────────────────────
@register.simple_tag
def icon(name: str, small: bool = False, label: str = "", extra: str = "") -> SafeString:
    """An icon of the sprite. With `label` it speaks for itself; without, the word next to it does."""
    classes = " ".join(filter(None, ("icon", "icon-s" if small else "", extra)))
    speech = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="{}" {}><use href="{}#{}"></use></svg>',
        classes,
        SafeString(speech),
        static("mailhub/icons.svg"),
        name,
    )


@register.simple_tag
def tile(account: MailAccount, size: str = "") -> SafeString:
    """The account's letter in its colour; `size` is "s", "l" or nothing."""
    return format_html(
        '<span class="tile{}" data-color="{}" aria-hidden="true">{}</span>',
        f" tile-{size}" if size else "",
        account.color,
        account.tile,
    )


# ── Numbers and times ───────────────────────────────────────────────────────
@register.filter
def size(value: int | None) -> str:
    """Bytes as "264 MB"."""
    return formats.size(int(value or 0))


@register.filter
def number(value: int | None) -> str:
    """A whole number as the reader's language writes it."""
    return formats.number(int(value or 0))


@register.filter
def relative_time(value: datetime | None) -> str:
    """ "2 minutes ago"; nothing for nothing."""
    return formats.relative_time(value) if value else ""


@register.filter
def list_date(value: datetime | None) -> str:
    """The shortest clear date."""
    return formats.list_date(value) if value else ""


@register.filter
def full_date(value: datetime | None) -> str:
    """Weekday, date and time."""
    return formats.full_date(value) if value else ""


@register.simple_tag
def when(value: datetime | None) -> SafeString:
    """A `<time>` that says how long ago and, on hover, in full."""
    if value is None:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        formats.full_date(value),
        formats.relative_time(value),
    )


# ── Addresses ───────────────────────────────────────────────────────────────
@register.simple_tag(takes_context=True)
def org_url(context: template.Context, name: str, *args: Any, **kwargs: Any) -> str:
    """`reverse` with the slug of the organization this request is in."""
    slug = context["request"].membership.organization.slug
    if kwargs:
        return reverse(name, kwargs={"slug": slug, **kwargs})
    return reverse(name, args=[slug, *args])


@register.simple_tag(takes_context=True)
def own_url(context: template.Context, name: str) -> str:
    """The same for pages outside any organization: of the one last worked in, or "" without any."""
    request = context["request"]
    membership = current_membership(request, request.user) if isinstance(request.user, User) else None
    return reverse(name, args=[membership.organization.slug]) if membership else ""


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The current query string with `changes`; None and "" take a key out."""
    values = context["request"].GET.copy()
    for key, value in changes.items():
        values.pop(key, None)
        if value not in (None, ""):
            values[key] = value
    return f"?{values.urlencode()}"


# ── Forms ───────────────────────────────────────────────────────────────────
@register.inclusion_tag("_field.html")
def field(
    bound: BoundField,
    hint: str | None = "",
    label: str = "",
    css: str = "",
    optional: bool = False,
    placeholder: str | None = None,
) -> dict[str, Any]:
    """One field: label, control, then its error or its hint, joined by `aria-describedby`.

    `hint` and `label` replace the form's own; a hint of None shows none.
    """
    widget = bound.field.widget
    hint = "" if hint is None else hint or str(bound.help_text)
    attrs: dict[str, Any] = {} if placeholder is None else {"placeholder": placeholder}
    if isinstance(widget, Select):
        attrs["class"] = "select"
    elif isinstance(widget, Textarea):
        attrs["class"] = "textarea"
    elif not isinstance(widget, (CheckboxInput, ChoiceWidget)):
        attrs["class"] = "input"
    note = f"{bound.id_for_label}-note"
    if bound.errors:
        attrs["aria-invalid"] = "true"
    if bound.errors or hint:
        attrs["aria-describedby"] = note
    else:
        bound.help_text = ""  # or Django would name a note that is not there
    return {
        "field": bound,
        "control": bound.as_widget(attrs=attrs),
        "is_checkbox": isinstance(widget, CheckboxInput),
        "label": label or bound.label,
        "hint": hint,
        "note": note,
        "css": css,
        "optional": optional,
    }


# ── The frame ───────────────────────────────────────────────────────────────
@register.simple_tag(takes_context=True)
def signup_is_open(context: template.Context) -> bool:
    """Whether this visitor may sign up."""
    return bool(get_adapter().is_open_for_signup(context["request"]))


@register.simple_tag
def mail_stays_here() -> bool:
    """Whether Mailhub's own mail is only written to files, for want of a mail server."""
    return settings.EMAIL_BACKEND == mail_files.BACKEND


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """ "light" or "dark" when the person chose so, else nothing and the device decides."""
    request = context.get("request")
    user = getattr(request, "user", None)
    chosen = user.theme if isinstance(user, User) else getattr(request, "COOKIES", {}).get("theme", "")
    return chosen if chosen in ("light", "dark") else ""


@register.inclusion_tag("_sidebar_accounts.html", takes_context=True)
def side_accounts(context: template.Context) -> dict[str, Any]:
    """The person's accounts, the open one with its folders and labels.

    Reads `folder` or `account`, `label`, `is_managing` and `is_outbox` from the context.
    """
    request = context["request"]
    folder, account = context.get("folder"), context.get("account")
    open_account = getattr(folder, "account_id", None) or getattr(account, "pk", None)
    entries = sidebar.accounts_of(request.membership, open_account)
    return {
        "request": request,
        "entries": entries,
        "folder": folder,
        "label": context.get("label"),
        "is_managing": context.get("is_managing", False),
        "is_outbox": context.get("is_outbox", False),
        "unread": sum(entry.unread for entry in entries),
        # Partial answers and messages opened from "All accounts" have another address.
        "is_all": getattr(context.get("place"), "is_all", False)
        or getattr(request.resolver_match, "url_name", "") == "mail_all",
    }


@register.inclusion_tag("_sidebar_storage.html", takes_context=True)
def side_storage(context: template.Context, oob: bool = False) -> dict[str, Any]:
    """The storage bar at the foot of the side panel; with `oob` an htmx answer brings it up to date."""
    request = context["request"]
    return {"request": request, "meter": sidebar.storage_of(request.membership), "oob": oob}


@register.filter
def storage_tone(meter: StorageMeter) -> str:
    """The class of a storage bar: it warns before it is full."""
    share = meter.used / meter.limit if meter.limit else 1
    return "is-bad" if share >= 0.95 else "is-warn" if share >= 0.8 else ""


@register.filter
def folder_icon(role: str) -> str:
    """The icon of a folder's role."""
    return sidebar.FOLDER_ICONS.get(role, "folder")  # type: ignore[call-overload, no-any-return]


@register.filter
def status(account: MailAccount) -> AccountStatus:
    """Badge, icon, tone, sentence and remedy of an account; select its `fetch_state` along."""
    return account_status.status_of(account)


@register.inclusion_tag("_user_menu.html", takes_context=True)
def user_menu(context: template.Context) -> dict[str, Any]:
    """Name, language, theme, organizations, sign out."""
    request = context["request"]
    return {
        "request": request,
        "user": request.user,
        "memberships": sidebar.organizations_of(request),
        "themes": User.Theme.choices,
        "languages": settings.LANGUAGES,
        "language": get_language(),
    }


@register.inclusion_tag("_organizations.html", takes_context=True)
def organizations(context: template.Context) -> dict[str, Any]:
    """The switcher in the head of the side panel."""
    request = context["request"]
    return {"request": request, "memberships": sidebar.organizations_of(request)}


@register.inclusion_tag("_banners.html", takes_context=True)
def banners(context: template.Context) -> dict[str, Any]:
    """What keeps mail from coming in, and what to do about it."""
    request = context["request"]
    membership = getattr(request, "membership", None)
    if membership is None:
        return {}
    return {
        "request": request,
        "troubles": sidebar.troubles_of(membership),
    }


@register.inclusion_tag("_nav_entry.html", takes_context=True)
def entry(
    context: template.Context, icon_name: str, words: str, name: str, exact: bool = False
) -> dict[str, Any]:
    """One line of a side menu, current on its page and on the pages below it."""
    request = context["request"]
    url = org_url(context, name)
    current = request.path == url if exact else request.path.startswith(url)
    return {"icon_name": icon_name, "words": words, "url": url, "is_current": current}


@register.inclusion_tag("_bottom_nav.html", takes_context=True)
def dock(context: template.Context) -> dict[str, Any]:
    """The places below on the phone: only those that exist for this person."""
    request = context["request"]
    places = [("mail", "mail"), ("accounts", "accounts"), ("profile", "settings")]
    if request.membership.is_admin:
        places.append(("console", "console"))
    urls = {key: org_url(context, name) for name, key in places}
    return {"urls": urls, "place": _place(request.path, urls)}


def _place(path: str, urls: dict[str, str]) -> str:
    """Which of the dock's places a path belongs to; the accounts are a page of the settings too."""
    if path.startswith(urls["accounts"]):
        return "accounts"
    if "console" in urls and path.startswith(urls["console"]):
        return "console"
    return "settings" if path.startswith(urls["settings"].rsplit("profile/", 1)[0]) else "mail"
