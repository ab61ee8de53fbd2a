"""HTML that people must not be able to put into letters, and some that they may."""

from __future__ import annotations

import re

PAYLOADS = [
    "<script>alert(1)</script>",
    "<script src='https://evil.example/x.js'></script>",
    "<img src=x onerror=alert(1)>",
    "<p onclick='alert(1)' onmouseover=alert(1)>x</p>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jav&#x09;ascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>1</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<div style='background:url(https://evil.example/x.png)'>x</div>",
    "<div style='width:expression(alert(1));behavior:url(x.htc);-moz-binding:url(x)'>x</div>",
    "<style>p { background: url(https://evil.example/x) }</style>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<iframe src='https://evil.example/'></iframe>",
    "<object data='x.swf'></object><embed src='x.swf'>",
    "<form action='https://evil.example/'><input name=q><button>go</button></form>",
    "<svg onload=alert(1)><script>1</script></svg>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<img src='javascript:alert(1)'>",
    "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
    "<div style='position:fixed;inset:0'>x</div>",
    "\0<scr\0ipt>alert(1)</scr\0ipt>",
    "<!--><script>alert(1)</script>-->",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
]
HARMLESS = [
    "<p>Ada</p>",
    "<div>Ada</div>",
    "<div style='color:#333'>Ada</div>",
    "<p>Ada <b>Lovelace</b><br><a href='https://ada.example/?a=1&b=2'>Site</a></p>",
    "<ul><li>one</li></ul><blockquote>two</blockquote>",
    "<table><tr><td style='padding:4px'>x</td></tr></table>",
    "<p><img src='https://shop.example/logo.png' alt='Logo' width=120></p>",
    "<img src='cid:logo@shop.example'>",
    "<img src='data:image/png;base64,iVBORw0KGgo='>",
    "plain & simple < words",
    "<hr>",
]
_BAD = re.compile(
    r"<\s*(?:script|style|link|iframe|object|embed|form|input|button|svg|math|base|meta|noscript)\b"
    r"|<[^>]*\son\w+\s*=|javascript:|vbscript:|data:(?!image/(?:png|jpeg|gif|webp))|url\(|expression|position:"
    r"|behavior|binding|\0",
    re.IGNORECASE,
)


def assert_harmless(html: str) -> None:
    found = _BAD.search(html)
    assert found is None, f"{found[0]!r} in {html!r}"
