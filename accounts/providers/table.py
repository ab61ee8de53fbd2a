"""The presets as data: the servers of each provider, how it wants to be asked, and what to tell the person.

Names and ports are public facts, as the providers' help pages and Mozilla's list of providers give them
(March 2026). Where a provider has implicit TLS, that is the preset (RFC 8314, 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext_lazy as _

from accounts.providers import guides as guides

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    Text = str | _StrPromise

Encryption = Literal["ssl", "starttls", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider. A host is "" where it has none; IMAP is port 993 with SSL at all of them.

    `domains` may hold "yahoo.*" (yahoo of any country) and "*.ocn.ne.jp" (any subdomain). `username_style`:
    the server wants the "full" address or the "local" part before the @. `status`: "ready", "oauth" (programs
    get in only through its own sign-in page) or "no_pop3". `note` says what to do there first, or why it
    cannot be connected; `help_steps` the way. `min_interval_seconds`: it may be asked no more often, None if
    unknown. `connections`: how many at once to its host. `lists_in_parts`: one session sees a part of the mail
    only. `smtp_own_network`: it sends only from the lines of its own customers, so not from a hosted Mailhub.
    """

    slug: str
    name: Text
    letter: str
    color: str
    domains: tuple[str, ...] = ()
    pop_host: str = ""
    pop_port: int = 995
    encryption: Encryption = "ssl"
    username_style: Literal["full", "local"] = "full"
    imap_host: str = ""
    smtp_host: str = ""
    smtp_port: int = 465
    smtp_encryption: Encryption = "ssl"
    smtp_own_network: bool = False
    app_password: bool = False
    status: Literal["ready", "oauth", "no_pop3"] = "ready"
    note: Text = ""
    help_steps: tuple[Text, ...] = ()
    min_interval_seconds: int | None = None
    connections: int = 4
    lists_in_parts: bool = False

    @property
    def connectable(self) -> bool:
        """Whether its mail can be fetched today."""
        return self.status == "ready"

    @property
    def switches_pop3(self) -> bool:
        """Whether POP3 may be off there: what it then says is the same as for a wrong password."""
        return any(self.note is note for note in guides.SWITCHES)

    @property
    def label(self) -> Text:
        """The small print on the tile, "" for none."""
        if self.status != "ready":
            return _("Coming") if self.status == "oauth" else _("No POP3")
        if not self.pop_host:
            return _("Enter servers")
        return _("App password") if self.app_password else ""


def _row(slug: str, name: Text, color: str, domains: str, servers: str, **more: Any) -> Provider:
    """A line of the table. `servers` is "POP IMAP SMTP", "-" for none; SMTP "host:587" means STARTTLS."""
    pop, imap, smtp = (host.removeprefix("-") for host in servers.split())
    smtp_host, colon, smtp_port = smtp.partition(":")
    facts: dict[str, Any] = {"pop_host": pop, "imap_host": imap, "smtp_host": smtp_host}
    if "letter" not in more:  # a translated name must not be read while modules are still loading
        facts["letter"] = str(name)[0]
    if colon:
        facts |= {"smtp_port": int(smtp_port), "smtp_encryption": "starttls"}
    return Provider(slug=slug, name=name, color=color, domains=tuple(domains.split()), **(facts | more))


def _zoho(slug: str, name: str, domains: str, site: str, server: str = "") -> Provider:
    hosts = " ".join(f"{kind}{server}.{site}" for kind in ("pop", "imap", "smtp"))
    # Zoho lets an account have five POP connections at once.
    more: dict[str, Any] = {"note": guides.ZOHO, "help_steps": guides.ZOHO_STEPS, "connections": 5}
    return _row(slug, name, "red", domains, hosts, **more)


