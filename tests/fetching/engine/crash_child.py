"""A worker in a process of its own that is killed at a named step: `python -m tests.fetching.engine.crash_child …`.

The steps are those of a session in order (fetching/engine/run.py). Product code knows nothing of them: they are traps
around its functions, laid in this process only.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from django import setup

BATCH = 2  # letters a batch, so that a crash finds some committed and some not
NOT_REACHED = 3  # exit code of a child that lived

When = Callable[..., bool]


def die(*args: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, when: When = lambda *args, **kwargs: True) -> None:
    """Die on entry."""
    original = getattr(owner, name)

    def trapped(*args: Any, **kwargs: Any) -> Any:
        if when(*args, **kwargs):
            die()
        return original(*args, **kwargs)

    setattr(owner, name, trapped)


def after(owner: Any, name: str, when: When = lambda *args, **kwargs: True) -> None:
    """Die once it has been done."""
    original = getattr(owner, name)

    def trapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if when(*args, **kwargs):
            die()
        return result

    setattr(owner, name, trapped)


def say_quit_and_die() -> None:
    """QUIT is on its way; its answer finds nobody."""
    from fetching.pop3.dialogue import Dialogue

    ask = Dialogue.ask

    def trapped(dialogue: Any, command: Any) -> Any:
        if command.name != "QUIT":
            return ask(dialogue, command)
        dialogue.send([command])
        return die()

    Dialogue.ask = trapped  # type: ignore[method-assign]


def lay(step: str) -> None:
    """Set the trap of this name."""
    from fetching.engine import diff, download, ledger, remote_delete
    from fetching.pop3.source import Pop3Source
    from fetching.scheduler import outcomes
    from mailbox import bulk_insert
    from quotas import services as quotas

    def sets(state: str) -> When:
        return lambda rows, new, **kwargs: new == state and bool(rows)

    traps: dict[str, Callable[[], None]] = {
        "begun": lambda: before(Pop3Source, "listing"),
        "listed": lambda: after(Pop3Source, "listing"),
        "comparing": lambda: after(ledger, "compare"),
        "compared": lambda: after(diff, "plan"),
        "batch read": lambda: before(download, "_take"),
        "messages inserted": lambda: after(bulk_insert, "store"),
        "ledger marked": lambda: after(ledger, "mark_stored"),
        "charged": lambda: after(quotas, "charge"),
        "batch committed": lambda: after(download, "_take"),
        "all stored": lambda: after(download, "download_messages"),
        "headers asked": lambda: after(remote_delete, "_verified"),
        "dele being noted": lambda: after(ledger, "mark", sets("dele_sent")),
        "dele noted": lambda: before(Pop3Source, "delete"),
        "dele acknowledged": lambda: after(Pop3Source, "delete"),
        "quit sent": say_quit_and_die,
        "quit confirmed": lambda: after(Pop3Source, "quit"),
        "gone being noted": lambda: after(ledger, "mark", sets("gone")),
        "gone noted": lambda: after(remote_delete, "_confirm"),
        "before success": lambda: before(outcomes, "succeed"),
        "after success": lambda: after(outcomes, "succeed"),
    }
    traps[step]()


def main(step: str, organization: str, account: str, token: str) -> int:
    setup()
    from fetching.engine import download, run
    from fetching.protocols import open_source
    from fetching.scheduler import claims
    from tests.fetching.fetched import QUICK

    lay(step)
    download.BATCH_MESSAGES, download.BATCH_SECONDS = BATCH, 30
    run.fetch(claims.Claim(int(organization), int(account), token), open_source, limits=QUICK)
    return NOT_REACHED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
