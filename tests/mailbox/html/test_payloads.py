"""The incidents of others (faults.md 5.3): for each a payload of our own, and nothing of it left."""

# ruff: noqa: E501 - payloads are easier to judge in one piece
from __future__ import annotations

import pytest

from mailbox.html.sanitizer import sanitize
from tests.mailbox.safety import examine

# Each is shown between two words, which must survive unless the payload hides what follows it.
PAYLOADS = {
    # SVG animation and paint (Roundcube CVE-2025-68461, CVE-2026-48848, -35543, -35545, 1.7.3 `by`)
    "CVE-2025-68461 animate href": '<svg><a><animate attributeName=href values="javascript:alert(1)"/><text>x</text></a></svg>',
    "CVE-2026-48848 set": '<svg><set attributeName="onmouseover" to="alert(1)"/></svg>',
    "CVE-2026-35543 fill": '<svg><rect fill="url(https://t.example/x#f)" width=9 height=9 /></svg>',
    "CVE-2026-35545 filter": '<svg><image filter="url(//t.example/f)" stroke="url(//t.example/s)" href="//t.example/i"/></svg>',
    "1.7.3 by": '<svg><animate attributeName="style" by="background:url(//t.example)" values="x"/></svg>',
    "CVE-2026-25916 feImage": '<svg><filter id=f><feImage href="https://t.example/p.png"/></filter></svg>',
    "svg use": '<svg><use href="data:image/svg+xml;base64,PHN2Zz4="/></svg>',
    "svg script": "<svg><script>alert(1)</script></svg>",
    "svg unclosed style": "<svg></p><style><a title='</style><img src=x onerror=alert(1)>'>",
    # CSS tricks (CVE-2026-48846, -35544, -26079; unclosed url)
    "CVE-2026-48846 var": '<p style="--x:url(//t.example/x);background:var(--x)">p</p>',
    "CVE-2026-35544 important": '<p style="position:fixed!important;top:0;width:100%!important">p</p>',
    "CVE-2026-26079 comment in property": '<p style="back/**/ground:u/**/rl(//t.example/x);pos/**/ition:fixed">p</p>',
    "css escape": '<p style="\\70osition:fixed;background:\\75rl(//t.example/x);b\\61ckground:red">p</p>',
    "css escape in value": '<p style="color:r\\65 d;width:expre\\73sion(alert(1))">p</p>',
    "unclosed url": '<p style="background:url(//t.example/x;color:red">p</p>',
    "unclosed quote": '<p style="font-family:\'x;background:url(//t.example/x)">p</p>',
    "url in brackets": '<p style="background:((url(//t.example/x)))">p</p>',
    "image-set": '<p style="background:image-set(\'//t.example/x\' 1x);list-style:-webkit-image-set(url(//t.example) 1x)">p</p>',
    "cross-fade": '<p style="background:-webkit-cross-fade(url(//t.example/x),url(//t.example/y),50%)">p</p>',
    "list-style-image": '<ul style="list-style:url(//t.example/x) disc"><li style="list-style-image:url(//t.example)">p</ul>',
    "cursor": '<p style="cursor:url(//t.example/x),auto;content:url(//t.example)">p</p>',
    "border-image": '<p style="border-image:url(//t.example/x) 30;border-image-source:url(//t.example)">p</p>',
    "expression": '<p style="width:expression(alert(1));behavior:url(x.htc);-moz-binding:url(x.xml#y)">p</p>',
    "negative margin": '<p style="margin-top:-900px;margin:0 -9em;text-indent:-99em;margin-left:calc(0px - 99px)">p</p>',
    "overlay": '<p style="position:absolute;inset:0;z-index:9999;transform:scale(99);opacity:0">p</p>',
    "style element": "<style>p{position:fixed;background:url(//t.example/x)} @import '//t.example/s.css';</style><p>p</p>",
    "style element breaks out": "<style>a{b:'</style><img src=x onerror=alert(1)>'}</style>",
    "style element escapes": "<style>p{background:\\75 rl(//t.example/x);c\\6flor:red}</style><p>p</p>",
    "style sheet link": '<link rel=stylesheet href="//t.example/s.css"><link rel=prefetch href="//t.example"><p>p</p>',
    # Backgrounds and media (CVE-2026-35542)
    "CVE-2026-35542 body background": '<body background="//t.example/x" style="background-image:url(//t.example/y)">',
    "table background": '<table background="http://t.example/x"><tr><td background="//t.example/y">p</td></tr></table>',
    "srcset": '<img src="x" srcset="https://t.example/x 2x"><picture><source srcset="//t.example/x"><img alt=p></picture>',
    "poster": '<video poster="//t.example/x" src="//t.example/v" onloadstart=alert(1)></video><audio src="//t.example/a"></audio>',
    "input image": '<input type=image src="//t.example/x" onerror=alert(1)><button formaction="javascript:alert(1)">p</button>',
    "lowsrc": '<img lowsrc="//t.example/x" dynsrc="//t.example/y" longdesc="//t.example/z">',
    # Older classics (CVE-2024-42008/9/10, -37383/4, CVE-2023-5631/43770/47272, CVE-2020-35730/16145/15562/12625)
    "CVE-2024-42009 desanitize": '<p title="&lt;img src=x onerror=alert(1)&gt;" lang="&quot; onmouseover=alert(1) x=&quot;">p</p>',
    "CVE-2024-37383 href blank": '<svg><animate attributeName="href " values="javascript:alert(1)" href="#x"/></svg>',
    "CVE-2023-5631 data svg": '<svg><use href="data:image/svg+xml,&lt;svg id=&#x27;x&#x27;>"/></svg><img src="data:image/svg+xml,<svg onload=alert(1)>">',
    "CVE-2020-35730 link reference": "<a href=\"javascript:alert(1)//http://x.example\">[1] http://x.example</a>",
    "CVE-2020-16145 namespaced svg": '<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
    "CVE-2020-15562 xmlns": '<svg xmlns="http://www.w3.org/2000/svg"><x xmlns="http://www.w3.org/1999/xhtml"><img src=x onerror=alert(1)></x></svg>',
    "CVE-2020-12625 cdata": "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "mathml": '<math><maction actiontype="statusline#http://x" xlink:href="javascript:alert(1)">p</maction></math>',
    "annotation-xml": '<math><annotation-xml encoding="text/html"><img src=x onerror=alert(1)></annotation-xml></math>',
    # Calendar and contacts (Zimbra CVE-2025-27915, CVE-2022-24682, CVE-2024-45510)
    "CVE-2025-27915 ontoggle": "<details open ontoggle=alert(1)><summary>p</summary></details>",
    "CVE-2022-24682 attribute break": '<p title=\'x" onmouseover="alert(1)\'>p</p><img alt="`"onerror=alert(1) src=x>',
    "CVE-2024-45510 nested quotes": "<img src=x:x alt=\"'\"onerror=\"alert(1)\">",
    # RainLoop CVE-2022-29360
    "CVE-2022-29360 body attributes": '<body title="</div><img src=x onerror=alert(1)>" onload=alert(1) style="x:\'><script>alert(1)</script>\'">',
    "second body": "<p>p</p><body onload=alert(1)><html onclick=alert(1)>",
    # FreeScout GHSA-jpq8-j69f-mj98 and what it stands for
    "GHSA-jpq8 reassemble": "<scr<script>ipt>alert(1)</scr</script>ipt><<b>script>alert(1)</<b>script>",
    "GHSA-jpq8 attributes": "<img src=x o<b>nerror=alert(1)>",
    "GHSA-985r form": '<form action="//t.example"><input name=password><textarea></textarea><select><option>x</select></form>',
    # Mutation (SonarSource mxss-cheatsheet)
    "noscript": '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "title": "<title><!--</title><img src=x onerror=alert(1)>--></title>",
    "textarea": '<textarea><p title="</textarea><img src=x onerror=alert(1)>">',
    "xmp": '<xmp><p title="</xmp><img src=x onerror=alert(1)>"></xmp>',
    "noembed": '<noembed><p title="</noembed><img src=x onerror=alert(1)>"></noembed>',
    "noframes": '<noframes><p title="</noframes><img src=x onerror=alert(1)>"></noframes>',
    "iframe": '<iframe srcdoc="<script>alert(1)</script>" src="javascript:alert(1)"><p></iframe>',
    "template": "<template><img src=x onerror=alert(1)></template><p>p</p>",
    "math style": '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "svg title style": "<svg><title><style><img src='</style><img src=x onerror=alert(1)>'>",
    "form form": "<form><div></form><form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "select": "<select><style></select><img src=x onerror=alert(1)></style></select>",
    "comment end": "<!-- x --!><img src=x onerror=alert(1)> -->",
    "comment short": "<!--><img src=x onerror=alert(1)>-->",
    "conditional comment": "<!--[if gte mso 9]><script>alert(1)</script><![endif]--><![if !mso]><b onclick=alert(1)>p</b><![endif]>",
    "isindex": '<isindex type=image src=x onerror=alert(1)><image src=x onerror=alert(1)>',
    "plaintext": "<p>p</p><plaintext></plaintext><img src=x onerror=alert(1)>",
    # Addresses of links and pictures
    "javascript": '<a href="javascript:alert(1)">p</a><a href=" &#1;java&#9;script&colon;alert(1)">p</a>',
    "vbscript": '<a href="vbscript:alert(1)">p</a><a href="data:text/html,<script>alert(1)</script>">p</a>',
    "link to a frame": '<a href="//t.example" target="_top" ping="//t.example" download onclick=alert(1)>p</a>',
    "relative link": '<a href="/o/acme/settings">p</a><a href="#x">p</a><a href="?x">p</a><a href="\\\\t.example">p</a>',
    "file and cid links": '<a href="file:///etc/passwd">p</a><a href="cid:ok">p</a><a href="blob:x">p</a><a href="https:///">p</a>',
    "picture addresses": '<img src="javascript:alert(1)"><img src="data:text/html,x"><img src="/o/acme/"><img src="file:///x">',
    "data picture with a tail": '<img src="data:image/png;base64,AAAA,<svg onload=alert(1)>"><img src="data:image/svg+xml;base64,AA">',
    "meta refresh": '<meta http-equiv=refresh content="0;url=javascript:alert(1)"><base href="javascript:/a/">',
    "object embed": '<object data="javascript:alert(1)"><param name=x></object><embed src="javascript:alert(1)"><applet code=x>',
    # DOM clobbering and identifiers
    "clobbering": '<a id=location name=cookie class=note>p</a><img name=body id=getElementById><form id=x></form>',
    "custom elements": "<x-y onclick=alert(1)>p</x-y><o:p>p</o:p><slot name=x>p</slot>",
    # Bytes
    "nul": "<scr\x00ipt>alert(1)</script><img src=x on\x00error=alert(1)>",
    "wide": "＜script＞alert(1)＜/script＞",
    "slashes": "<img/src=x/onerror=alert(1)><svg/onload=alert(1)>",
    "control whitespace": "<img\x0csrc=x\x0conerror=alert(1)><img\x0bsrc=x onerror=alert(1)>",
    "tag without end": "<img src=x onerror=alert(1) ",
    "attribute without end": '<p>p</p><img title="',
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt;",
}  # fmt: skip