_APP: dict[str, Any] = {"app_password": True, "note": guides.APP_PASSWORD, "help_steps": guides.YAHOO_STEPS}
_SWITCH_ON: dict[str, Any] = {"note": guides.SWITCH_ON, "help_steps": guides.SWITCH_ON_STEPS}
# GMX and WEB.DE answer LOGIN-DELAY when asked more often; a quarter of an hour is safe with all of them.
_GMX: dict[str, Any] = {"note": guides.GMX, "help_steps": guides.GMX_STEPS, "min_interval_seconds": 900}
_MICROSOFT: dict[str, Any] = {"status": "oauth", "note": guides.MICROSOFT, "connections": 10}
_CODE: dict[str, Any] = {
    "app_password": True,
    "note": guides.AUTHORIZATION_CODE,
    "help_steps": guides.AUTHORIZATION_CODE_STEPS,
}
_SEALED: dict[str, Any] = {"status": "no_pop3", "note": guides.SEALED}

# fmt: off
PROVIDERS: tuple[Provider, ...] = (
    _row("gmail", "Gmail", "red", "gmail.com googlemail.com", "pop.gmail.com imap.gmail.com smtp.gmail.com",
         app_password=True, note=guides.GMAIL, help_steps=guides.GMAIL_STEPS, connections=10, lists_in_parts=True),
    _row("outlook", "Outlook.com", "blue", "outlook.* hotmail.* live.* msn.com",
         "outlook.office365.com outlook.office365.com smtp-mail.outlook.com:587", **_MICROSOFT),
    _row("office365", "Office 365", "ochre", "",
         "outlook.office365.com outlook.office365.com smtp.office365.com:587", letter="3", **_MICROSOFT),
    _row("yahoo", "Yahoo", "violet", "yahoo.* ymail.com rocketmail.com",
         "pop.mail.yahoo.com imap.mail.yahoo.com smtp.mail.yahoo.com", **_APP),
    _row("yahoo-japan", "Yahoo! JAPAN", "violet", "yahoo.co.jp",
         "pop.mail.yahoo.co.jp - smtp.mail.yahoo.co.jp", username_style="local"),
    _row("gmx", "GMX", "teal", "gmx.net gmx.de gmx.at gmx.ch",
         "pop.gmx.net imap.gmx.net mail.gmx.net", **_GMX),
    _row("gmx-international", "GMX.com", "teal", "gmx.com gmx.us gmx.co.uk gmx.fr gmx.es",
         "pop.gmx.com imap.gmx.com mail.gmx.com", **_GMX),
    _row("web-de", "WEB.DE", "ochre", "web.de", "pop3.web.de imap.web.de smtp.web.de",
         username_style="local", **_GMX),
    _zoho("zoho", "Zoho", "zoho.com zohomail.com", "zoho.com"),
    _zoho("zoho-organization", "Zoho, own domain", "", "zoho.com", "pro"),
    _zoho("zoho-eu", "Zoho Europe", "zoho.eu zohomail.eu", "zoho.eu"),
    _zoho("zoho-in", "Zoho India", "zoho.in zohomail.in", "zoho.in"),
    _zoho("zoho-au", "Zoho Australia", "zoho.com.au", "zoho.com.au"),
    _zoho("zoho-jp", "Zoho Japan", "zoho.jp", "zoho.jp"),
    _zoho("zoho-ca", "Zoho Canada", "zohocloud.ca", "zohocloud.ca"),
    _zoho("zoho-cn", "Zoho China", "zoho.com.cn", "zoho.com.cn"),
    _row("fastmail", "Fastmail", "slate", "fastmail.com fastmail.fm",
         "pop.fastmail.com imap.fastmail.com smtp.fastmail.com",
         app_password=True, note=guides.APP_PASSWORD, help_steps=guides.FASTMAIL_STEPS),
    _row("t-online", "T-Online", "magenta", "t-online.de magenta.de",
         "securepop.t-online.de secureimap.t-online.de securesmtp.t-online.de",
         note=guides.T_ONLINE, help_steps=guides.T_ONLINE_STEPS),
    _row("icloud", "iCloud", "slate", "icloud.com me.com mac.com", "- imap.mail.me.com smtp.mail.me.com:587",
         app_password=True, status="no_pop3", note=guides.ICLOUD),
    _row("proton", "Proton", "violet", "proton.me protonmail.com protonmail.ch pm.me", "- - -", **_SEALED),
    _row("tuta", "Tuta", "red", "tuta.com tuta.io tutanota.com tutanota.de tutamail.com keemail.me", "- - -",
         **_SEALED),

    # Americas
    _row("aol", "AOL", "blue", "aol.com aim.com verizon.net",
         "pop.aol.com imap.aol.com smtp.aol.com", **_APP),
    _row("att", "AT&T", "blue", "att.net bellsouth.net sbcglobal.net ameritech.net pacbell.net swbell.net",
         "inbound.att.net imap.mail.att.net outbound.att.net",
         app_password=True, note=guides.APP_PASSWORD, help_steps=guides.ATT_STEPS),
    _row("comcast", "Xfinity", "violet", "comcast.net", "mail.comcast.net imap.comcast.net smtp.comcast.net",
         note=guides.THIRD_PARTY),
    _row("charter", "Spectrum", "blue", "charter.net",
         "mobile.charter.net mobile.charter.net mobile.charter.net", smtp_port=587),
    _row("earthlink", "EarthLink", "ochre", "earthlink.net mindspring.com",
         "pop.earthlink.net imap.earthlink.net smtpauth.earthlink.net:587"),
    _row("uol", "UOL", "ochre", "uol.com.br", "pop3.uol.com.br imap.uol.com.br smtps.uol.com.br:587",
         username_style="local", **_SWITCH_ON),

    # Germany, Austria, Switzerland
    _row("ionos", "IONOS", "blue", "online.de onlinehome.de", "pop.1und1.de imap.1und1.de smtp.1und1.de"),
    _row("strato", "STRATO", "ochre", "", "pop3.strato.de imap.strato.de smtp.strato.de"),
    _row("posteo", "Posteo", "green", "posteo.de posteo.net", "posteo.de posteo.de posteo.de"),
    _row("bluewin", "Bluewin", "blue", "bluewin.ch",
         "pop3s.bluewin.ch imaps.bluewin.ch smtpauths.bluewin.ch"),

    # France
    _row("orange", "Orange", "ochre", "orange.fr wanadoo.fr", "pop.orange.fr imap.orange.fr smtp.orange.fr"),
    _row("free", "Free", "red", "free.fr", "pop.free.fr imap.free.fr smtp.free.fr", username_style="local"),
    _row("laposte", "La Poste", "ochre", "laposte.net", "pop.laposte.net imap.laposte.net smtp.laposte.net",
         username_style="local"),
    _row("sfr", "SFR", "red", "sfr.fr neuf.fr club-internet.fr", "pop.sfr.fr imap.sfr.fr smtp.sfr.fr"),
    _row("ovh", "OVH", "blue", "", "ssl0.ovh.net ssl0.ovh.net ssl0.ovh.net",
         note=guides.ONCE_A_MINUTE, min_interval_seconds=60),
    _row("gandi", "Gandi", "green", "", "mail.gandi.net mail.gandi.net mail.gandi.net"),

    # Britain, Netherlands
    _row("bt", "BT", "violet", "btinternet.com",
         "mail.btinternet.com mail.btinternet.com mail.btinternet.com"),
    _row("virgin-media", "Virgin Media", "red", "virginmedia.com virgin.net ntlworld.com blueyonder.co.uk",
         "pop3.virginmedia.com imap.virginmedia.com smtp.virginmedia.com", **_APP),
    _row("sky", "Sky", "blue", "sky.com", "pop.tools.sky.com imap.tools.sky.com smtp.tools.sky.com", **_APP),
    _row("ziggo", "Ziggo", "ochre", "ziggo.nl", "pop.ziggo.nl imap.ziggo.nl smtp.ziggo.nl:587"),
    _row("kpn", "KPN", "green", "kpnmail.nl", "pop.kpnmail.nl imap.kpnmail.nl smtp.kpnmail.nl"),

    # Italy
    _row("libero", "Libero", "ochre", "libero.it iol.it inwind.it blu.it giallo.it",
         "popmail.libero.it imapmail.libero.it smtp.libero.it"),
    _row("virgilio", "Virgilio", "red", "virgilio.it", "in.virgilio.it in.virgilio.it out.virgilio.it"),
    _row("tiscali", "Tiscali", "violet", "tiscali.it", "pop.tiscali.it imap.tiscali.it smtp.tiscali.it",
         smtp_own_network=True, note=guides.OWN_NETWORK),

    # Eastern Europe
    _row("yandex", "Yandex", "red", "yandex.* ya.ru", "pop.yandex.com imap.yandex.com smtp.yandex.com",
         app_password=True, note=guides.SWITCH_ON_AND_APP_PASSWORD, help_steps=guides.YANDEX_STEPS),
    _row("mail-ru", "Mail.ru", "blue", "mail.ru inbox.ru list.ru bk.ru",
         "pop.mail.ru imap.mail.ru smtp.mail.ru",
         app_password=True, note=guides.APP_PASSWORD, help_steps=guides.MAIL_RU_STEPS),
    _row("rambler", "Rambler", "blue", "rambler.ru", "pop.rambler.ru imap.rambler.ru smtp.rambler.ru"),
    _row("seznam", "Seznam", "red", "seznam.cz email.cz post.cz",
         "pop3.seznam.cz imap.seznam.cz smtp.seznam.cz"),
    _row("wp", "WP", "red", "wp.pl", "pop3.wp.pl imap.wp.pl smtp.wp.pl", username_style="local"),
    _row("o2-pl", "o2", "blue", "o2.pl", "poczta.o2.pl poczta.o2.pl poczta.o2.pl",
         username_style="local", smtp_own_network=True, note=guides.OWN_NETWORK),
    _row("onet", "Onet", "ochre", "onet.pl onet.eu op.pl vp.pl",
         "pop3.poczta.onet.pl imap.poczta.onet.pl smtp.poczta.onet.pl"),

    # Asia, Australia
    _row("naver", "Naver", "green", "naver.com", "pop.naver.com imap.naver.com smtp.naver.com", **_SWITCH_ON),
    _row("daum", "Daum", "blue", "daum.net hanmail.net",
         "pop.daum.net imap.daum.net smtp.daum.net", **_SWITCH_ON),
    _row("qq", "QQ", "blue", "qq.com foxmail.com", "pop.qq.com imap.qq.com smtp.qq.com", **_CODE),
    _row("163", "163", "red", "163.com", "pop.163.com imap.163.com smtp.163.com", **_CODE),
    _row("126", "126", "green", "126.com", "pop.126.com imap.126.com smtp.126.com", **_CODE),
    _row("rediffmail", "Rediffmail", "red", "rediffmail.com", "pop.rediffmail.com - smtp.rediffmail.com"),
    _row("ocn", "OCN", "blue", "ocn.ne.jp *.ocn.ne.jp", "pop.ocn.ne.jp - smtp.ocn.ne.jp"),
    _row("biglobe", "BIGLOBE", "red", "biglobe.ne.jp *.biglobe.ne.jp",
         "mail.biglobe.ne.jp - mail.biglobe.ne.jp"),
    _row("nifty", "NIFTY", "ochre", "nifty.com", "pop.nifty.com - smtp.nifty.com",
         pop_port=110, encryption="plain", username_style="local", smtp_port=587, smtp_encryption="plain",
         note=guides.NOT_ENCRYPTED),
    _row("telstra", "Telstra", "blue", "bigpond.com bigpond.net.au telstra.com",
         "pop.telstra.com imap.telstra.com smtp.telstra.com"),

    # Whatever else there is: the person enters the servers.
    _row("other", _("Other"), "slate", "", "- - -", letter="…"),
)
# fmt: on
