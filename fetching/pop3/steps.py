"""Whether pipelined replies still belong to the commands they seem to answer (RFC 2449, 6.6), judged by their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

# Sizes in a list may be a little wrong (Exchange), and now and then one is by chance what its neighbour's should be:
# then it takes two in a row. One will do where so many before were right, and none was wrong.
IN_A_ROW: Final = 2
ALL_RIGHT: Final = 3


class StepWatch:
    """Watches the messages that are asked for in `order`; `sizes` are in bytes, as listed, by message number.

    A reply too many, or one that is missing, shifts all that follow: each then has the size of its neighbour.
    """

    def __init__(self, order: Sequence[int], sizes: Mapping[int, int]) -> None:
        self._sizes = [sizes.get(number) for number in order]
        self._shifted = {-1: 0, 1: 0}  # how many in a row had the size of the one before, or of the one after
        self._is_shifted = False
        self._right = self._wrong = 0

    def is_out_of_step(self, place: int, size: int) -> bool:
        """Whether the message at this place in the order, which came in so many bytes, is taken for another."""
        own = self._sizes[place]
        if size == own:
            self._right += 1
            if self._is_shifted:
                self._shifted, self._is_shifted = dict.fromkeys(self._shifted, 0), False
            return False
        needed = 1 if self._right >= ALL_RIGHT and not self._wrong else IN_A_ROW
        self._wrong += 1
        self._is_shifted = True
        for step in self._shifted:
            other = place + step
            is_shifted = 0 <= other < len(self._sizes) and size == self._sizes[other]
            self._shifted[step] = self._shifted[step] + 1 if is_shifted else 0
        return max(self._shifted.values()) >= needed