@pytest.mark.parametrize("remote", [False, True], ids=["blocked", "shown"])
@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_payload(payload, remote):
    rendered = sanitize(f"<p>before</p>{payload}", show_remote=remote, cid_url=lambda key: f"/cid/{key}")
    examined = examine(rendered.html, remote=remote)
    assert examined.faults == []
    assert "".join(examined.text).startswith("before")
    again = sanitize(rendered.html, show_remote=remote, cid_url=lambda key: f"/cid/{key}")
    # What is safe stays as it is: nothing mutates when it is read once more.
    assert examine(again.html, remote=remote).text == examined.text


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_payload_loads_nothing_and_runs_nothing(payload):
    """The same by a cruder measure: no address of the sender's is left, nor any handler outside the text."""
    rendered = sanitize(payload, show_remote=False, cid_url=lambda key: None)
    examined = examine(rendered.html)
    attributes = " ".join(
        f"{name}={value}" for _, name, value in examined.attributes if name not in ("title", "alt")
    )
    assert "t.example" not in attributes
    assert "alert" not in attributes


def test_the_examiner_finds_faults():
    bad = (
        '<script>x</script><img src="//t.example/x" onerror=x><a href="javascript:x">x</a><p style="position:fixed" id=x>'
        '<svg></svg><!-- x --><p style="background:url(x)"><p style="margin:0 -1px"><p style="width:calc(1px)">'
    )
    assert len(examine(bad).faults) >= 11
    assert (
        examine(
            '<p style="color:red">x</p><a href="https://x.example" rel="noopener noreferrer nofollow">y</a>'
        ).faults
        == []
    )
