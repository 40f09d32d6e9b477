"""The health check: everything that is wrong, in sentences."""

from dataclasses import dataclass

from edge_daemon.messages.status import CameraStatus, ProcessStatus, Status, StreamCounts

MAX_AGE_S = 4.0
"""Maximum age of a status; the sink publishes one every second."""
SILENT_S = 3.0
"""Longest silence of a process, each of which reports every second, and longest time for an owed frame to come through.
A model that takes long for a frame may take `SLOW` times as long as it did before.
"""
SLOW = 3.0
FINE = ("up", "ended", "frozen", "finished", "off", "paused", "resting")
"""States of cameras and processes that are as they should be."""


@dataclass
class _Stream:
    """The counts of one camera and model when a frame last came through, or none was owed."""

    counts: tuple[int, int]
    announced: int
    at: float


class Health:
    """Judges the daemon by its statuses, and by the time since the last one."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._status_at = 0.0
        self._streams: dict[tuple[str, str], _Stream] = {}

    def note(self, status: Status, now: float) -> None:
        """Take in a status."""
        self._status, self._status_at = status, now
        self._streams = {
            (name, model): self._stream(self._streams.get((name, model)), camera, counts, now)
            for name, camera in status.cameras.items()
            for model, counts in camera.models.items()
        }

    def problems(self, now: float, *, dispatcher_here: bool) -> list[str]:
        """Sentences on everything that is wrong; empty if all is well."""
        found = [] if dispatcher_here else ["the dispatcher does not answer"]
        status, age_s = self._status, now - self._status_at
        if status is None:
            return [*found, "the sink has not published a status yet"]
        if age_s > MAX_AGE_S:
            return [*found, f"the sink has not published a status for {age_s:.0f} s"]
        found += [
            f"camera {name} is {camera.state}"
            for name, camera in status.cameras.items()
            if camera.state not in (*FINE, "connecting", "waiting for a key frame")
        ]
        found += [
            f"the main stream of camera {name} is {camera.main_stream}"
            for name, camera in status.cameras.items()
            if isinstance(camera.main_stream, str) and camera.main_stream.startswith("down")
        ]
        found += [
            f"{process.role} {process.name} is {process.state}"
            for process in status.processes
            if process.camera is None and _is_down(process)
        ]
        return [*found, *_silent(status, age_s), *self._stuck(status, now)]

    @staticmethod
    def _stream(before: _Stream | None, camera: CameraStatus, counts: StreamCounts, now: float) -> _Stream:
        moved = counts.captured, counts.delivered
        owes = camera.held > 0 or (before is not None and camera.announced > before.announced)
        owes &= camera.state != "off"  # its last frames are not waited for
        return before if before and before.counts == moved and owes else _Stream(moved, camera.announced, now)

    def _stuck(self, status: Status, now: float) -> list[str]:
        """Streams whose frames do not come through although they are owed."""
        return [
            f"no frame of camera {camera} has come through model {model} for {now - stream.at:.0f} s"
            for (camera, model), stream in self._streams.items()
            if now - stream.at > SILENT_S + SLOW * max(map(_longest_s, _workers(status, model)), default=0.0)
        ]


def _is_down(process: ProcessStatus) -> bool:
    fine = FINE if process.pid is None else (*FINE, "starting")
    return process.state not in fine


def _silent(status: Status, age_s: float) -> list[str]:
    """Processes that do not report. If the sink, which has published this, is one, the supervisor does not."""
    silent = {
        process.title: process.silent_s + age_s
        for process in status.processes
        if process.pid is not None
        and process.state in FINE
        and process.silent_s + age_s > SILENT_S + SLOW * _longest_s(process)
    }
    if "sink" in silent:
        return [f"the supervisor has not looked at its processes for {silent['sink']:.0f} s"]
    return [f"{title} has not reported for {silent_s:.0f} s" for title, silent_s in silent.items()]


def _workers(status: Status, model: str) -> list[ProcessStatus]:
    return [process for process in status.processes if process.model == model]


def _longest_s(process: ProcessStatus) -> float:
    """Longest time that a worker took for a frame lately."""
    return float(process.detail.get("longest_s", 0.0))
