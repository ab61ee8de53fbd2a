"""Which replies are taken for the answers to other commands, by their sizes."""

from __future__ import annotations

import pytest

from fetching.pop3.steps import StepWatch

SIZES = {number: 100 * number for number in range(1, 9)}


def found(*sizes: int) -> int | None:
    """The place from which on something is wrong, of messages 1 to 8 that came in these sizes."""
    watch = StepWatch(list(SIZES), SIZES)
    return next((place for place, size in enumerate(sizes) if watch.is_out_of_step(place, size)), None)


@pytest.mark.parametrize(
    ("sizes", "place"),
    [
        ((100, 200, 300, 400), None),
        ((100, 200, 300, 300), 3),
        ((100, 200, 300, 500), 3),
        ((100, 200, 300, 410, 500), None),
        # Too little is known at first: it takes two.
        ((100, 100, 300), None),
        ((100, 100, 200), 2),
        ((200, 300), 1),
        # A server whose sizes are never right gives one by chance what its neighbour's should be.
        ((103, 203, 303, 500, 503), None),
        ((103, 203, 303, 500, 600), 4),
    ],
)
def test_r21_what_is_out_of_step(sizes, place):
    assert found(*sizes) == place


def test_r21_unlisted_sizes_tell_nothing():
    watch = StepWatch([1, 2, 3], {2: 5})
    assert not any(watch.is_out_of_step(place, 5) for place in (0, 1))
