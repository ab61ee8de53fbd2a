"""What fetching knows: each account's state and settings, its ledger of remote messages, its runs, the servers."""

from fetching.models.ledger import RemoteMessage
from fetching.models.runs import FetchRun
from fetching.models.servers import MailServer
from fetching.models.settings import FetchDefaults, FetchRules, FetchSettings
from fetching.models.state import FetchState

__all__ = [
    "FetchDefaults",
    "FetchRules",
    "FetchRun",
    "FetchSettings",
    "FetchState",
    "MailServer",
    "RemoteMessage",
]
