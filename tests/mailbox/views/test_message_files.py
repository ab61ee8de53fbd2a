"""Body, attachments and original as documents of their own: nothing of theirs may run or reach out."""

from __future__ import annotations

import base64
import re

import pytest

from accounts import tenancy
from mailbox import bulk_insert
from mailbox.html import rendering
from mailbox.views import message_body, message_files
from tests.factories import deliver, letter
from tests.mailbox import letters
from tests.mailbox.web import url

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg>"
    '<a href="javascript:alert(4)">link</a><iframe src="//evil.example"></iframe>'
    '<form action="//evil.example">'
    '<input name=a></form><style>body{background:url(//evil.example/b)}</style><p onclick="alert(5)">Text</p>'
)


def policy(response) -> dict[str, str]:
    found = response["Content-Security-Policy"]
    return {name: rest for name, _, rest in (rule.strip().partition(" ") for rule in found.split(";"))}


def body(client, key: int, **query: object):
    response = client.get(url("message_body", key, **query))
    assert response.status_code == 200
    return response


# ── The body ────────────────────────────────────────────────────────────────
def test_the_body_has_a_policy_of_its_own(as_alice, account):
    [key] = deliver(account, letters.multipart(letters.html("<p>Hello</p>")))
    response = body(as_alice, key)
    assert response["Content-Security-Policy"] == rendering.BODY_CSP
    rules = policy(response)
    assert rules["default-src"] == "'none'"
    assert "script-src" not in rules
    assert "allow-scripts" not in rules["sandbox"]
    assert "allow-same-origin" not in rules["sandbox"]
    assert "http" not in rules["img-src"]
    assert rules["frame-ancestors"] == "'self'"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Type"] == "text/html; charset=utf-8"


def test_only_asking_for_pictures_opens_the_policy_and_only_for_pictures(as_alice, account):
    [key] = deliver(account, letters.multipart(letters.html('<img src="https://pictures.example/a.png">')))
    closed, opened = body(as_alice, key), body(as_alice, key, pictures=1)
    assert "pictures.example" not in closed.content.decode()
    assert 'src="https://pictures.example/a.png"' in opened.content.decode()
    assert opened["Content-Security-Policy"] == rendering.BODY_CSP_REMOTE
    different = {name for name, rest in policy(opened).items() if policy(closed)[name] != rest}
    assert different == {"img-src"}


@pytest.mark.parametrize("query", [{}, {"pictures": 1}, {"plain": 1}])
def test_what_is_hostile_does_not_come_through(as_alice, account, query):
    both = letters.multipart(letters.text(HOSTILE), letters.html(HOSTILE), kind="alternative")
    text_only = letter(body=HOSTILE)
    for key in deliver(account, both, text_only):
        shown = body(as_alice, key, **query).content.decode()
        inside = shown[shown.index("<body") :]
        assert not re.search(r"<(script|svg|iframe|form|input|style)\b", inside)
        assert not re.search(r"<[^>]+\son\w+\s*=", inside)
        assert not re.search(r'href="javascript:', inside)


def test_pictures_a_message_carries_are_written_into_it(as_alice, account):
    raw = letters.multipart(
        letters.html(
            '<p>The shed: <img src="cid:shed@mail.example"></p><img src="cid:none"><img src="cid:drawing">'
        ),
        letters.embedded("image/png", "shed@mail.example", letters.PNG),
        letters.embedded("image/svg+xml", "drawing", letters.SVG),
        kind="related",
    )
    [key] = deliver(account, raw)
    shown = body(as_alice, key).content.decode()
    assert f"data:image/png;base64,{base64.b64encode(letters.PNG).decode()}" in shown
    assert shown.count("data:") == 1, "a drawing with scripts is no picture"
    assert "cid:" not in shown


def test_embedded_pictures_share_one_limit(as_alice, account, monkeypatch):
    encoded = len(base64.encodebytes(letters.PNG).replace(b"\n", b"\r\n"))
    monkeypatch.setattr(message_body, "EMBEDDED_LIMIT", 2 * encoded + 5)
    raw = letters.multipart(
        letters.html("".join(f'<img src="cid:p{n}">' for n in range(3))),
        *[letters.embedded("image/png", f"p{n}", letters.PNG) for n in range(3)],
        kind="related",
    )
    [key] = deliver(account, raw)
    assert body(as_alice, key).content.decode().count("data:image/png") == 2


def test_plain_text_is_shown_as_text_with_its_links(as_alice, account):
    [key] = deliver(account, letter(body="See https://example.com/a?b=1&c=2 <now>\r\n"))
    shown = body(as_alice, key).content.decode()
    assert 'href="https://example.com/a?b=1&amp;c=2"' in shown
    assert "&lt;now&gt;" in shown


