"""The thread that reads a camera: it numbers and dates every frame, reopens lost cameras, and never waits in live
delivery.
"""

import logging
import threading
import time
from collections.abc import Callable

from edge_daemon.capture.announcements import Announcements
from edge_daemon.capture.frozen import Frozen
from edge_daemon.capture.moment import Moment, Moments
from edge_daemon.capture.motion import MotionGate
from edge_daemon.capture.pace import Pace
from edge_daemon.capture.picture import CodedSource, Picture, RequestedSource, Source
from edge_daemon.capture.pictures import Pictures
from edge_daemon.capture.playout import Playback
from edge_daemon.capture.recording import Zero
from edge_daemon.capture.retry import Retry
from edge_daemon.capture.scene import Scene
from edge_daemon.capture.source import open_source
from edge_daemon.capture.window import BufferedFrame, Window
from edge_daemon.config.sources import comes_and_goes, is_folder_here
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.privacy import Mask
from edge_daemon.log import redact
from edge_daemon.media.packets import Observer
from edge_daemon.messages.scheduling import Announce, Skipped
from edge_daemon.settings import CaptureSettings

logger = logging.getLogger(__name__)
SKIPPED_NS = 1_000_000_000
"""Interval at which skipped frames are reported if no frame is offered."""


class Reader(threading.Thread):
    """Reads from the source into a window, and queues an announcement of each frame.

    `prepare` is called with each frame of a file before it is buffered. `wake` is called after each announcement, and
    with True after other news. Frames that are not offered are kept for people who look (`pictures`). A camera that is
    lost is reopened again and again. A file, folder or scene that cannot be opened ends the reader with `error`; one
    that is at its end, with `captured`.
    """

    def __init__(
        self,
        settings: CaptureSettings,
        window: Window,
        announcements: Announcements,
        prepare: Callable[[BufferedFrame], None],
        wake: Callable[[bool], None],
        pictures: Pictures | None = None,
    ) -> None:
        super().__init__(name="reader", daemon=True)
        self._pictures = pictures
        self.observer: Observer | None = None
        """Called with each packet, if the source has any."""
        self._zero: Zero | None = None
        self._settings, self._window, self._announcements = settings, window, announcements
        self._prepare, self._wake = prepare, wake
        self._pace = Pace(settings)
        self.gate = MotionGate(settings.motion) if settings.motion else None
        self.mask: Mask | None = None
        """Areas to hide in each picture."""
        self.scene = Scene(settings.privacy) if settings.scene else None
        self._epoch = self._start_at = 0
        self._moments: Moments
        self._source: Source | None = None
        self._may_start = threading.Event()
        self._ending = threading.Event()
        self._due = threading.Event()
        self._enabled = settings.enabled
        self._live = settings.delivery == "live"
        self.patient = False
        """True if a source that is away is tried again; known once `busy_since` is set."""
        self._reported_ns = 0
        self.state, self.about = "connecting", ""
        self.tries = 0
        """Failed attempts in a row to open it, and, while it waits, when the next one is due."""
        self.next_try_at: float | None = None
        self.seq = -1
        self._forget_skipped()
        self.size = (0, 0)
        self.captured: int | None = None
        self.error: Exception | None = None
        self.busy_since: float | None = None

    def begin(self, epoch: int, seq: int) -> None:
        """Number the frames from 0 in `epoch`, and offer those from number `seq` on."""
        self._epoch, self._start_at, self._moments = epoch, seq, Moments(epoch)
        self._may_start.set()

    def zero(self) -> Zero | None:
        """When the epoch began; None before its first frame."""
        return self._zero

    def change(self, settings: CaptureSettings) -> None:
        """Choose frames by another pace and motion gate from the next one on; the source stays open."""
        if settings.fps != self._settings.fps:
            self._pace = Pace(settings)
        if settings.motion != self._settings.motion:
            self.gate = MotionGate(settings.motion) if settings.motion else None
        if (settings.scene, settings.privacy) != (self._settings.scene, self._settings.privacy):
            self.scene = Scene(settings.privacy) if settings.scene else None
        self._settings = settings
        if settings.enabled != self._enabled:
            self._enabled = settings.enabled
            self._due.set()
        if isinstance(source := self._source, RequestedSource):
            source.request(settings.fps)

    def stop(self) -> None:
        """End soon."""
        self._ending.set()
        self._may_start.set()
        self._due.set()
        self._window.close()

    def retry(self) -> None:
        """Open the camera now if it waits for its next try."""
        self._due.set()

    def run(self) -> None:
        """Read until stopped, or until the source ends; an error that ends it is left in `error`."""
        try:
            self._keep_reading()
        except Exception as error:
            self.error = error
            self._wake(True)

    def _keep_reading(self) -> None:
        retry = Retry()
        self.busy_since = time.monotonic()  # a file system may hang
        self.patient = comes_and_goes(self._settings.source, self._settings.delivery, is_folder_here)
        while not self._ending.is_set():
            self._wait_until_enabled()
            if self._ending.is_set():
                return
            ran_s, first = 0.0, self.seq
            try:
                self.busy_since, self.next_try_at = time.monotonic(), None
                source = open_source(self._settings.source, self._settings.opening, self._settings.delivery)
                self._source = source
                if self.observer and isinstance(source, CodedSource):
                    source.observe(self.observer, sound=bool(self._settings.record and self._settings.record.audio))
                try:
                    self._opened(source.about)
                    began = time.monotonic()
                    ended = self._read_all(source)
                finally:
                    ran_s = time.monotonic() - began
                    self.busy_since = time.monotonic()  # a driver may hang in this, too
                    source.close()
                    self.busy_since = None
            except SourceError as error:
                if not self.patient:
                    raise
                self.tries = 0 if self.seq > first else self.tries + 1
                self._due.clear()
                if self._ending.is_set():
                    return
                wait_s = retry.failed(error.reason, ran_s)
                self.next_try_at = time.monotonic() + wait_s
                self._enter(f"down ({error.reason})", str(error))
            else:
                if ended:
                    self.captured = self.seq + 1
                    self._enter("ended")
                if ended or self._ending.is_set():
                    return
                wait_s = 0.0
            self.busy_since = None
            if self._enabled:
                self._due.wait(wait_s)

    def _wait_until_enabled(self) -> None:
        """Wait while the camera is switched off."""
        while not self._enabled and not self._ending.is_set():
            self.busy_since = self.next_try_at = None
            self.tries = 0
            self._enter("off")
            self._due.clear()
            if not self._enabled and not self._ending.is_set():
                self._due.wait()

    def _read_all(self, source: Source) -> bool:
        """Read until the source ends (True), or the reader is stopped or the camera switched off (False).

        Raises:
            SourceError: the camera is lost, or a file holds no picture that can be decoded.
        """
        first = None
        if not source.live and (first := source.read()) is None:
            name = redact(self._settings.source)
            raise SourceError(f"{name} holds no picture that can be decoded", "decode error")
        self._enter("opened")
        self.busy_since = None
        self._may_start.wait()
        played = Playback(time.monotonic()) if self._live and not source.live else None
        frozen, lost = Frozen(), 0
        while self._enabled and not self._ending.is_set():
            if played:
                self._ending.wait(played.until_read_s(time.monotonic()))
            self.busy_since = time.monotonic()
            picture, first = first or source.read(), None
            self.busy_since = None
            self._count_lost(source.lost - lost)
            lost = source.lost
            if picture is None:
                if not source.live:
                    return True
                self._enter(source.idle)
                self._report_skipped_in_time()
                continue
            if played:
                self._ending.wait(played.until_shown_s(picture.time_s, time.monotonic()))
            picture.mask = self.mask
            self._number(picture)
            changed = self._look_at_scene(picture)
            admitted = self._pace.admit(picture.time_s)
            self._choose(picture, source, paced=not admitted, changed=changed)
            stuck = frozen.add(picture) if admitted and source.live else self.state == "frozen"
            self._enter("frozen" if stuck else "up")
        return False

    def _count_lost(self, frames: int) -> None:
        """Number frames that came and could not be decoded. They are reported with the next one that could."""
        first = max(self.seq + 1, self._start_at)
        self.seq += frames
        self.undecodable += max(0, self.seq + 1 - first)

    @property
    def skipped(self) -> dict[str, int]:
        """Frames skipped since the last one that was offered, by reason."""
        return {"paced": self.paced, "still": self.still, "undecodable": self.undecodable}

    def _forget_skipped(self) -> None:
        self.paced = self.still = self.undecodable = 0

    def _number(self, picture: Picture) -> None:
        """Give the frame its number, and the packet that it came of too."""
        self.seq += 1
        if picture.packet:
            packet = picture.packet
            packet.time_s, packet.epoch, packet.seq = picture.time_s, self._epoch, self.seq  # the last shows the others

    def _look_at_scene(self, picture: Picture) -> bool:
        """Look for a camera that was tampered with, if that is wanted; True if something changed."""
        if self.scene is None or not self.scene.is_due(picture.time_s):
            return False
        try:
            changed = self.scene.add(picture.grey, picture.time_s)
        except PictureError:
            return False
        if changed:
            level = logging.WARNING if self.scene.present else logging.INFO
            logger.log(level, "the scene is %s", " and ".join(self.scene.present) or "as usual again")
        return changed

    def _choose(self, picture: Picture, source: Source, *, paced: bool, changed: bool) -> None:
        """Offer a frame or skip it. A frame that was read before, and is not offered again, passes the same gates: a
        file's frames have the same fate however often it is read. One with which the state of the scene `changed`
        passes the motion gate.
        """
        new = self.seq >= self._start_at
        if paced:
            self.paced += new
            self._show(picture, source)
        elif (gate := self.gate) and not gate.admit(picture, time.time_ns()) and not changed:
            self.still += new
            self._show(picture, source)
        elif new:
            self._offer(picture, source)
        self._report_skipped_in_time()

    def _offer(self, picture: Picture, source: Source) -> None:
        """Buffer a frame. Pixels are made now, before the source is read again, unless the picture has a JPEG."""
        if picture.jpeg is None:
            _ = picture.pixels
        moment = self._moment(picture.time_s, source)
        if self.size not in ((0, 0), picture.size):
            logger.info("pictures are %dx%d now", *picture.size)
        self.size = picture.size
        scene = self.scene.present if self.scene else ()
        frame = BufferedFrame(self.seq, moment, picture, self.still, self.undecodable, scene)
        message = Announce(
            camera=self._settings.camera,
            epoch=self._epoch,
            seq=self.seq,
            captured_ns=moment.due_ns,
            **self.skipped,
        )
        self._forget_skipped()
        self._reported_ns = time.monotonic_ns()
        if not self._live:
            self._prepare(frame)
        if self._window.put(frame):
            self._announcements.add(message)
            self._wake(False)

    def _show(self, picture: Picture, source: Source) -> None:
        """Keep a frame that is not offered, if somebody looks at the camera and there is no other for a while."""
        if self._pictures and self._pictures.lacks_spare():
            if picture.jpeg is None:
                _ = picture.pixels
            self._pictures.keep(BufferedFrame(self.seq, self._moment(picture.time_s, source), picture))

    def _moment(self, time_s: float, source: Source) -> Moment:
        moment = self._dated(time_s, source)
        self._zero = Zero(self._epoch, time_s - moment.time_s, moment.captured_ns / 1e9 - moment.time_s)
        return moment

    def _dated(self, time_s: float, source: Source) -> Moment:
        read_ns = time.monotonic_ns()
        if source.live:
            return self._moments.of_camera(time_s, read_ns)
        return self._moments.of_played(time_s, read_ns) if self._live else self._moments.of_file(time_s, read_ns)

    def _report_skipped_in_time(self) -> None:
        """Announce that frames were skipped, if none was offered for a while. Of a file each reading must report the
        same, so that waits for the next frame that is offered.
        """
        recent = time.monotonic_ns() - self._reported_ns <= SKIPPED_NS
        if not self._live or recent or not any(self.skipped.values()):
            return
        camera, epoch = self._settings.camera, self._epoch
        self._announcements.add(Skipped(camera=camera, epoch=epoch, seq=self.seq, **self.skipped))
        self._forget_skipped()
        self._reported_ns = time.monotonic_ns()
        self._wake(True)

    def _opened(self, about: str) -> None:
        """Log what was opened, unless it is the same as before."""
        if about != self.about:
            logger.info("opened: %s", about)
            self.about = about

    def _enter(self, state: str, sentence: str = "") -> None:
        if state != self.state:
            calm = {"opened": logging.DEBUG, "up": logging.INFO, "off": logging.INFO, "ended": logging.INFO}
            logger.log(calm.get(state, logging.WARNING), "%s%s", state, f": {sentence}" if sentence else "")
            self.state = state
            self._wake(True)
