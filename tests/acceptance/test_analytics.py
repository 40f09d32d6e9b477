"""Tracks, counts and events of a running daemon: published, written, kept over deaths, restarts and reloads."""

import json
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.acceptance.harness import START_S, Daemon, running
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)
STREET = "scene:?fps=15&size=320x180&seed=3"
EVENTS = ("--events", "events.jsonl")
PLACES = "zones: {left: {points: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}}, lines: {gate: {points: [[0.5, 0], [0.5, 1]]}}"
RULES = """rules:
  visitor: {enters: left, cooldown: 1s}
"""


def config(places: str = PLACES, rules: str = RULES, source: str = STREET) -> str:
    return (
        f"cameras: {{yard: {{source: '{source}', {places}}}}}\nmodels: {{person: {{path: builtin:person}}}}\n"
        f"counts: {{every: 1s}}\n{rules}"
    )


def numbers(daemon: Daemon) -> list[int]:
    """Numbers of tracks in the results so far."""
    return [one["tracker_id"] for line in daemon.lines() for one in line["detections"] if "tracker_id" in one]


def counts(daemon: Daemon) -> list[dict[str, Any]]:
    return [line for line in daemon.events() if line["type"] == "counts"]


def entered(daemon: Daemon) -> int:
    """How many have entered the zone in all."""
    last = counts(daemon)[-1]["zones"].get("left", {}).get("person", {})
    return int(last.get("entered_total", 0)) + int(last.get("left_total", 0))


def more(daemon: Daemon, of: Callable[[Daemon], list[Any]], than: int) -> None:
    eventually(lambda: len(of(daemon)) > than, START_S, what="more lines")


def test_subscribers_receive_tracks_events_and_counts_and_the_file_has_the_same(tmp_path: Path) -> None:
    with running(tmp_path, config(), *EVENTS) as daemon, zmq.Context() as context:
        with closing(context.socket(zmq.SUB)) as socket:
            socket.connect(daemon.address)
            for topic in (b"track/yard/", b"event/yard/", b"counts/yard/"):
                socket.subscribe(topic)
            received: dict[str, list[bytes]] = {}
            while set(received) < {"track", "event", "counts"}:
                assert socket.poll(int(1000 * START_S)), received.keys()
                topic, body = socket.recv_multipart()
                assert topic == f"{json.loads(body)['type']}/yard/".encode()
                received.setdefault(json.loads(body)["type"], []).append(body)
        assert daemon.stop() == 0
        written = (tmp_path / "events.jsonl").read_bytes().splitlines()
        assert all(body in written for bodies in received.values() for body in bodies)
        assert numbers(daemon)


def test_numbers_and_counts_go_on_after_deaths_and_a_restart_of_the_service(tmp_path: Path) -> None:
    with running(tmp_path, config(), *EVENTS) as daemon:
        eventually(lambda: counts(daemon) and entered(daemon), START_S, what="somebody in the zone")
        for victim in ("sink", "worker person-0", "capture yard", "dispatcher"):
            before = len(counts(daemon))
            daemon.kill(victim)
            more(daemon, counts, before)
        assert daemon.stop() == 0
        in_all, highest = entered(daemon), max(numbers(daemon))
        totals = [one["zones"].get("left", {}).get("person", {}).get("entered_total", 0) for one in counts(daemon)]
        assert totals == sorted(totals)
        first = {one["tracker_id"] for one in daemon.events() if one["type"] == "track" and one["phase"] == "start"}
        assert len(first) == highest, "each number began once"
    seen = len(counts(daemon)), len(daemon.lines())
    with running(tmp_path, config(), *EVENTS, "--append") as daemon:
        more(daemon, counts, seen[0])
        assert entered(daemon) >= in_all
        eventually(
            lambda: [
                one["tracker_id"]
                for line in daemon.lines()[seen[1] :]
                for one in line["detections"]
                if one.get("tracker_id", 0) > highest
            ],
            START_S,
            what="new numbers",
        )
        assert daemon.stop() == 0


def test_a_reload_changes_zones_and_rules_and_keeps_tracks(tmp_path: Path) -> None:
    with running(tmp_path, config(), *EVENTS) as daemon:
        eventually(lambda: counts(daemon) and entered(daemon), START_S, what="somebody in the zone")
        in_all, before = entered(daemon), len(counts(daemon))
        places = PLACES.replace("[0.5, 0], [0.5, 1], [0, 1]", "[0.6, 0], [0.6, 1], [0, 1]")
        rules = "rules:\n  crowd: {count: {zone: left, above: 0}, cooldown: 1s}\n"
        done = daemon.reload(config(places, rules))
        assert done.returncode == 0, done.stdout + done.stderr
        more(daemon, counts, before + 1)
        assert any(one["changed"] for one in counts(daemon)[before:])
        assert entered(daemon) >= in_all
        eventually(
            lambda: any(one.get("rule") == "crowd" for one in daemon.events()), START_S, what="an event of the new rule"
        )
        starts = [one["tracker_id"] for one in daemon.events() if (one["type"], one.get("phase")) == ("track", "start")]
        assert starts == list(range(1, len(starts) + 1)), "no track began twice"
        visits = [one for one in daemon.events() if one.get("rule") == "visitor"]
        assert len({one["id"] for one in visits if one["phase"] == "start"}) == len(
            {one["id"] for one in visits if one["phase"] == "end"}
        ), "the events of a rule that is gone have ended"
        assert daemon.stop() == 0


def test_a_camera_that_hangs_is_blind_time_and_nobody_is_absent(tmp_path: Path) -> None:
    rules = "rules:\n  nobody: {absent: {zone: empty, for: 3s}, cooldown: 1s}\n"
    places = "zones: {empty: {points: [[0.96, 0.0], [1, 0], [1, 0.04], [0.96, 0.04]]}}"
    with running(tmp_path, config(places, rules), *EVENTS) as daemon:
        eventually(lambda: any(one.get("rule") == "nobody" for one in daemon.events()), START_S, what="an event")
        capture = daemon.processes()["capture yard"]
        before = len(counts(daemon))
        capture.send_signal(signal.SIGSTOP)
        eventually(
            lambda: any(one["blind_s"] > 0.5 for one in counts(daemon)[before:]), START_S, what="counts that are blind"
        )
        last = daemon.lines()[-1]["seq"]
        more(daemon, counts, len(counts(daemon)) + 4)
        assert [one for one in daemon.events() if one["type"] == "event" and one["seq"] > last] == []
        capture.send_signal(signal.SIGCONT)
        assert daemon.stop() == 0
