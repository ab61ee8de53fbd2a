"""A worker in a process of its own that is killed at a named step: `python -m tests.sending.outbox.crash_child …`.

The steps are those of sending one message in order (sending/outbox/delivery.py, sending/smtp/client.py).
Product code knows nothing of them: they are traps around its functions, laid in this process only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django import setup

from tests.fetching.engine.crash_child import NOT_REACHED, after, before, die


def ask_and_die(verb: str) -> None:
    """The command is on its way; its answer finds nobody."""
    from sending.smtp.dialogue import Dialogue

    ask = Dialogue.ask

    def trapped(dialogue: Any, command: Any, within: Any = None) -> Any:
        if command.name != verb:
            return ask(dialogue, command, within)
        dialogue.write(dialogue.conn.send(command))
        return die()

    Dialogue.ask = trapped  # type: ignore[method-assign]


def after_the_dot(name: str) -> None:
    """Die once the dot is written (`write`), or its reply is read (`reply`)."""
    from sending.smtp.client import Phase
    from sending.smtp.dialogue import Dialogue

    original = getattr(Dialogue, name)

    def trapped(dialogue: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(dialogue, *args, **kwargs)
        if dialogue.phase is Phase.HANDED_OVER:
            die()
        return result

    setattr(Dialogue, name, trapped)


def lay(step: str) -> None:
    """Set the trap of this name."""
    from mailbox import bulk_insert
    from quotas import services as quotas
    from sending.outbox import claims, delivery, results, sent_copies
    from sending.smtp import session
    from sending.smtp.dialogue import Dialogue

    def hands_over(*args: Any, **values: Any) -> bool:
        return values.get("state") == "handed_over"

    def is_handed_over(dialogue: Any, data: Any) -> bool:
        from sending.smtp.client import Phase

        return bool(dialogue.phase is Phase.HANDED_OVER)

    traps: dict[str, Callable[[], None]] = {
        "1 claimed": lambda: before(delivery, "_take"),
        "2 taken": lambda: after(delivery, "_take"),
        "3 connected": lambda: after(session, "connect"),
        "4 signed in": lambda: after(session, "open_session"),
        "5 sender named": lambda: ask_and_die("MAIL"),
        "6 recipient named": lambda: ask_and_die("RCPT"),
        "7 text announced": lambda: ask_and_die("DATA"),
        "8 text sent": lambda: after(Dialogue, "content"),
        "9 hand-over being noted": lambda: after(claims, "hold", hands_over),
        "10 hand-over noted": lambda: before(Dialogue, "write", is_handed_over),
        "11 dot sent": lambda: after_the_dot("write"),
        "12 answer read": lambda: after_the_dot("reply"),
        "13 end being noted": lambda: after(results, "record_result"),
        "14 end noted": lambda: after(delivery, "_settle"),
        "15 farewell said": lambda: ask_and_die("QUIT"),
        "16 copy stored": lambda: after(bulk_insert, "store"),
        "17 copy charged": lambda: after(quotas, "charge"),
        "18 copy filed": lambda: after(sent_copies, "file_copy"),
    }
    traps[step]()


def main(step: str, organization: str, outgoing: str, account: str, token: str) -> int:
    setup()
    from sending.outbox import delivery, sent_copies
    from sending.outbox.claims import Claim
    from tests.sending.outgoing import carry

    lay(step)
    claim = Claim(int(organization), int(outgoing), int(account), token)
    delivery.send(claim, carry=carry)
    sent_copies.file_copy(claim.organization_id, claim.outgoing_id)
    return NOT_REACHED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
