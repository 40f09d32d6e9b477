"""How receivers are shown: metrics, health, and lines for people."""

import msgspec

from edge_daemon.cli.sentences import trouble_of_receiver
from edge_daemon.messages.hints import hint_for_receiver
from edge_daemon.messages.status import BridgeReport, ProcessStatus, Status
from edge_daemon.web.health import Health
from edge_daemon.web.metrics import Metrics


def process(state: str, **report: object) -> ProcessStatus:
    detail = msgspec.to_builtins(msgspec.convert({"kind": "ntfy", "to": "ntfy.sh:443", **report}, BridgeReport))
    return ProcessStatus(
        name="phone", role="bridge", pid=1, state=state, restarts=0, cpu=0.0, memory_bytes=1, detail=detail
    )


def status(one: ProcessStatus) -> Status:
    return Status(at="2026-11-28T22:00:00Z", cameras={}, processes=[one])


AWAY = process("away (refused)", reason="refused", hint="Nothing listens there.", waiting=7, tries=3, next_try_s=12.0)


def test_metrics_of_a_receiver() -> None:
    metrics = Metrics()
    metrics.status = status(process("up", delivered=5, dead=1, lag_s=2.5, waiting=3))
    text = metrics.text().decode()
    assert 'edge_daemon_receiver_up{receiver="phone"} 1.0' in text
    assert 'edge_daemon_deliveries_total{fate="dead",receiver="phone"} 1.0' in text
    assert 'edge_daemon_delivery_lag_seconds{receiver="phone"} 2.5' in text
    metrics.status = status(AWAY)
    assert 'edge_daemon_receiver_up{receiver="phone"} 0.0' in metrics.text().decode()


def test_a_receiver_that_is_away_is_a_trouble_and_one_that_is_paused_is_none() -> None:
    for one, troubles in (
        (AWAY, ["bridge phone is away (refused)"]),
        (process("paused"), []),
        (process("resting"), []),
        (process("up"), []),
    ):
        health = Health()
        health.note(status(one), 0.0)
        assert health.problems(0.5, dispatcher_here=True) == troubles


def test_a_line_says_what_to_do() -> None:
    assert trouble_of_receiver(AWAY) == (
        "phone is away (refused), 7 messages wait. Nothing listens there. Next try in 12 s"
    )
    assert trouble_of_receiver(process("up")) == ""
    assert hint_for_receiver("answers 503 service unavailable") == "The receiver has a problem of its own."
    assert hint_for_receiver("something new") == ""
