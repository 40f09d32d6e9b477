"""Clips and stills of events: asks captures for packets, and makes files of them."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError
from edge_daemon.media.clip import write_clip
from edge_daemon.media.packets import Packet
from edge_daemon.messages.codec import Message
from edge_daemon.messages.events import Event
from edge_daemon.messages.recording import Coded, Follow, Parameters, Rest
from edge_daemon.recorder.spool import Spool, Time
from edge_daemon.recorder.stills import frame_of, score, write_stills
from edge_daemon.runtime.state import make_folder
from edge_daemon.settings import RecordSettings
from edge_daemon.store.media import path_of, settle

logger = logging.getLogger(__name__)
BETTER = 1.2
"""A view replaces the still if it is this much better."""
PATIENCE_S = 15.0
"""Longest wait for packets that a clip needs."""
TRIES, AGAIN_S = 3, 10.0
PART = ".part"
"""Ending of a clip that is being made."""
EDGE_S = 0.1
"""A clip has the frame at its end, too."""
Clock = Callable[[], float]


@dataclass(eq=False)
class Job:
    """An event whose clip or still is not there yet. `event` is its last message, `best` that with the best view."""

    event: Event
    start: Time
    record: RecordSettings
    best: Event
    end: Time | None = None
    waits_until_s: float = 0.0
    shot: Event | None = None
    busy: Future[None] | None = None
    making: str = ""
    tries: int = 0
    again_s: float = 0.0
    still: str | None = None
    clip: str | None = None

    @property
    def since(self) -> Time:
        """When its clip begins."""
        return self.start[0], self.start[1] - self.record.before_s

    @property
    def until(self) -> Time:
        """When its clip ends, if it has ended."""
        epoch, time_s = self.end or (1 << 62, 0.0)
        return epoch, time_s + self.record.after_s + EDGE_S

    def note(self, event: Event, now_s: float) -> None:
        """Take in a later message."""
        self.event = event
        if event.epoch == self.start[0] and score(event) > score(self.best):
            self.best = event
        if event.phase == "end":
            self.end = event.epoch, event.time_s
            self.waits_until_s = now_s + self.record.after_s + PATIENCE_S


@dataclass(eq=False)
class _Camera:
    spool: Spool
    jobs: dict[str, Job] = field(default_factory=dict)
    following: bool = False


class Clips:
    """The jobs of all cameras that are recorded. `send` sends a capture messages; spools lie in `folder`, what is made
    in `media`.
    """

    def __init__(
        self,
        folder: Path,
        media: Path,
        cameras: Mapping[str, RecordSettings],
        send: Callable[[str, Sequence[Message]], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self._folder, self._media, self._send, self._clock = folder, media, send, clock
        self._settings: Mapping[str, RecordSettings] = cameras
        self._cameras: dict[str, _Camera] = {}
        self._maker = ThreadPoolExecutor(1, "clips")

    @property
    def is_busy(self) -> bool:
        """True while there is something to make."""
        return any(camera.jobs for camera in self._cameras.values())

    def change(self, cameras: Mapping[str, RecordSettings]) -> None:
        """Switch to other settings, for events that begin from now on."""
        self._settings = cameras

    def resume(self, messages: Iterable[tuple[Event, Event, str | None]]) -> None:
        """Go on with events of which the last recorder made no clip: first and last message, and the still. Packets of
        others are removed, and clips that were not finished.
        """
        for first, last, still in messages:
            if last.phase != "end" or (self._folder / first.camera).is_dir():
                self.note(first)
            if job := self._job(first):
                job.still, job.shot = still, first if still else None
                self.note(last)
        for left in self._folder.iterdir() if self._folder.is_dir() else ():
            if left.name not in self._cameras:
                shutil.rmtree(left, ignore_errors=True)
        for part in self._media.rglob(f"*{PART}"):
            part.unlink(missing_ok=True)

    def note(self, event: Event) -> None:
        """Take in a message about an event that was stored."""
        if job := self._job(event):
            job.note(event, self._clock())
        elif event.camera in self._settings and event.phase != "end":
            camera = self._cameras.get(event.camera)
            if camera is None:
                camera = self._cameras[event.camera] = _Camera(Spool(self._folder / event.camera))
            start = event.epoch, event.time_s
            camera.jobs[event.id] = Job(event, start, self._settings[event.camera], best=event)
            if not camera.following:
                self.follow(event.camera)

    def follow(self, name: str) -> None:
        """Ask a capture for the packets that are needed, if there are any: it has connected."""
        camera = self._cameras.get(name)
        if camera is None or not camera.jobs:
            return
        epoch, since_s = min(job.since for job in camera.jobs.values())
        newest = camera.spool.newest
        self._send(name, [Follow(since_s=max(since_s, newest[1]) if newest[0] == epoch else since_s)])
        camera.following = True

    def receive(self, name: str, messages: Sequence[Parameters | Coded]) -> None:
        """Keep packets of a camera.

        Raises:
            OSError: they cannot be written.
        """
        if camera := self._cameras.get(name):
            for message in messages if camera.jobs else ():
                camera.spool.add(message)

    def step(self) -> list[Event]:
        """Make what can be made by now; return the updates of events of which something is there."""
        updates: list[Event] = []
        for name, camera in list(self._cameras.items()):
            for job in list(camera.jobs.values()):
                if (update := self._finish(job)) is not None:
                    updates.append(update)
                if job.busy is None and self._begin(camera, job):
                    del camera.jobs[job.event.id]
            camera.spool.forget(min((job.since for job in camera.jobs.values()), default=None))
            if not camera.jobs:
                self._send(name, [Rest()])
                camera.spool.close()
                del self._cameras[name]
        return updates

    def close(self) -> None:
        """Finish what is being made; the rest is for the next recorder."""
        self._maker.shutdown()
        for camera in self._cameras.values():
            camera.spool.close()

    def _job(self, event: Event) -> Job | None:
        camera = self._cameras.get(event.camera)
        return camera.jobs.get(event.id) if camera else None

    def _begin(self, camera: _Camera, job: Job) -> bool:
        """Begin with what a job needs next; true if it needs nothing any more."""
        now_s, newest = self._clock(), camera.spool.newest
        if now_s < job.again_s:
            return False
        view = self._view(job)
        if view and newest > (view.epoch, view.time_s):
            packets = camera.spool.between((view.epoch, view.time_s), (view.epoch, view.time_s))
            job.making, job.shot = "still", view
            job.busy = self._maker.submit(_make_still, packets, view, self._media)
            return False
        if job.end is None:
            return False
        late = now_s >= job.waits_until_s
        if newest < job.until and not late:
            return False
        if job.clip or job.tries >= TRIES:
            return True
        packets = [one for one in camera.spool.between(job.since, job.until) if one.epoch == job.start[0]]
        if not packets:
            logger.warning(
                "no clip of event %s of camera %s: it sent no video that can be kept", job.event.id, job.event.camera
            )
            return True
        seconds = job.until[1] - packets[0].time_s if job.until[0] == job.start[0] else float("inf")
        job.making = "clip"
        job.busy = self._maker.submit(_make_clip, packets, max(0.04, seconds), job.event, self._media)
        return False

    @staticmethod
    def _view(job: Job) -> Event | None:
        """The message whose view is to be the still now: the first, and at the end the best one."""
        if job.shot is None:
            return job.best
        if job.end and job.best is not job.shot and score(job.best) > BETTER * score(job.shot):
            return job.best
        return None

    def _finish(self, job: Job) -> Event | None:
        """Take in what was made, if that is done; the update of the event if something new is there."""
        if job.busy is None or not job.busy.done():
            return None
        error, making, job.busy = job.busy.exception(), job.making, None
        if error is not None:
            if not isinstance(error, EdgeError | OSError):
                raise error
            logger.warning("no %s of event %s of camera %s: %s", making, job.event.id, job.event.camera, error)
            job.tries, job.again_s = job.tries + (making == "clip"), self._clock() + AGAIN_S * (making == "clip")
            return None
        before = job.still, job.clip
        address = f"/api/events/{job.event.id}"
        job.still = f"{address}/still.jpg" if making == "still" else job.still
        job.clip = f"{address}/clip.mp4" if making == "clip" else job.clip
        if (job.still, job.clip) == before and making != "still":
            return None
        seq = job.shot.seq if job.shot and making == "still" else None
        return msgspec.structs.replace(job.event, phase="update", still=job.still, clip=job.clip, still_seq=seq)


def _make_still(packets: Sequence[Packet], event: Event, media: Path) -> None:
    """Write the still of a message.

    Raises:
        OSError: it cannot be written.
        EdgeError: its frame is not there, or cannot be decoded.
    """
    frame = frame_of(packets, event.epoch, event.seq)
    if frame is None:
        raise EdgeError("the camera sent no video with that frame")
    write_stills(frame, event, media)


def _make_clip(packets: Sequence[Packet], seconds: float, event: Event, media: Path) -> None:
    """Write the clip of an event.

    Raises:
        OSError: it cannot be written.
        EdgeError: an MP4 cannot hold it.
    """
    path = path_of(media, event.camera, event.id, "clip")
    make_folder(path.parent)
    part = path.with_suffix(PART)
    try:
        clip = write_clip(packets, seconds, part)
        settle(part, path)
    finally:
        part.unlink(missing_ok=True)
    if clip.note:
        logger.warning("the clip of event %s ends after %.1f s: %s", event.id, clip.seconds, clip.note)
