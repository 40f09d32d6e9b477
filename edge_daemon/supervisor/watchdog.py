"""Progress of the service as a whole; without any, the service manager restarts it."""

from collections.abc import Sequence
from typing import Protocol

from edge_daemon.messages.status import CaptureReport, ProcessReport, SinkReport, Streams, WorkerReport

SLACK_S = 3.0
"""Time that a frame may take from its capture to the sink's counts, each of which is reported once a second."""
BUSY_S = 4.0
"""A worker reports every second that its loop runs; one that is silent for longer has a long frame to work on."""


class Watched(Protocol):
    """A process as the watchdog sees it: its state, as in `status/`, and its last report."""

    name: str
    state: str
    report: ProcessReport

    @property
    def silent_s(self) -> float:
        """Time since its last report."""
        ...


class Watchdog:
    """Feeds the service manager's watchdog while frames make progress, or none are due.

    A frame makes progress when it is delivered or dropped, so that a slow model does not stop the feeding, but a stuck
    dispatcher or sink does. No frame is due from a camera that is offline, or between two frames of a slow pace.
    Lossless sources may wait for a full disk, and all for a worker that has one frame for long or loads its model
    again; the supervisor replaces a worker that never comes back.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._announced: dict[str, int] = {}
        self._progress_at = self._announced_at = float("-inf")

    def feed(self, processes: Sequence[Watched], now: float) -> bool:
        """True if all is well at `now` (seconds)."""
        captures = [(process, process.report) for process in processes if isinstance(process.report, CaptureReport)]
        sink = _sink_report(processes)
        if self._announces({process.name: report.announced for process, report in captures}):
            self._announced_at = now
        if self._progresses(sink.streams):
            self._progress_at = now
        away = all(_is_away(process) for process, _ in captures)
        if self._progress_at == now or away or any(map(_is_busy, processes)):
            return True
        owes = any(report.held for _, report in captures) and not sink.waits_for_disk
        return not owes and self._announced_at <= self._progress_at + SLACK_S

    def _announces(self, counts: dict[str, int]) -> bool:
        """True if a capture has announced another frame."""
        before, self._announced = self._announced, counts
        return any(count > before.get(name, 0) for name, count in counts.items())

    def _progresses(self, streams: Streams) -> bool:
        """True if a frame of any stream has come through."""
        counts = {
            (camera, model): (stream.captured, stream.delivered)
            for camera, models in streams.items()
            for model, stream in models.items()
        }
        moved = any(self._counts.get(key, (0, 0)) != figures for key, figures in counts.items())
        self._counts |= counts
        return moved


def _sink_report(processes: Sequence[Watched]) -> SinkReport:
    return next((process.report for process in processes if isinstance(process.report, SinkReport)), SinkReport())


def _is_away(capture: Watched) -> bool:
    return capture.state.startswith(("down", "connecting", "finished", "off"))


def _is_busy(process: Watched) -> bool:
    return isinstance(process.report, WorkerReport) and process.silent_s > BUSY_S


def status_line(processes: Sequence[Watched]) -> str:
    """The state in a few words, for `systemctl status`."""
    states = [process.state for process in processes if isinstance(process.report, CaptureReport)]
    up, done = states.count("up"), states.count("finished") + states.count("ended")
    fps = sum(stream.fps for models in _sink_report(processes).streams.values() for stream in models.values())
    words = f"{up} of {len(states)} camera{'s'[: len(states) != 1]} up"
    return f"{words}{f', {done} read to the end' if done else ''}, {fps:.0f} frames/s"
