"""The wait before something that failed is tried again."""

from edge_daemon.supervisor.backoff import FIRST_S, FORGIVEN_S, LONGEST_S, Backoff


def test_patience_grows_and_failures_are_forgiven_while_it_works() -> None:
    backoff = Backoff()
    waits = [backoff.failed(up_s=1.0) for _ in range(2000)]
    assert waits[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    assert backoff.failed(up_s=2 * FORGIVEN_S) == LONGEST_S / 2 + 1
    assert backoff.failed(up_s=20 * FORGIVEN_S) == FIRST_S
    assert {backoff.failed(up_s=FORGIVEN_S) for _ in range(100)} == {FIRST_S}, "what works in between is soon back"
