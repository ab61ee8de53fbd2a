"""The demo provider's POP3 server, spoken to over real TLS sockets with the standard library's client."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import poplib
import re
import smtplib
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, ServerAddress
from fetching.pop3.source import Pop3Source
from fetching.source import Limits
from mailhub import demo
from tests.mailhub.demo.server import ALICE, AWKWARD, Running, retrieved


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def as_served(raw: bytes) -> bytes:
    """What a file's bytes are on the wire: CRLF everywhere, the last line ended."""
    lines = raw.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    return b"".join(line + b"\r\n" for line in lines)


class TestPop3:
    def test_capabilities(self, provider):
        with provider.connected() as client:
            offered = client.capa()
        assert {"TOP", "UIDL", "USER", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE"} <= set(offered)
        assert offered["SASL"] == ["PLAIN"]

    def test_every_message_is_served_byte_for_byte(self, provider):
        with provider.signed_in() as client:
            listed = [line.split() for line in client.list()[1]]
            served = [retrieved(client, number + 1) for number in range(len(AWKWARD))]
            assert client.stat() == (len(AWKWARD), sum(map(len, served)))
        assert [sha256(raw) for raw in served] == [sha256(as_served(raw)) for raw in AWKWARD.values()]
        assert [int(size) for _, size in listed] == [len(raw) for raw in served]

    def test_unique_ids_are_the_file_names_and_stay(self, provider):
        def unique_ids() -> list[str]:
            with provider.signed_in() as client:
                ids = [line.split()[1].decode() for line in client.uidl()[1]]
                assert client.uidl(2).split()[2].decode() == ids[1]
                client.dele(1)
                client.quit()
            return ids

        assert unique_ids() == list(AWKWARD)
        assert unique_ids() == list(AWKWARD)[1:]

    def test_a_file_with_a_strange_name_has_a_valid_unique_id(self, provider):
        folder = provider.home / "demo" / "mail" / ALICE
        (folder / "straße nach Köln.eml").write_bytes(b"Subject: by hand\n\nHello\n")
        with provider.signed_in() as client:
            ids = [line.split(b" ", 1)[1].decode() for line in client.uidl()[1]]
        assert len(set(ids)) == len(AWKWARD) + 1
        assert all(re.fullmatch(r"[\x21-\x7e]{1,70}", unique_id) for unique_id in ids)

    def test_top(self, provider):
        with provider.signed_in() as client:
            assert client.top(1, 2)[1] == [b"Subject: dots", b"", b".", b".."]
            assert client.top(1, 0)[1] == [b"Subject: dots", b""]
            assert client.top(3, 99)[1] == [
                b"Subject: unix",
                b"",
                b"bare line feeds",
                b".and a dot",
                b"no end",
            ]
            with pytest.raises(poplib.error_proto):
                client._shortcmd("TOP 1")

    def test_deletes_take_effect_at_quit(self, provider):
        with provider.signed_in() as client:
            client.dele(2)
            with pytest.raises(poplib.error_proto, match="no such message"):
                client.retr(2)
            assert [line.split()[0] for line in client.list()[1]] == [b"1", b"3", b"4", b"5"]
            assert client.stat()[0] == 4
            assert len(provider.files()) == 5
            client.quit()
            assert provider.files() == ["01-dots.eml", "03-unix.eml", "04-empty-body.eml", "05-long.eml"]

    def test_nothing_is_deleted_without_quit_or_after_rset(self, provider):
        with provider.signed_in() as client:
            client.dele(1)
        with provider.signed_in() as client:  # the lock of the broken session is gone, too
            client.dele(2)
            client.rset()
            client.quit()
        assert len(provider.files()) == 5

    def test_one_session_at_a_time(self, provider):
        with provider.signed_in() as client:
            with pytest.raises(poplib.error_proto, match=r"-ERR \[IN-USE\]"), provider.signed_in():
                pass
            with provider.signed_in(provider.shop) as other:
                assert other.stat()[0] == 0
            client.quit()
        with provider.signed_in() as client:
            assert client.stat()[0] == 5

    @pytest.mark.parametrize("username", [ALICE, "nobody@post.example", ""])
    def test_a_wrong_password_is_refused_alike_for_everybody(self, provider, username):
        with provider.connected() as client:
            if username:
                client.user(username)
            with pytest.raises(poplib.error_proto) as refused:
                client.pass_("wrong")
            assert (b"[AUTH]" in refused.value.args[0]) == bool(username)

    def test_the_third_wrong_password_ends_the_connection(self, provider):
        with provider.connected() as client:
            for _ in range(3):
                client.user(ALICE)
                with pytest.raises(poplib.error_proto, match="AUTH"):
                    client.pass_("wrong")
            with pytest.raises((poplib.error_proto, OSError)):
                client.user(ALICE)

    @pytest.mark.parametrize("in_two_steps", [False, True])
    def test_sasl_plain(self, provider, in_two_steps):
        secret = base64.b64encode(f"\0{ALICE.upper()}\0{provider.alice.password}".encode()).decode()
        with provider.connected() as client:
            if in_two_steps:
                client._putcmd("AUTH PLAIN")
                assert client._getline()[0] == b"+ "
                assert client._shortcmd(secret).startswith(b"+OK")
            else:
                assert client._shortcmd(f"AUTH PLAIN {secret}").startswith(b"+OK")
            assert client.stat()[0] == 5

    @pytest.mark.parametrize("response", ["*", "!!!", "AAAA", base64.b64encode(b"\0x\0y").decode()])
    def test_sasl_refuses_what_is_wrong_and_goes_on(self, provider, response):
        with provider.connected() as client:
            with pytest.raises(poplib.error_proto):
                client._shortcmd(f"AUTH PLAIN {response}")
            assert client.capa()

    def test_commands_may_be_pipelined(self, provider):
        with provider.signed_in() as client:
            client.sock.sendall(b"NOOP\r\nRETR 1\r\nLIST 1\r\nNOOP\r\n")
            assert client._getresp().startswith(b"+OK")
            assert client._getlongresp()[1][0] == b"Subject: dots"
            assert client._getresp() == b"+OK 1 %d" % len(AWKWARD["01-dots.eml"])
            assert client._getresp().startswith(b"+OK")

    @pytest.mark.parametrize(
        "command",
        ["STAT", "RETR 1", "DELE 1", "NOOP", "", "APOP x y", "AUTH", "AUTH LOGIN", "PASS x", "\xff\xfe"],
    )
    def test_before_signing_in_little_is_allowed(self, provider, command):
        with provider.connected() as client:
            client.encoding = "latin-1"
            with pytest.raises(poplib.error_proto, match="-ERR"):
                client._shortcmd(command)

    @pytest.mark.parametrize(
        "command",
        [
            "RETR",
            "RETR 0",
            "RETR 6",
            "RETR -1",
            "RETR 1 2",
            "RETR 99999999999999",
            "DELE x",
            "TOP 1 x",
            "USER a",
        ],
    )
    def test_wrong_arguments_are_refused_and_the_session_goes_on(self, provider, command):
        with provider.signed_in() as client:
            with pytest.raises(poplib.error_proto, match="-ERR"):
                client._shortcmd(command)
            assert client.noop().startswith(b"+OK")

    def test_an_endless_line_ends_the_connection(self, provider):
        with provider.connected() as client:
            client.sock.sendall(b"x" * 40_000)
            assert client._getline()[0].startswith(b"-ERR")
            with pytest.raises((poplib.error_proto, OSError)):
                client.capa()

    def test_a_message_whose_file_is_gone_is_an_error_of_that_message(self, provider):
        with provider.signed_in() as client:
            (provider.home / "demo" / "mail" / ALICE / "01-dots.eml").unlink()
            with pytest.raises(poplib.error_proto, match=r"SYS/TEMP"):
                client.retr(1)
            assert retrieved(client, 2) == AWKWARD["02-bytes.eml"]

    def test_a_silent_client_is_let_go_and_nothing_deleted(self, home):
        with Running(home, idle_seconds=0.3) as provider:
            with provider.signed_in() as client:
                client.dele(1)
                assert client.sock.recv(1) == b""  # waits until the server closes
            with provider.signed_in() as client:
                assert client.stat()[0] == 5

    def test_stopping_ends_open_sessions(self, home):
        with contextlib.ExitStack() as left_open:
            with Running(home) as provider:
                reading = left_open.enter_context(provider.signed_in())
                reading.dele(1)
                writing = smtplib.SMTP_SSL("127.0.0.1", provider.smtp_port, context=provider.tls, timeout=20)
                left_open.callback(writing.close)
            for client in (reading.sock, writing.sock):
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    assert client.recv(1) == b""
        with Running(home) as provider, provider.signed_in() as reading:
            assert reading.stat()[0] == 5

    def test_a_slow_provider_takes_its_time_over_each_message(self, home):
        with Running(home, pace=0.05) as provider, provider.signed_in() as client:
            before = datetime.now(UTC)
            for number in range(1, 5):
                client.retr(number)
            assert datetime.now(UTC) - before >= timedelta(seconds=0.2)


class TestMailhub:
    """Mailhub's own client, with nothing but the variables that the launcher hands out."""

    @pytest.fixture
    def address(self, provider, settings) -> ServerAddress:
        handed_out = demo.environment(provider.home, {})
        # The provider of a test listens on another port than the one that is kept.
        allowed = handed_out["MAILHUB_ALLOWED_MAIL_HOSTS"].replace(
            str(provider.details.pop3s_port), str(provider.pop3_port)
        )
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = allowed.split(",")
        settings.MAILHUB_MAIL_CA_FILE = handed_out["MAILHUB_MAIL_CA_FILE"]
        return ServerAddress(provider.details.host, provider.pop3_port, "ssl")

    def test_it_fetches_pipelined_and_deletes(self, provider, address):
        who = Credentials(provider.alice.username, provider.alice.password)
        with contextlib.closing(Pop3Source.open(address, who, Limits())) as source:
            listing = source.listing()
            fetched = [message.read() for message in source.retrieve([row.number for row in listing.rows])]
            source.delete([1, 5])
            assert source.quit()
        assert [row.uidl.decode() for row in listing.rows] == list(AWKWARD)
        assert [sha256(raw) for raw in fetched] == [sha256(as_served(raw)) for raw in AWKWARD.values()]
        assert provider.files() == list(AWKWARD)[1:4]

    def test_it_understands_a_refusal(self, provider, address):
        with pytest.raises(MailError) as wrong:
            Pop3Source.open(address, Credentials(ALICE, "wrong"), Limits())
        assert wrong.value.error_class == "authentication"
        who = Credentials(provider.alice.username, provider.alice.password)
        with provider.signed_in(), pytest.raises(MailError) as held:
            Pop3Source.open(address, who, Limits())
        assert held.value.error_class == "busy"
