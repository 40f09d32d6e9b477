"""Requests to stop."""

import os
import signal

from edge_daemon.supervisor.signals import SAME_S, Signals


def test_requests_to_stop_that_come_together_are_one() -> None:
    now = 0.0
    with Signals(lambda: now) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        now = 0.9 * SAME_S
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.count == 1
        now = SAME_S
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.count == 2