def test_the_plain_rendering_is_shown_when_asked_for(as_alice, account):
    both = letters.multipart(
        letters.text("plain words"), letters.html("<p>designed words</p>"), kind="alternative"
    )
    [key] = deliver(account, both)
    assert "designed words" in body(as_alice, key).content.decode()
    plain = body(as_alice, key, plain=1).content.decode()
    assert "plain words" in plain
    assert "designed" not in plain


# ── Attachments ─────────────────────────────────────────────────────────────
FILES = [
    ("text/html", "page.html", b"<script>alert(1)</script>"),
    ("image/svg+xml", "drawing.svg", letters.SVG),
    ("image/png", "picture.png", letters.PNG),
    ("application/pdf", "plan.pdf", b"%PDF-1.4 \x00\xff"),
    ("text/plain", "empty.txt", b""),
]


@pytest.fixture
def with_files(account) -> int:
    raw = letters.multipart(letters.text("Files"), *[letters.attached(*file) for file in FILES])
    [key] = deliver(account, raw)
    return key


@pytest.mark.parametrize("position", range(len(FILES)))
def test_an_attachment_comes_as_bytes_to_keep(as_alice, with_files, position):
    response = as_alice.get(url("attachment", with_files, position))
    _, name, content = FILES[position]
    assert response.content == content
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in policy(response)


@pytest.mark.parametrize(
    ("position", "status"), [(0, 404), (1, 404), (2, 200), (3, 404), (4, 404), (5, 404), (10**12, 404)]
)
def test_only_raster_pictures_are_shown_in_place(as_alice, with_files, position, status):
    response = as_alice.get(url("inline_part", with_files, position))
    assert response.status_code == status
    if status == 200:
        assert (response["Content-Type"], response.content) == ("image/png", letters.PNG)
        assert response["X-Content-Type-Options"] == "nosniff"
        assert policy(response)["default-src"] == "'none'"


def test_a_picture_that_is_none_stays_what_it_says_it_is(as_alice, account):
    raw = letters.multipart(
        letters.text("x"), letters.attached("image/png", "a.png", b"<script>alert(1)</script>")
    )
    [key] = deliver(account, raw)
    response = as_alice.get(url("inline_part", key, 0))
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in policy(response)


@pytest.mark.parametrize(
    "name",
    ['a"b.pdf', "räksmörgås.pdf", "見積書.pdf", "a\r\nSet-Cookie: x=1.pdf", "../../etc/passwd", "‮fdp.exe"],
)
def test_the_name_of_a_file_cannot_break_the_header(as_alice, account, name):
    encoded = f"=?utf-8?b?{base64.b64encode(name.encode()).decode()}?="
    raw = letters.multipart(letters.text("x"), letters.attached("application/pdf", encoded, b"1"))
    [key] = deliver(account, raw)
    header = as_alice.get(url("attachment", key, 0))["Content-Disposition"]
    assert header.startswith("attachment; filename")
    assert "\n" not in header
    assert "/" not in header.partition("''")[2]
    assert "Set-Cookie" not in as_alice.get(url("attachment", key, 0)).headers


@pytest.mark.parametrize("name", ["attachment", "inline_part"])
def test_files_are_private_to_the_accounts_owner(as_bob, as_charlie, client, umbrella, with_files, name):
    assert as_bob.get(url(name, with_files, 2)).status_code == 404
    assert as_charlie.get(url(name, with_files, 2)).status_code == 404
    assert client.get(url(name, with_files, 2)).status_code == 302


# ── The file ────────────────────────────────────────────────────────────────
def test_the_download_is_byte_for_byte_what_came(as_alice, account, monkeypatch):
    monkeypatch.setattr(bulk_insert, "PART_BYTES", 1000)
    raw = letter("Plan: 2027/28?", body="x" * 3000) + bytes(range(256)) + b"\nbare\rends"
    [key] = deliver(account, raw)
    response = as_alice.get(url("message_download", key))
    assert response.streaming
    assert b"".join(response) == raw
    assert response["Content-Length"] == str(len(raw))
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="Plan 2027 28.eml"'
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db(transaction=True)
def test_the_download_reads_in_scopes_of_its_own_after_the_view_has_ended(as_alice, account, acme):
    raw = letter(body="y" * 5000)
    [key] = deliver(account, raw)
    response = as_alice.get(url("message_download", key))
    with tenancy.scope(acme.pk):
        pass  # the view's own scope is long closed
    assert b"".join(response) == raw


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("", "message.eml"),
        ("...", "message.eml"),
        ("a/b\\c:d*e?f", "a b c d e f.eml"),
        ("Re: Über  uns\r\n", "Re Über uns.eml"),
        ("\u202egnp.exe\u202c", "gnp.exe.eml"),
        ("x" * 300, "x" * 80 + ".eml"),
        ("12月の打ち合わせ", "12月の打ち合わせ.eml"),
        ("../../.bashrc", "bashrc.eml"),
    ],
)
def test_the_file_is_named_after_the_subject(subject, name):
    assert message_files.file_name(subject) == name
