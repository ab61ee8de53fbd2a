"""What a person must do at a provider before its mail can be fetched, and the way there, step by step."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

# ── Notes: one or two sentences beside the form ─────────────────────────────

APP_PASSWORD = _("This provider wants an app password. You create it in the security settings there.")
SWITCH_ON = _("POP3 must be switched on in the settings at the provider first.")
SWITCH_ON_AND_APP_PASSWORD = _("POP3 must be switched on there first, and it wants an app password.")
GMAIL = _("Gmail wants an app password, and POP must be switched on in its settings.")
GMX = _("POP3 must be switched on first. There: E-mail, Settings, POP3 and IMAP, then allow access.")
ZOHO = _("At Zoho, POP must be switched on first. The free plan does not offer it.")
T_ONLINE = _("T-Online wants its own password for e-mail programs. The one of the website does not work.")
AUTHORIZATION_CODE = _("POP3 must be switched on first. A code is shown then that serves as the password.")
THIRD_PARTY = _("Access by other programs must be allowed in the settings at the provider first.")
ONCE_A_MINUTE = _("OVH ends connections that come more often than once a minute. Mailhub keeps to that.")
MICROSOFT = _("Microsoft lets programs in only through its own sign-in page. Mailhub cannot use that yet.")
ICLOUD = _("iCloud offers no POP3. It can be connected once Mailhub can fetch with IMAP.")
SEALED = _("Mail there is sealed for the provider's own programs. No other service can fetch it.")
OWN_NETWORK = _("Fetching works, sending does not: it sends only from the lines of its own customers.")
NOT_ENCRYPTED = _("This provider does not encrypt. Others on the way could read the password and the mail.")

# What these providers' people must switch on, some providers switch off again when it is not used for long.
SWITCHES = (SWITCH_ON, SWITCH_ON_AND_APP_PASSWORD, GMAIL, GMX, ZOHO, AUTHORIZATION_CODE, THIRD_PARTY)

# ── Steps: the way there ────────────────────────────────────────────────────

_PASTE = _("Enter it here as the password. The one you sign in with there does not work.")
_TWO_STEP = _("If you sign in there with a code from your phone, create an app password for use here.")

GMAIL_STEPS = (
    _("In Gmail, open Settings, See all settings, then Forwarding and POP/IMAP."),
    _("Choose “Enable POP for all mail”, let Gmail keep its copy in the Inbox, and save."),
    _("In your Google Account, open Security and switch on 2-Step Verification if it is off."),
    _("Search your Google Account for “App passwords” and create one named Mailhub."),
    _PASTE,
)
YAHOO_STEPS = (
    _("Sign in on the provider's website and open the security page of your account."),
    _("Choose to create an app password, name it Mailhub, and copy what is shown."),
    _PASTE,
)
GMX_STEPS = (
    _("Sign in on the provider's website and open E-mail, then Settings."),
    _("Open POP3 and IMAP, allow access, and save."),
    _TWO_STEP,
)
ZOHO_STEPS = (
    _("In Zoho Mail, open Settings, then Mail Accounts, and choose your address."),
    _("Switch on POP access and save."),
    _TWO_STEP,
)
FASTMAIL_STEPS = (
    _("In Fastmail, open Settings, then Privacy and Security."),
    _("Add an app password named Mailhub with access to mail by POP, and copy it."),
    _PASTE,
)
T_ONLINE_STEPS = (
    _("Sign in on the website of T-Online and open the settings of your e-mail."),
    _("Under Passwords, set the password for e-mail programs."),
    _PASTE,
)
YANDEX_STEPS = (
    _("In Yandex Mail, open All settings, then Email clients, and allow POP3 for the folders you want."),
    _("In Yandex ID, open Security, then App passwords, and create one for mail."),
    _PASTE,
)
MAIL_RU_STEPS = (
    _("In Mail.ru, open the settings of your account, then Security."),
    _("Under passwords for external applications, add one named Mailhub and copy it."),
    _PASTE,
)
ATT_STEPS = (
    _("Sign in to your AT&T profile and open Sign-in info."),
    _("Choose your e-mail address, then Manage secure mail key, and add one named Mailhub."),
    _PASTE,
)
AUTHORIZATION_CODE_STEPS = (
    _("Sign in on the provider's website and open Settings, then the part about POP3."),
    _("Switch POP3 on and confirm with your phone; the code is shown once."),
    _PASTE,
)
SWITCH_ON_STEPS = (
    _("Sign in on the provider's website and open the settings of your e-mail."),
    _("Find POP3 or IMAP, switch POP3 on, and save."),
)
