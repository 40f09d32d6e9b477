"""The analyses of all cameras and models: which go on, what the next sink needs, and what survives the service."""

import logging
from typing import Any

import msgspec
import pytest

from edge_daemon.analytics.analysis import AnalysisState
from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.status import CameraStatus
from edge_daemon.messages.switches import SwitchState
from edge_daemon.messages.tracks import Track
from edge_daemon.sink.analyses import Analyses
from tests.unit.test_analysis import START_S, path, person, result, settings

KEY = ("yard", "objects")
S = 1_000_000_000


def frame(seq: int, captured_ns: int = 0, **more: Any) -> Frame:
    return Frame(
        camera="yard", epoch=1, seq=seq, captured_ns=captured_ns, captured_at="", width=1, height=1, codec="raw", **more
    )


def walked(analyses: Analyses, steps: int = 21, first: int = 0) -> list[Any]:
    return [
        message
        for seq, x in list(enumerate(path(0.2, 0.7, 21)))[first:steps]
        for message in analyses.look(result(seq, person(x)), frame(seq))
    ]


def test_a_lossless_stream_leaves_its_state_after_each_result() -> None:
    analyses = Analyses([settings(lossless=True)])
    walked(analyses, 10)
    saved = analyses.states([KEY, ("other", "objects")])
    assert list(saved) == [KEY]
    again = Analyses([settings(lossless=True)], saved)
    assert walked(again, first=10) == walked(analyses, first=10)


def test_a_live_stream_leaves_it_when_something_was_made_or_it_is_old() -> None:
    analyses = Analyses([settings()])
    walked(analyses, 1)
    assert list(analyses.states([KEY])) == [KEY], "it never did before"
    assert walked(analyses, 2, first=1), "a track begins"
    assert list(analyses.states([KEY])) == [KEY]
    assert not walked(analyses, 3, first=2)
    assert not analyses.states([KEY])


def test_what_survives_the_service_is_that_of_sources_without_an_end() -> None:
    for finite in (False, True):
        analyses = Analyses([settings(finite=finite)])
        walked(analyses)
        kept = analyses.kept_states()
        assert list(kept) == ([] if finite else [KEY])
        again = Analyses([settings(finite=finite)], None, kept)
        (track, *_) = walked(again)
        assert isinstance(track, Track)
        assert track.tracker_id == (1 if finite else 2)


def test_a_change_of_settings_keeps_the_tracks_of_what_stays() -> None:
    analyses = Analyses([settings()])
    walked(analyses, 10)
    moved = msgspec.structs.replace(settings(), gap_s=2.0)
    analyses.change([moved])
    assert [one.phase for one in walked(analyses, 21, first=10) if isinstance(one, Track)] == ["update"] * 2
    analyses.change([])
    assert walked(analyses) == []


def test_a_state_that_cannot_be_read_is_left_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        analyses = Analyses([settings()], {KEY: b"nothing"})
    assert "yard / objects: tracks and counts begin again" in caplog.text
    assert walked(analyses)


def status(state: str, reason: str = "") -> dict[str, CameraStatus]:
    return {"yard": CameraStatus(state=state, reason=reason or msgspec.UNSET, models={})}


def test_a_camera_that_is_down_is_blind_and_a_frozen_one_is_not() -> None:
    for state, reason, rule in (("down (refused)", "refused", True), ("frozen", "frozen", False)):
        now_s = [1.0]
        analyses = Analyses([settings()], wall_s=lambda now_s=now_s: START_S + now_s[0])  # type: ignore[misc]
        analyses.look(result(0, person(0.2)), frame(0, captured_ns=S))
        analyses.note(status(state, reason))
        made = []
        for now_s[0] in range(2, 130):
            made += list(analyses.pass_time(int(now_s[0] * S)))
        events = [one.rule for one in made if isinstance(one, Event)]
        assert events == (["offline"] if rule else [])
        reports = [one for one in made if isinstance(one, CountsReport)]
        assert reports[-1].blind == {reason if rule else "no-frames": 60.0}


def test_time_in_which_nothing_moved_is_not_blind_before_the_next_look_either() -> None:
    for dropped, blind in (({"still": 900}, {}), ({"stale": 900}, {"stale": 60.0}), ({}, {"no-frames": 60.0})):
        now_s = [1.0]
        analyses = Analyses([settings()], wall_s=lambda now_s=now_s: START_S + now_s[0])  # type: ignore[misc]
        analyses.look(result(0, person(0.2)), frame(0, captured_ns=S))
        analyses.note(status("up"), dropped={KEY: dropped})
        made = []
        for now_s[0] in range(2, 130):
            made += list(analyses.pass_time(int(now_s[0] * S)))
        assert [one for one in made if isinstance(one, CountsReport)][-1].blind == blind


def test_the_states_of_the_scene_are_those_of_the_last_frame() -> None:
    analyses = Analyses([settings()])
    walked(analyses, 5)
    for seq in range(5, 8):
        analyses.look(result(seq, person(0.3)), frame(seq, scene=("moved",)))
    state = msgspec.msgpack.decode(analyses.kept_states()[KEY], type=AnalysisState)
    assert state.rules.covered.interval.get("moved", 0) > 0


def test_a_camera_that_is_switched_off_is_not_down_whatever_became_of_its_process() -> None:
    now_s = [1.0]
    analyses = Analyses([settings()], wall_s=lambda: START_S + now_s[0])
    analyses.look(result(0, person(0.2)), frame(0, captured_ns=S))
    analyses.switch(SwitchState(cameras_off=["yard"]))
    analyses.note(status("down (ended by SIGKILL)", "process ended"))
    made = []
    for now_s[0] in range(2, 130):
        made += list(analyses.pass_time(int(now_s[0] * S)))
    assert not [one for one in made if isinstance(one, Event)]
    assert [one for one in made if isinstance(one, CountsReport)][-1].blind == {"off": 60.0}
