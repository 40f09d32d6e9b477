"""Whether the service as a whole still does its work; if not, the service manager starts it again."""

from typing import Any

from edge_daemon.runtime.control import UNWRITTEN, ProcessStatus

SLACK_S = 3.0
"""How long a frame may be under way from its capture to the sink's counts, each of which is told once a second."""
BUSY_S = 4.0
"""A worker tells every two seconds that its loop turns; one that is silent for longer has a long frame to work on."""


class Watchdog:
    """Fed while frames make progress, or while there are none to make any.

    A frame makes progress when it is delivered or dropped, so that slow models starve nobody, but a dispatcher or a
    sink that is stuck does. Cameras that are away are known to be, and one that is paced to a frame a minute owes
    nothing in between. Lossless sources may wait for a full disk, and all for a worker that has one frame for long or
    loads its model again; one that never comes back is replaced by itself.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._announced: dict[str, int] = {}
        self._progress_at = self._announced_at = float("-inf")

    def feed(self, cameras: dict[str, Any], processes: list[ProcessStatus], now: float) -> bool:
        """Whether all is well at `now` (seconds). `cameras` are the sink's counts."""
        captures = [process for process in processes if process.role == "capture"]
        if self._announces(captures):
            self._announced_at = now
        if self._progresses(cameras):
            self._progress_at = now
        if self._progress_at == now or all(map(_is_away, captures)) or any(map(_is_busy, processes)):
            return True
        owes = any(capture.detail.get("held") for capture in captures) and not any(map(_waits_for_disk, processes))
        return not owes and self._announced_at <= self._progress_at + SLACK_S

    def _announces(self, captures: list[ProcessStatus]) -> bool:
        """Whether a capture has told of a new frame."""
        counts = {capture.name: int(capture.detail.get("announced", 0)) for capture in captures}
        new = any(count > self._announced.get(name, 0) for name, count in counts.items())
        self._announced = counts
        return new

    def _progresses(self, cameras: dict[str, Any]) -> bool:
        counts = {
            (camera, model): (figures["captured"], figures["delivered"])
            for camera, status in cameras.items()
            for model, figures in status["models"].items()
        }
        moved = any(self._counts.get(key, (0, 0)) != figures for key, figures in counts.items())
        self._counts |= counts
        return moved


def _is_away(capture: ProcessStatus) -> bool:
    return capture.state.startswith(("down", "connecting", "finished"))


def _waits_for_disk(process: ProcessStatus) -> bool:
    return process.role == "sink" and process.state.startswith(UNWRITTEN)


def _is_busy(process: ProcessStatus) -> bool:
    return process.role == "worker" and process.silent_s > BUSY_S


def status_line(cameras: dict[str, Any], processes: list[ProcessStatus]) -> str:
    """How things stand in a few words, for `systemctl status`."""
    states = [process.state for process in processes if process.role == "capture"]
    up, done = states.count("up"), states.count("finished") + states.count("ended")
    fps = sum(figures["fps"] for status in cameras.values() for figures in status["models"].values())
    words = f"{up} of {len(states)} camera{'s'[: len(states) != 1]} up"
    return f"{words}{f', {done} read to the end' if done else ''}, {fps:.0f} frames/s"
