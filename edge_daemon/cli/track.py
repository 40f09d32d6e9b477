"""`edge-daemon track`: tracks for results that were made earlier, or elsewhere."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from edge_daemon.errors import EdgeError
from edge_daemon.messages.fates import Dropped
from edge_daemon.tracking.boxes import Boxes
from edge_daemon.tracking.gap import GAP_S
from edge_daemon.tracking.stream import Moment, Stream


class Found(msgspec.Struct, frozen=True):
    """The part of a detection that is needed."""

    xyxy: tuple[float, float, float, float]
    confidence: float = 1.0
    class_id: int = 0


class Look(msgspec.Struct, frozen=True):
    """The part of a result that is needed; one of `time_s` and `captured_at` is."""

    seq: int
    height: int
    detections: list[Found]
    time_s: float | None = None
    captured_at: datetime | None = None
    camera: str = ""
    model: str = ""
    epoch: int = 0
    dropped: Dropped = {}

    @property
    def wall_s(self) -> float:
        """Seconds since the Unix epoch, or 0 if that is unknown."""
        return self.captured_at.timestamp() if self.captured_at else 0.0


class Retracker:
    """Gives each line of a results file the tracks of its camera and model.

    `gaps_s` is the longest time between two looks that counts as looked at, by camera.
    """

    def __init__(self, gaps_s: dict[str, float]) -> None:
        self._gaps_s = gaps_s
        self._streams: dict[tuple[str, str], Stream] = {}

    def line(self, text: bytes) -> bytes:
        """The line of a result with the numbers of its tracks; any other line as it is.

        Raises:
            ValueError: it is neither a result nor another message.
        """
        message: Any = msgspec.json.decode(text)
        if not isinstance(message, dict):
            raise ValueError("not an object")
        # A model that runs on the detections of another one has no objects of its own.
        if message.get("type", "result") != "result" or "after" in message:
            return text
        for found, number in zip(message["detections"], self._ids(msgspec.convert(message, Look)), strict=True):
            found.pop("tracker_id", None)
            if number is not None:
                found["tracker_id"] = number
        return msgspec.json.encode(message)

    def _ids(self, look: Look) -> list[int | None]:
        if look.time_s is None and look.captured_at is None:
            raise ValueError("neither `time_s` nor `captured_at`")
        if look.height <= 0:
            raise ValueError("`height` is not above 0")
        key = look.camera, look.model
        if key not in self._streams:
            self._streams[key] = Stream(longest_s=self._gaps_s.get(look.camera, GAP_S))
        moment = Moment(look.epoch, look.wall_s if look.time_s is None else look.time_s, look.wall_s)
        return self._streams[key].update(Boxes.of(look.detections, look.height), moment, look.dropped)


def track(results: str, output: str, gaps_s: dict[str, float]) -> None:
    """Write the lines of a results file with tracks to another one; `-` is standard input and output.

    Raises:
        EdgeError: a file cannot be opened or written, or a line is no result.
    """
    try:
        with ExitStack() as files:
            source: BinaryIO = sys.stdin.buffer if results == "-" else files.enter_context(Path(results).open("rb"))
            if output != "-" and results != "-" and Path(output).exists() and Path(output).samefile(results):
                raise EdgeError(f"{output} is the file that is read; name another one")
            target: BinaryIO = sys.stdout.buffer if output == "-" else files.enter_context(Path(output).open("wb"))
            for line in _tracked(source, "standard input" if results == "-" else results, gaps_s):
                target.write(line + b"\n")
            target.flush()
    except OSError as error:
        raise EdgeError(f"{error.filename or output}: {error.strerror}") from error


def _tracked(lines: Iterable[bytes], name: str, gaps_s: dict[str, float]) -> Iterator[bytes]:
    retracker = Retracker(gaps_s)
    for number, line in enumerate(lines, 1):
        if text := line.strip():
            try:
                yield retracker.line(text)
            except (ValueError, KeyError) as error:  # msgspec's errors are ValueErrors
                raise EdgeError(f"{name}, line {number}: not a result: {error}") from error
