"""Clips and stills of events: asks captures for packets, and makes files of them."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError
from edge_daemon.imaging.placement import Placement
from edge_daemon.media.clip import HOLE_S, write_clip
from edge_daemon.media.packets import Packet
from edge_daemon.messages.codec import Message
from edge_daemon.messages.events import Event
from edge_daemon.messages.recording import Follow, FromCapture, Placed, Rest
from edge_daemon.recorder.spool import Spool, Time
from edge_daemon.recorder.stills import frame_at, frame_of, score, write_stills
from edge_daemon.runtime.state import make_folder
from edge_daemon.settings import RecordSettings
from edge_daemon.store.media import path_of, settle

logger = logging.getLogger(__name__)
BETTER = 1.2
"""A view replaces the still if it is this much better."""
PATIENCE_S = 15.0
"""Longest wait for packets that a clip needs."""
SAME_S = 1e-3
"""Times that are nearer are the same frame's."""
TRIES, AGAIN_S = 3, 10.0
PART = ".part"
"""Ending of a clip that is being made."""
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
    busy: Future[float | None] | None = None
    making: str = ""
    tries: int = 0
    again_s: float = 0.0
    still: str | None = None
    still_off_s: float | None = None
    clip: str | None = None
    clip_time_s: float | None = None

    @property
    def since(self) -> Time:
        """When its clip begins."""
        return self.start[0], self.start[1] - self.record.before_s

    @property
    def until(self) -> Time:
        """When its clip ends, if it has ended."""
        epoch, time_s = self.end or (1 << 62, 0.0)
        return epoch, time_s + self.record.after_s + SAME_S  # with the frame at the end

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
        self._placed: dict[str, Placed] = {}
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
        if not self._cameras:
            for part in self._media.glob(f"*/*/*{PART}"):
                part.unlink(missing_ok=True)
        for first, last, still in messages:
            if self._job(first):
                continue
            if last.phase != "end" or (self._folder / first.camera).is_dir():
                self.note(first)
            elif first.camera in self._settings:
                logger.warning("no clip of event %s of camera %s: its video could not be kept", first.id, first.camera)
            if job := self._job(first):
                job.still, job.shot = still, first if still else None
                self.note(last)
        for left in self._folder.iterdir() if self._folder.is_dir() else ():
            if left.name not in self._cameras:
                shutil.rmtree(left, ignore_errors=True)

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
        epoch, since_s = max(min(job.since for job in camera.jobs.values()), camera.spool.newest)
        self._send(name, [Follow(epoch=epoch, since_s=since_s)])
        camera.following = True

    def receive(self, name: str, messages: Sequence[FromCapture]) -> None:
        """Keep packets of a camera, and how what models look at lies in them.

        Raises:
            OSError: they cannot be written.
        """
        if camera := self._cameras.get(name):
            for message in messages if camera.jobs else ():
                if isinstance(message, Placed):
                    self._placed[name] = message
                else:
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
        if view and newest >= (view.epoch, view.time_s - SAME_S):
            packets = camera.spool.between((view.epoch, view.time_s - SAME_S), (view.epoch, view.time_s + SAME_S))
            job.making, job.shot = "still", view
            placed = self._placed.get(view.camera)
            job.busy = self._maker.submit(_make_still, packets, view, self._media, placed)
            return False
        if job.end is None:
            return False
        late = now_s >= job.waits_until_s
        if newest < job.until and not late:
            return False
        if job.clip or job.tries >= TRIES:
            return True
        packets = camera.spool.between(job.since, job.until)
        if not packets:
            logger.warning(
                "no clip of event %s of camera %s: it sent no video that can be kept", job.event.id, job.event.camera
            )
            return True
        packets, seconds = on_one_clock(of_main_stream(packets), job.until)
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
        done, making, job.busy = job.busy, job.making, None
        error = done.exception()
        if error is not None:
            if not isinstance(error, EdgeError | OSError):
                raise error
            logger.warning("no %s of event %s of camera %s: %s", making, job.event.id, job.event.camera, error)
            job.tries, job.again_s = job.tries + (making == "clip"), self._clock() + AGAIN_S * (making == "clip")
            return None
        before = job.still, job.clip
        address = f"/api/events/{job.event.id}"
        if making == "still":
            job.still, job.still_off_s = f"{address}/still.jpg", done.result()
        else:
            job.clip, job.clip_time_s = f"{address}/clip.mp4", done.result()
        if (job.still, job.clip) == before and making != "still":
            return None
        return msgspec.structs.replace(
            job.event,
            phase="update",
            still=job.still,
            clip=job.clip,
            still_off_s=_or_unset(job.still_off_s),
            clip_time_s=_or_unset(job.clip_time_s),
            still_seq=job.shot.seq if job.shot and making == "still" else None,
        )


def _or_unset(value: float | None) -> float | msgspec.UnsetType:
    return msgspec.UNSET if value is None else value


def of_main_stream(packets: Sequence[Packet]) -> Sequence[Packet]:
    """The packets from where the main stream begins, if there is one."""
    first = next((index for index, packet in enumerate(packets) if packet.main and packet.key), 0)
    return [packet for packet in packets[first:] if packet.sound or packet.main] if first else packets


def on_one_clock(packets: Sequence[Packet], until: Time) -> tuple[list[Packet], float]:
    """The packets, and the time from the first to the end of the clip; infinite if its epoch is not there. Those of
    several epochs, of which all but the last ended with the death of a process, are dated by the machine's clock.
    """
    first, last = packets[0], packets[-1]
    if first.epoch == last.epoch:
        return list(packets), until[1] - first.time_s if first.epoch == until[0] else float("inf")
    seconds = last.arrived_s - first.arrived_s + until[1] - last.time_s
    dated = [replace(packet, time_s=packet.arrived_s) for packet in packets]
    return dated, seconds if last.epoch == until[0] else float("inf")


def _make_still(packets: Sequence[Packet], event: Event, media: Path, placed: Placed | None) -> float | None:
    """Write the still of a message; return how far its frame is from that of the message, if it is of another stream.
    Without boxes, if it is not known where they are in the recorded picture.

    Raises:
        OSError: it cannot be written.
        EdgeError: its frame is not there, or cannot be decoded.
    """
    main = any(packet.main for packet in packets[:1])
    off_s = None
    if main:
        frame, off_s = frame_at(packets, event.epoch, event.time_s)
    else:
        frame = frame_of(packets, event.epoch, event.seq)
    if frame is None:
        raise EdgeError("the camera sent no video with that frame")
    if not main:
        write_stills(frame, event, media)
    elif placed:
        part = Placement(*placed.part)
        write_stills(frame, event, media, lambda xyxy, size: part.moved(xyxy, placed.size, size))
    else:
        write_stills(frame, msgspec.structs.replace(event, tracks=[]), media)
    return None if off_s is None else round(off_s, 3)


def _make_clip(packets: Sequence[Packet], seconds: float, event: Event, media: Path) -> float | None:
    """Write the clip of an event; return when it begins, by the camera's clock, if it is of the event's epoch.

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
    elif clip.seconds < min(seconds, 1e9) - HOLE_S:
        logger.warning("the clip of event %s ends after %.1f s: the camera sent no more", event.id, clip.seconds)
    for hole in clip.holes:
        logger.warning("the clip of event %s lacks %.1f s after %.1f s", event.id, hole.seconds, hole.after_s)
    first = packets[0]
    return round(first.time_s, 3) if first.epoch == event.epoch == packets[-1].epoch else None
