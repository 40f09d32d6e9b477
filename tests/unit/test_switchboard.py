"""Switching rules and the mode: what is present when, and what is kept."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.errors import EdgeError
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import Reply, Requester, SetMode, SwitchCamera, SwitchRule
from edge_daemon.messages.switches import SwitchState
from edge_daemon.runtime import switches
from edge_daemon.settings import (
    AnalysisSettings,
    CameraPlan,
    CaptureSettings,
    Delivery,
    HasState,
    RuleSettings,
    SinkSettings,
    StreamRulesSettings,
)
from edge_daemon.supervisor.kinds.capture import Capture
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.switchboard import Switchboard

BY = Requester(name="boss", role="operator", via="web")
RULE = RuleSettings(condition=HasState(of="camera", states=("down",)))
NOON_NS = 1_795_867_200_000_000_000
"""2026-11-28T12:00:00Z"""


CAMERAS = {"yard": CameraPlan(models=["m"], delivery="live"), "clip": CameraPlan(models=["m"], delivery="lossless")}


def capture(camera: str, delivery: Delivery = "live") -> ProcessSpec:
    made = CaptureSettings(camera=camera, source="x", delivery=delivery, dispatcher="")
    return ProcessSpec(kind=Capture(), name=camera, settings=made, camera=camera)


def settings(*rules: str, modes: tuple[str, ...] = ("home", "away")) -> SinkSettings:
    analysis = AnalysisSettings(
        camera="yard", model="m", box="b", rules=StreamRulesSettings(rules=dict.fromkeys(rules, RULE))
    )
    return SinkSettings(
        bind="", pictures="", dispatcher="", publish=[], cameras=CAMERAS, analyses=[analysis], modes=list(modes)
    )


class Board:
    """A switchboard whose clock a test sets."""

    def __init__(self, state: Path | None, now: SinkSettings | None = None) -> None:
        self.now_ns, self.settings = NOON_NS, now or settings("visitor", "gate")
        self.board = Switchboard(state, lambda: self.settings, lambda: self.now_ns)
        self.replies: list[Reply] = []

    def switch(self, rule: str, enabled: bool, until: str | None = None) -> str:
        self.board.switch_rule(SwitchRule(by=BY, rule=rule, enabled=enabled, until=until), self.replies.append)
        return self.replies[-1].text

    def mode(self, mode: str) -> str:
        self.board.set_mode(SetMode(by=BY, mode=mode), self.replies.append)
        return self.replies[-1].text


def test_the_first_mode_is_the_usual_one_and_rules_are_on(tmp_path: Path) -> None:
    assert Board(tmp_path).board.present == SwitchState(mode="home")
    assert Board(tmp_path, settings(modes=())).board.present == SwitchState()


def test_what_is_switched_is_kept_over_a_restart(tmp_path: Path) -> None:
    board = Board(tmp_path)
    assert board.switch("visitor", False) == "rule visitor is off"
    assert board.mode("away") == "the mode is away"
    assert Board(tmp_path).board.present == SwitchState(mode="away", off={"visitor": None})
    assert Board(None).board.present == SwitchState(mode="home"), "without a folder, nothing is kept"
    assert board.switch("visitor", True) == "rule visitor is on"
    assert switches.read(tmp_path) == SwitchState(mode="away")
    written = json.loads((tmp_path / switches.FILE).read_text())
    assert written == {"mode": "away", "off": {}, "cameras_off": []}


def test_a_rule_is_on_again_at_its_time(tmp_path: Path) -> None:
    board = Board(tmp_path)
    said = board.switch("visitor", False, "2026-11-28T14:00:00+01:00")
    assert said == "rule visitor is off until 2026-11-28T13:00:00.000000Z"
    board.now_ns += 3599 * 10**9
    assert set(board.board.present.off) == {"visitor"}
    board.now_ns += 10**9
    assert board.board.present.off == {}


@pytest.mark.parametrize(
    ("rule", "until", "sentence"),
    [
        ("visitr", None, "there is no rule visitr; did you mean visitor? There are visitor, gate"),
        ("gate", "2026-11-28T11:00:00Z", "until: 2026-11-28T11:00:00Z is over"),
        ("gate", "2026-11-28T18:00:00", "until: '2026-11-28T18:00:00' needs a time zone, such as 2026-11-28T18:00:00Z"),
        ("gate", "soon", "until: 'soon' is no time such as 2026-11-28T18:00:00Z"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(tmp_path: Path, rule: str, until: str | None, sentence: str) -> None:
    board = Board(tmp_path)
    with pytest.raises(EdgeError) as error:
        board.switch(rule, False, until)
    assert str(error.value) == sentence
    assert board.board.present.off == {}
    with pytest.raises(EdgeError, match="there is no mode hom; did you mean home"):
        board.mode("hom")


def test_a_mode_that_a_reload_takes_away_gives_way_to_the_first_and_comes_back(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.mode("away")
    board.settings = settings("gate", modes=("day", "night"))
    assert board.board.present.mode == "day"
    board.settings = settings("gate")
    assert board.board.present.mode == "away"


def test_a_folder_that_cannot_be_written_to_is_reported_and_nothing_is_switched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    board = Board(tmp_path / "file")
    with pytest.raises(EdgeError, match="cannot keep it in"):
        board.switch("gate", False)
    assert board.board.present.off == {}


def test_a_damaged_file_counts_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / switches.FILE).write_text("{")
    assert switches.read(tmp_path) == SwitchState()
    assert "all rules are on" in caplog.text


@given(st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(-5, 5)), st.integers(-5, 5))
def test_only_rules_whose_time_has_not_come_are_off(off: dict[str, int | None], now: int) -> None:
    def at(seconds: int) -> str:
        return utc(NOON_NS + seconds * 10**9)

    state = SwitchState(off={rule: None if until is None else at(until) for rule, until in off.items()})
    present = state.at(at(now), ())
    assert set(present.off) == {rule for rule, until in off.items() if until is None or until > now}


def test_captures_of_cameras_that_are_off_do_not_read_them(tmp_path: Path) -> None:
    board = Board(tmp_path).board
    assert board.switch_camera(SwitchCamera(by=BY, camera="yard", enabled=False)) == "camera yard is off"
    specs = [capture("yard"), capture("clip", "lossless")]
    again = Board(tmp_path).board
    assert [spec.settings.enabled for spec in again.applied(specs)] == [False, True]  # type: ignore[attr-defined]
    assert again.present.cameras_off == ["yard"]
    again.switch_camera(SwitchCamera(by=BY, camera="yard", enabled=True))
    assert [spec.settings.enabled for spec in again.applied(board.applied(specs))] == [True, True]  # type: ignore[attr-defined]
    with pytest.raises(EdgeError, match="camera clip is read once"):
        again.switch_camera(SwitchCamera(by=BY, camera="clip", enabled=False))
    with pytest.raises(EdgeError, match="there is no camera yrd; did you mean yard"):
        again.switch_camera(SwitchCamera(by=BY, camera="yrd", enabled=False))
