"""The thread that reads a camera: it numbers every frame, opens again what was lost, and waits for nobody in live."""

import logging
import threading
import time
from collections.abc import Callable

from edge_daemon.capture.frozen import Frozen
from edge_daemon.capture.motion import MotionGate
from edge_daemon.capture.offers import Offers, PassedOver
from edge_daemon.capture.pace import Pace
from edge_daemon.capture.picture import Picture, Source
from edge_daemon.capture.playout import Playback
from edge_daemon.capture.retry import Retry
from edge_daemon.capture.source import open_source
from edge_daemon.capture.window import Held, Window
from edge_daemon.config.sources import comes_and_goes
from edge_daemon.errors import SourceError
from edge_daemon.log import redact
from edge_daemon.settings import CaptureSettings

logger = logging.getLogger(__name__)
TELL_NS = 1_000_000_000
"""How often it is told what was passed over, where no frame is offered."""


class Reader(threading.Thread):
    """Reads from the source into a window, and leaves word of each frame among the `offers`.

    `prepare` gets each frame of a file before that. `wake` is called after each frame that is left there, and with true
    after other news. A camera that is away is opened again and again; a file, folder or scene that cannot be opened
    stops the reader with `error`, and one that ends with `captured`.
    """

    def __init__(
        self,
        settings: CaptureSettings,
        window: Window,
        offers: Offers,
        prepare: Callable[[Held], None],
        wake: Callable[[bool], None],
    ) -> None:
        super().__init__(name="reader", daemon=True)
        self._settings, self._window, self._offers = settings, window, offers
        self._prepare, self._wake = prepare, wake
        self._pace = Pace(settings.fps)
        self.gate = MotionGate(settings.motion) if settings.motion else None
        self._start_at = 0
        self._may_start = threading.Event()
        self._ending = threading.Event()
        self._live = settings.delivery == "live"
        self.patient = comes_and_goes(settings.source, settings.delivery)
        """Whether a source that is away is tried again."""
        self._told_ns = 0
        self.state, self.about = "connecting", ""
        self.seq = -1
        self.paced = self.still = 0
        self.size = (0, 0)
        self.captured: int | None = None
        self.error: Exception | None = None
        self.busy_since: float | None = None

    def begin(self, seq: int) -> None:
        """Number the frames from 0, and offer those from number `seq` on."""
        self._start_at = seq
        self._may_start.set()

    def stop(self) -> None:
        """End soon."""
        self._ending.set()
        self._may_start.set()
        self._window.close()

    def run(self) -> None:
        """Read until stopped, or until the source ends; what this cannot go on from is left in `error`."""
        try:
            self._keep_reading()
        except Exception as error:
            self.error = error
            self._wake(True)

    def _keep_reading(self) -> None:
        retry = Retry()
        while not self._ending.is_set():
            ran_s = 0.0
            try:
                self.busy_since = time.monotonic()
                source = open_source(self._settings.source, self._settings.opening, self._settings.delivery)
                try:
                    self._note(source.about)
                    self._enter("opened")
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
                self._enter(f"down ({error.reason})", str(error))
                wait_s = retry.wait_s(error.reason, ran_s)
            else:
                if ended and self.seq < 0:
                    raise SourceError(f"{redact(self._settings.source)} holds no picture that can be decoded")
                if ended:
                    self.captured = self.seq + 1
                    self._enter("ended")
                return
            self.busy_since = None
            self._ending.wait(wait_s)

    def _read_all(self, source: Source) -> bool:
        """Read to the end (true) or until told to stop (false).

        Raises:
            SourceError: the camera is lost.
        """
        self.busy_since = None
        self._may_start.wait()
        played = Playback(time.monotonic()) if self._live and not source.live else None
        frozen = Frozen()
        while not self._ending.is_set():
            if played:
                self._ending.wait(played.until_read_s(time.monotonic()))
            self.busy_since = time.monotonic()
            picture = source.read()
            self.busy_since = None
            if picture is None:
                if not source.live:
                    return True
                self._enter("up")
                continue
            if played:
                self._ending.wait(played.until_shown_s(picture.time_s, time.monotonic()))
            captured_ns, captured_at_ns = time.monotonic_ns(), time.time_ns()
            self.seq += 1
            state = self.state
            # What was read before and is not offered again goes the same way: a file's frames have the same fate
            # however often it is begun.
            if not self._pace.passes(picture.time_s):
                self.paced += self.seq >= self._start_at
            else:
                if self.gate and not self.gate.passes(picture, captured_at_ns):
                    self.still += self.seq >= self._start_at
                elif self.seq >= self._start_at:
                    self._offer(picture)
                if source.live:
                    state = "frozen" if frozen.sees(picture) else "up"
            if self._live and captured_ns - self._told_ns > TELL_NS:
                self._tell_passed_over(captured_ns)
            self._enter(state if state == "frozen" else "up")
        return False

    def _offer(self, picture: Picture) -> None:
        """Leave a frame in the window. What has no bytes of its own is made pixels of now, before the source goes on,
        and is captured when that is done.
        """
        if picture.jpeg is None:
            _ = picture.pixels
        captured_ns, captured_at_ns = time.monotonic_ns(), time.time_ns()
        if self.size not in ((0, 0), picture.size):
            logger.info("pictures are %dx%d now", *picture.size)
        self.size = picture.size
        held = Held(self.seq, captured_ns, captured_at_ns, picture, self.paced, self.still)
        self.paced = self.still = 0
        self._told_ns = captured_ns
        if not self._live:
            self._prepare(held)
        if self._window.offer(held):
            self._offers.add(held)
            self._wake(False)

    def _tell_passed_over(self, now_ns: int) -> None:
        """Let it be known what became of frames that none follows for now. Of a file, each time it is read must tell
        the same, so it waits for the next frame that is offered.
        """
        self._offers.add(PassedOver(self.seq, self.paced, self.still))
        self.paced = self.still = 0
        self._told_ns = now_ns
        self._wake(True)

    def _note(self, about: str) -> None:
        """Say what was opened, unless it is what was open before."""
        if about != self.about:
            logger.info("opened: %s", about)
            self.about = about

    def _enter(self, state: str, sentence: str = "") -> None:
        if state != self.state:
            calm = {"opened": logging.DEBUG, "up": logging.INFO, "ended": logging.INFO}
            logger.log(calm.get(state, logging.WARNING), "%s%s", state, f": {sentence}" if sentence else "")
            self.state = state
            self._wake(True)
