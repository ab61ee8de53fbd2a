"""How far a fetch is and how long it will take: plain numbers from an account's state and its newest run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fetching.models import FetchRun, FetchState

# What an ordinary provider gives over the internet, for the estimate before the first fetch. Below what was
# measured on a good line (470 messages a second at 50 ms): being done earlier than promised annoys nobody.
MESSAGES_A_SECOND = 60
BYTES_A_SECOND = 8_000_000
SIGN_IN_SECONDS = 2
# Rates over less than this are noise.
SETTLED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of one fetch; sizes in bytes, times in seconds. `total` is 0 until the server has listed.

    `rate` is in messages a second; it and `left` are None while there is too little to go by.
    """

    is_first: bool
    is_running: bool
    seconds: float
    done: int
    total: int
    done_bytes: int
    total_bytes: int
    rate: float | None = None
    left: float | None = None


def measure(run: FetchRun | None, state: FetchState, now: datetime) -> Progress:
    """The numbers of an account's newest run.

    A first fetch counts everything the server lists, of which earlier sessions may have brought a part: so
    the bar goes on where it was after a restart. Later fetches count only what is new.
    """
    is_first = not state.first_fetch_done
    if run is None:
        return Progress(is_first, False, 0.0, 0, 0, 0, 0)
    is_running = run.state == FetchRun.State.RUNNING and state.is_fetching
    seconds = max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())
    total, total_bytes = (run.listed, run.listed_bytes) if is_first else (run.wanted, run.wanted_bytes)
    done = min(total, total - run.wanted + run.stored)
    # Servers may list sizes that are a little wrong; nobody should read "413 of 412 MB".
    done_bytes = max(0, min(total_bytes, total_bytes - run.wanted_bytes + run.stored_bytes))
    rate = left = None
    if is_running and run.stored and seconds >= SETTLED_SECONDS:
        rate = run.stored / seconds
        left = (total - done) / rate
        if run.stored_bytes:
            # Many small messages are bound by their number, few large ones by their size: the slower decides.
            left = max(left, (total_bytes - done_bytes) * seconds / run.stored_bytes)
    return Progress(is_first, is_running, seconds, done, total, done_bytes, total_bytes, rate, left)


def estimate(messages: int, size: int) -> float:
    """Seconds that a first fetch of `messages` messages of `size` bytes together will take, roughly."""
    return SIGN_IN_SECONDS + max(messages / MESSAGES_A_SECOND, size / BYTES_A_SECOND)
