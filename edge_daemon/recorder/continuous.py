"""Recording all the time: groups of pictures of a camera, appended to segments as they arrive."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge_daemon.errors import SourceError
from edge_daemon.media.packets import Packet
from edge_daemon.media.parameters import StreamParameters, unpack
from edge_daemon.media.segment import SegmentFile, whole
from edge_daemon.media.sound import SoundParameters, unpack_sound
from edge_daemon.messages import recording as messages
from edge_daemon.messages.recording import Coded, FromCapture, Parameters
from edge_daemon.recorder.spool import Time
from edge_daemon.settings import RecordSettings
from edge_daemon.store import segments
from edge_daemon.store.segments import Gap, Segment

logger = logging.getLogger(__name__)
SEGMENT_S = 10.0
GAP_S = 1.0
"""Time without a packet after which a run ends."""
STEP_S = 1.0
"""A wall clock that moves this far from one second to the next was set."""
GROUP_BYTES = 64 << 20
"""A group of pictures that is larger is not waited for."""
AWAY, SILENT, AGAIN = "the recorder was not running", "the camera sent nothing", "the camera was opened again"
Clock = Callable[[], float]


class Continuous:
    """The cameras that are recorded all the time, below `media`."""

    def __init__(self, media: Path, cameras: Mapping[str, RecordSettings], wall_s: Clock = time.time) -> None:
        self._media, self._wall_s = media, wall_s
        self._tapes: dict[str, Tape] = {}
        self._offset_s = wall_s() - time.monotonic()
        self.change(cameras)

    @property
    def trouble(self) -> str:
        """Why something cannot be recorded now; empty if all is well."""
        return next((tape.trouble for tape in self._tapes.values() if tape.trouble), "")

    def change(self, cameras: Mapping[str, RecordSettings]) -> None:
        """Record these cameras from now on, as far as they are continuous."""
        wanted = {name for name, record in cameras.items() if record.continuous}
        for name in self._tapes.keys() - wanted:
            self._tapes.pop(name).close()
        for name in wanted - self._tapes.keys():
            self._tapes[name] = Tape(self._media, name, self._at)

    def __contains__(self, camera: object) -> bool:
        return camera in self._tapes

    def since(self, camera: str) -> Time:
        """Up to when a camera is recorded already."""
        return self._tapes[camera].newest or (0, 0.0)

    def receive(self, camera: str, received: Sequence[FromCapture]) -> None:
        """Record packets of a camera."""
        if tape := self._tapes.get(camera):
            for message in received:
                tape.add(message)

    def tick(self) -> None:
        """Follow the wall clock, about once a second. If it was set, what this process has recorded gets new names, and
        another run begins.
        """
        offset_s = self._wall_s() - time.monotonic()
        by_s = offset_s - self._offset_s
        if abs(by_s) >= STEP_S:
            for tape in self._tapes.values():
                tape.move(by_s)
        self._offset_s = offset_s

    def close(self) -> None:
        """Finish the segments."""
        for tape in self._tapes.values():
            tape.close()

    def _at(self, monotonic_s: float) -> float:
        """Wall time of a moment on CLOCK_MONOTONIC."""
        return monotonic_s + self._offset_s


class Tape:
    """One camera. `at` gives the wall time of a moment on CLOCK_MONOTONIC."""

    def __init__(self, media: Path, camera: str, at: Callable[[float], float]) -> None:
        self._media, self._camera, self._at = media, camera, at
        self.newest: Time | None = None
        """Up to when it is recorded."""
        self.trouble = ""
        self._parameters: StreamParameters | None = None
        self._sound: SoundParameters | None = None
        self._group: list[Packet] = []
        self._began_s = self._size = 0.0
        self._last = ("", 0)
        self._file: SegmentFile | None = None
        self._file_start_s = 0.0
        self._longest_s = GAP_S
        self._why = AWAY
        self._is_left = False
        """A file may be there that could not be finished."""
        self._recover()
        last = self._newest_segment()
        self._end_s = last.end_s if last else None
        self._run = last.run if last else 0
        self._first_run = self._run + 1
        self._new_run = True

    def add(self, message: FromCapture) -> None:
        """Record a packet, or take in the parameters of the next ones. What was there already is left out."""
        try:
            match message:
                case Parameters():
                    self._see(unpack(message.data))
                case messages.SoundParameters():
                    self._hear(unpack_sound(message.data))
                case Coded():
                    self._take(message)
        except (OSError, SourceError) as error:
            self._fail(error)

    def move(self, by_s: float) -> None:
        """The wall clock was set: rename what this process has recorded before. What follows is another run."""
        try:
            self._end()
            days = segments.days(self._media, self._camera)
            for one in [one for day in days for one in segments.in_day(day) if one.run >= self._first_run]:
                path = segments.path_of(self._media, self._camera, one.start_s + by_s, one.run, one.seconds)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                one.path.rename(path)
        except (OSError, SourceError) as error:
            self._fail(error)
        self._end_s = self._end_s + by_s if self._end_s is not None else None
        self._new_run = True

    def close(self) -> None:
        """Finish the segment."""
        try:
            self._flush()
            self._end()
            if self._is_left:
                self._recover()
        except (OSError, SourceError) as error:
            self._fail(error)

    def _see(self, parameters: StreamParameters) -> None:
        """Use other parameters from the next packet on: another run, as another file has to begin."""
        if self._parameters is None or not self._parameters.same_as(parameters):
            self._flush()
            self._parameters, self._new_run = parameters, True

    def _hear(self, parameters: SoundParameters) -> None:
        """The same for sound, from the next group on."""
        if self._sound is None or not self._sound.same_as(parameters):
            self._sound, self._new_run = parameters, True

    def _take(self, message: Coded) -> None:
        source, number = self._last
        parameters = self._sound if message.sound else self._parameters
        if parameters is None or (message.source == source and message.number <= number):
            return
        self._last = message.source, message.number
        packet = Packet(
            data=message.data,
            size=len(message.data),
            key=message.key,
            arrived_s=message.captured_s,
            stamp_s=message.stamp_s,
            time_s=message.time_s,
            duration_s=message.duration_s,
            parameters=parameters,
            discarded=message.discarded,
            sound=message.sound,
            epoch=message.epoch,
        )
        if message.key or self._size > GROUP_BYTES:
            self._flush()
            self._began_s = message.captured_s
        if message.key or self._group:
            self._group.append(packet)
            self._size += packet.size

    def _flush(self) -> None:
        """Append the group to the segment, or to another one if it is time for that."""
        group, self._group, self._size = self._group, [], 0
        if not group or not group[0].key:
            return
        first = group[0]
        start: Time = first.epoch or 0, first.time_s
        if self._is_known(start):
            return
        self._new_run |= self._file is not None and not self._file.fits(group)
        goes_on = self.newest and self.newest[0] == start[0] and start[1] - self.newest[1] <= self._longest_s
        if not goes_on or self._new_run or self._is_full(start):
            self._end()
            if not goes_on or self._new_run:
                self._run, self._new_run = self._run + 1, False
            self._begin(group, self._at(self._began_s))
        assert self._file
        self._file.add(group)
        if self.newest and len(group) == 1:  # a camera of single pictures may send few
            self._longest_s = max(GAP_S, 3 * min(start[1] - self.newest[1], SEGMENT_S))
        self.newest = start[0], self._file.start_s + self._file.seconds
        if self._why not in (AWAY, SILENT):
            logger.warning("%s is recorded again", self._camera)
        self.trouble, self._why = "", SILENT

    def _is_known(self, start: Time) -> bool:
        """True if a group was recorded already: after a new connection, or by the recorder before this one."""
        return self.newest is not None and self.newest[0] == start[0] and start[1] < self.newest[1] - GAP_S / 20

    def _is_full(self, start: Time) -> bool:
        return self._file is None or start[1] - self._file.start_s >= SEGMENT_S

    def _begin(self, group: Sequence[Packet], start_s: float) -> None:
        if self._is_left:
            self._recover()
            self._is_left = False
            if last := self._newest_segment():
                self._end_s = last.end_s
        if self._end_s is not None and start_s - self._end_s > GAP_S:
            why = AGAIN if self.newest and self.newest[0] != group[0].epoch else self._why
            segments.note_gap(self._media, self._camera, Gap(self._end_s, start_s, why))
        epoch, time_s = group[0].epoch or 0, group[0].time_s
        day = segments.day_of(self._media, self._camera, start_s)
        name = f"{segments.name_of(start_s, self._run)}-{epoch}-{round(1e3 * time_s)}{segments.PART}"
        self._file, self._file_start_s = SegmentFile(day / name, group, self._sound), start_s

    def _end(self) -> None:
        """Finish the segment that is written."""
        file, self._file = self._file, None
        if file is None:
            return
        file.close()
        self._end_s = self._file_start_s + file.seconds
        file.path.rename(segments.path_of(self._media, self._camera, self._file_start_s, self._run, file.seconds))

    def _fail(self, error: OSError | SourceError) -> None:
        """Remember that nothing can be recorded now; it is tried again with the next group."""
        reason = error.strerror or str(error) if isinstance(error, OSError) else ""
        why = f"the disk could not be written ({reason})" if reason else str(error)
        if self._why != why:
            logger.error("%s is not recorded: %s", self._camera, why)
        self._why, self._new_run = why, True
        self.trouble = reason
        self._group, self._size, self._is_left = [], 0, True
        if self._file:
            with suppress(OSError, SourceError):
                self._file.close()
            self._file = None

    def _recover(self) -> None:
        """Finish what a recorder has left that did not end by itself, or what could not be written to its end."""
        for day in segments.days(self._media, self._camera):
            for part in sorted(day.glob(f"*{segments.PART}")):
                stamp, run, epoch, time_ms = part.stem.rsplit("-", 3)
                seconds = whole(part)
                self.newest = max(self.newest or (0, 0.0), (int(epoch), int(time_ms) / 1e3 + seconds))
                if seconds:
                    part.rename(day / f"{stamp}-{run}-{round(1e3 * seconds)}{segments.ENDING}")
                else:
                    part.unlink()

    def _newest_segment(self) -> Segment | None:
        for day in reversed(segments.days(self._media, self._camera)):
            if found := list(segments.in_day(day)):
                return max(found, key=lambda one: (one.run, one.start_s))
        return None
