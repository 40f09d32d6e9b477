"""Reads results of an earlier run, or of another program, and makes of them what the daemon does."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from edge_daemon.analytics.analysis import Analysis
from edge_daemon.config.schema import Config
from edge_daemon.errors import EdgeError
from edge_daemon.messages.accounting import StreamKey
from edge_daemon.messages.fates import Dropped
from edge_daemon.messages.findings import Detection
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import Result, utc
from edge_daemon.rules.because import time_of_day
from edge_daemon.settings import AnalysisSettings, StreamRulesSettings
from edge_daemon.supervisor.kinds.run import Run
from edge_daemon.tracking.gap import gap_s

USUAL = 16 / 9
"""Width by height of most cameras' pictures."""
STANDARD_INPUT = "standard input"


class Found(msgspec.Struct, frozen=True):
    """The part of a detection that is needed."""

    xyxy: tuple[float, float, float, float]
    confidence: float = 1.0
    class_id: int = 0
    class_name: str | None = None


class Look(msgspec.Struct, frozen=True):
    """The part of a result that is needed; one of `time_s` and `captured_at` is. Pictures without `width` are 16:9."""

    seq: int
    height: int
    detections: list[Found]
    width: int | None = None
    unsure: list[Found] = []
    time_s: float | None = None
    captured_at: datetime | None = None
    camera: str = ""
    model: str = ""
    epoch: int = 0
    dropped: Dropped = {}

    @property
    def result(self) -> Result:
        """The result, with the wall time at which it was captured, or since 1970 if that is unknown."""
        captured_s = self.captured_at.timestamp() if self.captured_at else self.time_s or 0.0
        return Result(
            camera=self.camera,
            model=self.model,
            epoch=self.epoch,
            seq=self.seq,
            captured_at=utc(round(captured_s * 1e9)),
            time_s=captured_s if self.time_s is None else self.time_s,
            width=round(self.height * USUAL) if self.width is None else self.width,
            height=self.height,
            detections=[_detection(one) for one in self.detections],
            unsure=[_detection(one) for one in self.unsure] or msgspec.UNSET,
            dropped=self.dropped,
            timing_ms=Timing(),
            worker="",
        )


class Line(NamedTuple):
    """A line of a results file: a message as JSON, and the result if it is one with objects of its own."""

    message: dict[str, Any]
    result: Result | None


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """The file of results; `-` is standard input."""
    if name == "-":
        yield sys.stdin.buffer
    else:
        with Path(name).open("rb") as file:
            yield file


def lines(source: Iterable[bytes], name: str) -> Iterator[Line]:
    """The messages in a file of results.

    Raises:
        EdgeError: a line is neither a result nor another message.
    """
    for number, text in enumerate(source, 1):
        if stripped := text.strip():
            try:
                yield _line(stripped)
            except (ValueError, KeyError) as error:  # msgspec's errors are ValueErrors
                where = STANDARD_INPUT if name == "-" else name
                raise EdgeError(f"{where}, line {number}: not a result: {error}") from error


def _line(text: bytes) -> Line:
    message: Any = msgspec.json.decode(text)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    # A model that runs on the detections of another one has no objects of its own.
    if message.get("type", "result") != "result" or "after" in message:
        return Line(message, None)
    look = msgspec.convert(message, Look)
    if look.time_s is None and look.captured_at is None:
        raise ValueError("neither `time_s` nor `captured_at`")
    for name, side in (("width", look.width), ("height", look.height)):
        if side is not None and side <= 0:
            raise ValueError(f"`{name}` is not above 0")
    return Line(message, look.result)


def _detection(one: Found) -> Detection:
    name = str(one.class_id) if one.class_name is None else one.class_name
    return Detection(xyxy=one.xyxy, confidence=one.confidence, class_id=one.class_id, class_name=name)


class Analyses:
    """An analysis of each camera and model of the results, as the daemon has them with this configuration.

    Those without zones, lines or rules are tracked too, unless the results have numbers already (`numbered`). Results
    that name neither camera nor model belong to the only one that the configuration has.
    """

    def __init__(self, config: Config | None = None, *, numbered: bool = False) -> None:
        self._track = not numbered
        self._settings = Run(config, Path()).analyses if config else {}
        self._gaps_s = {name: gap_s(camera.fps) for name, camera in config.cameras.items()} if config else {}
        self._running: dict[StreamKey, Analysis] = {}

    def of(self, result: Result) -> Analysis:
        """The analysis to which a result belongs; the result gets the names of its camera and model."""
        if not result.camera and not result.model and len(self._settings) == 1:
            ((result.camera, result.model),) = self._settings
        key = result.camera, result.model
        if key not in self._running:
            self._running[key] = Analysis(self._tracked(result.camera, result.model))
        return self._running[key]

    def _tracked(self, camera: str, model: str) -> AnalysisSettings:
        known = self._settings.get((camera, model))
        if known is None:
            known = AnalysisSettings(camera=camera, model=model, box="", rules=StreamRulesSettings())
            known = msgspec.structs.replace(known, gap_s=self._gaps_s.get(camera, known.gap_s))
        return msgspec.structs.replace(
            known, finite=True, rules=msgspec.structs.replace(known.rules, track=self._track)
        )


def local(wall_s: float, analysis: Analysis) -> str:
    """Local time of day, to a tenth of a second."""
    return time_of_day(datetime.fromtimestamp(wall_s, ZoneInfo(analysis.settings.place.time_zone)))
