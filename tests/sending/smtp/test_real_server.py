"""Against aiosmtpd, a server that somebody else wrote."""

from __future__ import annotations

import pytest

from mailbox.mime.parsing import attachment
from sending.message.build import Attachment, InlineImage
from sending.smtp.client import Phase, Verdict
from tests.mailbox.letters import PNG
from tests.sending.letters import composed, ours
from tests.sending.sessions import BOB, MESSAGE, USERNAME, probed, send
from tests.servers.real_smtp import RealServer
from tests.servers.tls import make_ca


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def start(settings, ca):
    """A server, trusted and not yet started."""
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)

    def make(encryption: str, **options) -> RealServer:
        certificate = None if encryption == "plain" else ca.issue("127.0.0.1")
        return RealServer(encryption, certificate, **options)

    return make


ENCRYPTIONS = pytest.mark.parametrize("encryption", ["plain", "starttls", "ssl"])


@ENCRYPTIONS
def test_sent_to_a_real_server(settings, start, encryption):
    with start(encryption) as server:
        found, handed = send(settings, server, encryption, to=(BOB, "nobody@post.example"))
    assert (found.verdict, found.phase, handed.calls) == (Verdict.ACCEPTED, Phase.ACCEPTED, 1)
    assert [each.verdict for each in found.recipients] == [Verdict.ACCEPTED, Verdict.PERMANENT]
    assert server.accepted == [(USERNAME, [BOB], MESSAGE)]


@ENCRYPTIONS
def test_sent_a_real_server_is_tested_without_a_message(settings, start, encryption):
    with start(encryption) as server:
        steps, _ = probed(settings, server, encryption)
        assert steps[-1] == "finished"
        probed(settings, server, encryption, code="sending_login_failed", password="wrong")
    assert server.accepted == []


def test_sent_a_real_server_wants_encryption(settings, start):
    with start("starttls") as server:
        probed(settings, server, "plain", code="encryption_needed")


def test_sent_a_real_server_names_its_limit(settings, start):
    with start("ssl", data_size_limit=50) as server:
        found, handed = send(settings, server, "ssl")
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.PERMANENT, "too_large_to_send", 0)


def test_sent_a_real_server_takes_utf8(settings, start):
    message = "To: zoë@post.example\r\n\r\nGrüße\r\n".encode()
    with start("ssl", enable_SMTPUTF8=True) as server:
        found, _ = send(settings, server, "ssl", to=("zoë@post.example",), message=message)
    assert found.verdict is Verdict.ACCEPTED
    assert server.accepted == [(USERNAME, ["zoë@post.example"], message)]


def test_sent_a_composed_message_arrives_byte_for_byte(settings, start):
    files = (Attachment("Übersicht.pdf", "application/pdf", bytes(range(256)) * 4000),)
    page = '<p>Grüße</p><p>.</p><img src="cid:map@example.org">'
    image = InlineImage("map@example.org", "map.png", "image/png", PNG)
    raw = composed(text=None, html=page, images=(image,), attachments=files, subject="Grüße")
    with start("ssl") as server:
        found, _ = send(settings, server, "ssl", message=raw)
    assert found.verdict is Verdict.ACCEPTED
    ((_, _, arrived),) = server.accepted
    assert arrived == raw
    parsed, body = ours(arrived)
    assert parsed.subject == "Grüße"
    assert page in body.html
    assert [attachment(arrived, info.position)[1] for info in parsed.attachments] == [PNG, files[0].content]
