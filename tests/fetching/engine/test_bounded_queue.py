"""The queue between reading and storing: bounded, ordered, and it stops both ends."""

import threading

import pytest

from fetching.engine.bounded_queue import FIRST_ITEMS, BoundedQueue, QueueStopped

WAIT = 5


def take(queue, **options):
    options = {"items": 10, "size": 1_000, "seconds": 0.05, "idle": WAIT, **options}
    return queue.batches(**options)


def test_batches_are_bounded_by_count_and_by_size():
    queue = BoundedQueue(10_000)
    for number in range(5):
        queue.put(number, 10)
    queue.end()
    assert list(take(queue, items=2)) == [[0, 1], [2, 3], [4]]

    queue = BoundedQueue(10_000)
    for number in range(4):
        queue.put(number, 600)
    queue.end()
    assert list(take(queue, size=1_000)) == [[0, 1], [2, 3]]


def test_the_first_batches_do_not_wait_to_be_full_but_take_what_is_there():
    queue = BoundedQueue(10_000)
    batches = take(queue, items=200, seconds=WAIT * 100)
    sizes = []
    for count in (FIRST_ITEMS, 2 * FIRST_ITEMS, 200 + 30):
        for number in range(count):
            queue.put(number, 1)
        sizes.append(len(next(batches)))
    queue.end()
    assert sizes + [len(batch) for batch in batches] == [FIRST_ITEMS, 2 * FIRST_ITEMS, 200, 30]


def test_an_empty_queue_ends():
    queue = BoundedQueue(1)
    queue.end()
    assert list(take(queue)) == []


def test_a_slow_reader_lets_batches_go_early_and_the_taker_hears_silence():
    queue = BoundedQueue(1_000)
    batches = take(queue, seconds=0.01, idle=0.01)
    assert next(batches) == []
    queue.put("a", 1)
    assert next(batches) == ["a"]
    queue.end()
    assert list(batches) == []


def test_put_waits_for_room_but_one_large_item_passes():
    queue = BoundedQueue(100)
    queue.put("huge", 5_000)
    passed = threading.Event()

    def put_more():
        queue.put("next", 1)
        passed.set()

    thread = threading.Thread(target=put_more, daemon=True)
    thread.start()
    assert not passed.wait(0.05)
    batches = take(queue, items=1)
    assert next(batches) == ["huge"]
    assert passed.wait(WAIT)
    thread.join(WAIT)


def test_a_full_queue_does_not_wait_for_a_whole_batch():
    queue = BoundedQueue(100)
    batches = take(queue, items=10, size=1_000, seconds=WAIT * 100)

    def put_three():
        for number in range(3):
            queue.put(number, 60)
        queue.end()

    thread = threading.Thread(target=put_three, daemon=True)
    thread.start()
    assert list(batches) == [[0], [1], [2]]
    thread.join(WAIT)


def test_a_whole_batch_is_taken_at_once():
    """The clock for a slow reader does not run when there is enough, nor is an end waited for."""
    queue = BoundedQueue(10_000)
    batches = take(queue, items=3, seconds=WAIT * 100)
    found = []

    def put_five():
        for number in range(5):
            queue.put(number, 1)
        first.wait(WAIT)
        queue.end()

    first = threading.Event()
    thread = threading.Thread(target=put_five, daemon=True)
    thread.start()
    for batch in batches:
        found.append(batch)
        first.set()
    assert found == [[0, 1, 2], [3, 4]]
    thread.join(WAIT)


def test_many_items_pass_in_order_through_a_narrow_queue():
    queue = BoundedQueue(50)

    def put_all():
        for number in range(2_000):
            queue.put(number, number % 70)
        queue.end()

    thread = threading.Thread(target=put_all, daemon=True)
    thread.start()
    batches = list(take(queue, items=7, size=200, seconds=WAIT, idle=WAIT))
    assert [number for batch in batches for number in batch] == list(range(2_000))
    assert max(map(len, batches)) <= 7
    thread.join(WAIT)


def test_the_taker_is_not_woken_for_each_item(monkeypatch):
    """Two threads that wake each other for every message take turns instead of working side by side."""
    queue = BoundedQueue(10_000)
    woken = []
    notify = queue._batch.notify
    monkeypatch.setattr(queue._batch, "notify", lambda: (woken.append(1), notify()))
    queue._wanted = (100, 10_000)
    for number in range(100):
        queue.put(number, 1)
    assert len(woken) == 2


def test_the_readers_error_comes_after_what_it_had_put():
    queue = BoundedQueue(100)
    queue.put("kept", 1)
    queue.end(ConnectionError("gone"))
    batches = take(queue)
    assert next(batches) == ["kept"]
    with pytest.raises(ConnectionError):
        next(batches)


def test_a_stopped_queue_stops_a_waiting_reader():
    queue = BoundedQueue(1)
    queue.put("a", 1)
    stopped = threading.Event()

    def put_more():
        try:
            queue.put("b", 1)
        except QueueStopped:
            stopped.set()

    thread = threading.Thread(target=put_more, daemon=True)
    thread.start()
    queue.stop()
    assert stopped.wait(WAIT)
    thread.join(WAIT)
    with pytest.raises(QueueStopped):
        queue.put("c", 1)
