"""Whether the service as a whole still does its work; if not, the service manager starts it again."""

from collections.abc import Iterable
from typing import Any

from edge_daemon.link import ProcessStatus


class Watchdog:
    """Fed while frames make progress, or while it is known why none do.

    Cameras that are away are known to be, and so is a run that waits for its subscribers. A frame makes progress when
    it is delivered or dropped: slow models do not starve the watchdog, but a dispatcher or sink that is stuck does.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def feed(self, cameras: dict[str, Any], processes: Iterable[ProcessStatus]) -> bool:
        """Whether there was progress since the last call, or need be none. `cameras` are the sink's counts."""
        table = list(processes)
        return self._progress(cameras) or _is_waiting(table) or all(map(_is_idle, table))

    def _progress(self, cameras: dict[str, Any]) -> bool:
        counts = {
            (camera, model): (figures["captured"], figures["delivered"])
            for camera, status in cameras.items()
            for model, figures in status["models"].items()
        }
        moved = any(self._counts.get(key, (0, 0)) != figures for key, figures in counts.items())
        self._counts.update(counts)
        return moved


def _is_waiting(table: list[ProcessStatus]) -> bool:
    return any(process.role == "sink" and process.state == "waiting" for process in table)


def _is_idle(process: ProcessStatus) -> bool:
    """Whether nothing can be expected of this process: it reads no camera, or knows why it has no frames."""
    return process.role != "capture" or process.state.startswith(("down", "connecting", "finished"))


def standing(cameras: dict[str, Any], processes: Iterable[ProcessStatus]) -> str:
    """How things stand in a few words, for `systemctl status`."""
    states = [process.state for process in processes if process.role == "capture"]
    up, finished = states.count("up"), states.count("finished") + states.count("ended")
    fps = sum(figures["fps"] for status in cameras.values() for figures in status["models"].values())
    words = f"{up} of {len(states)} camera{'s'[: len(states) != 1]} up"
    return f"{words}{f', {finished} read to the end' if finished else ''}, {fps:.0f} frames/s"
