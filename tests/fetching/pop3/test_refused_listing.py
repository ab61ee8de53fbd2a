"""LIST and UIDL refused: because there is nothing to list, because the server cannot, or because of some trouble."""

from __future__ import annotations

import pytest

from fetching.source import Listing
from tests.fetching.sessions import failing, session
from tests.servers.pop3 import CAPABILITIES, MailboxServer

LOCK_STEP = [line for line in CAPABILITIES if line != "PIPELINING"]
MODES = pytest.mark.parametrize("capabilities", [CAPABILITIES, LOCK_STEP], ids=["pipelined", "lock-step"])

NOTHING_TO_LIST = [
    {"LIST": "-ERR no messages"},
    {"UIDL": "-ERR no messages"},
    {"LIST": "-ERR", "UIDL": "-ERR"},
    {"LIST": "-ERR mailbox empty", "UIDL": "-ERR mailbox empty"},
]


@MODES
@pytest.mark.parametrize("lines", NOTHING_TO_LIST)
@pytest.mark.parametrize("offered", [True, False])
def test_u1_an_empty_mailbox_whose_listing_is_refused(settings, capabilities, lines, offered):
    if not offered:
        capabilities = [line for line in capabilities if line != "UIDL"]
    with (
        MailboxServer(capabilities=capabilities, err_on=lines) as server,
        session(settings, server) as source,
    ):
        assert source.listing() == Listing([])
        assert source.quit()


@pytest.mark.parametrize("lines", NOTHING_TO_LIST)
def test_u4_a_refused_listing_of_mail_that_is_there_is_no_empty_one(settings, lines):
    with (
        MailboxServer([b"x\r\n"], err_on=lines) as server,
        session(settings, server) as source,
        failing("server_busy"),
    ):
        source.listing()


def test_u3_a_server_without_uidl_is_known_for_one_while_it_is_empty(settings):
    server = MailboxServer(uidl=False, capabilities=["USER"], err_on={"LIST": "-ERR no messages"})
    with server, session(settings, server) as source:
        with failing("uidl_missing"):
            source.listing()
        assert source.listing(need_uidl=False).rows == []
