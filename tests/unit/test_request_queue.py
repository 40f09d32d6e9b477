"""Uploads on their way to a model: a worker that dies returns those that still need an answer."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.request_queue import RequestQueue
from edge_daemon.dispatcher.worker_slot import WorkerSlot


@given(st.sets(st.integers(0, 9), min_size=1), st.sets(st.integers(0, 9)))
def test_requests_that_were_withdrawn_are_not_returned(numbers: set[int], withdrawn: set[int]) -> None:
    queue, slot = RequestQueue("m"), WorkerSlot("w", "m", "inbox")
    for number in sorted(numbers):
        queue.add(number, 0)
    while queue.is_waiting:
        queue.assign(slot)
    for number in withdrawn:
        queue.withdraw(number)
    assert {returned.number for returned in queue.worker_lost(slot)} == numbers - withdrawn
    assert queue.worker_lost(slot) == []
