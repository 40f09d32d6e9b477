"""The thread that reads a camera: it numbers every frame, opens again what was lost, and waits for nobody in live."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable

from edge_daemon.capture.pace import Pace
from edge_daemon.capture.source import Source, open_source
from edge_daemon.capture.window import Held, Window
from edge_daemon.config.sources import comes_and_goes
from edge_daemon.errors import SourceError
from edge_daemon.log import redact
from edge_daemon.settings import CaptureSettings

logger = logging.getLogger(__name__)
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 30.0


class Reader(threading.Thread):
    """Reads from the source into a window, and leaves word of each frame in `offers`.

    `wake` is called after each change. A camera that is away is opened again and again; a file, folder or scene that
    cannot be opened stops the reader with `error`, and one that ends with `captured`.
    """

    def __init__(self, settings: CaptureSettings, window: Window, wake: Callable[[], None]) -> None:
        super().__init__(name="reader", daemon=True)
        self._settings, self._window, self._wake = settings, window, wake
        self._pace = Pace(settings.fps)
        self._start_at = 0
        self._may_start = threading.Event()
        self._ending = threading.Event()
        self._live = settings.delivery == "live"
        self.offers: deque[Held] = deque()
        self.state, self.about = "connecting", ""
        self.seq = -1
        self.paced = 0
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
            self._wake()

    def _keep_reading(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._ending.is_set():
            try:
                self.busy_since = time.monotonic()
                source = open_source(self._settings.source)
            except SourceError as error:
                if not comes_and_goes(self._settings.source):
                    raise
                self._enter(f"down ({error})")
            else:
                self.about = source.about
                self._enter("opened")
                ended = self._read_all(source)
                self.busy_since = None
                source.close()
                if ended and self.seq < 0:
                    raise SourceError(f"{redact(self._settings.source)} holds no picture that can be decoded")
                if ended:
                    self.captured = self.seq + 1
                    self._enter("ended")
                    return
                retry_s = FIRST_RETRY_S
            self.busy_since = None
            self._ending.wait(retry_s * random.uniform(0.8, 1.2))
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    def _read_all(self, source: Source) -> bool:
        """Read to the end (true) or until the camera is lost (false)."""
        self.busy_since = None
        self._may_start.wait()
        started = time.monotonic()
        while not self._ending.is_set():
            self.busy_since = time.monotonic()
            try:
                picture = source.read()
            except SourceError as error:
                self._enter(f"down ({error})")
                return False
            self.busy_since = None
            if picture is None:
                return True
            if self._live and not source.live:  # a file or scene played as if it were a camera
                self._ending.wait(started + picture.time_s - time.monotonic())
            self.seq += 1
            if self.seq < self._start_at:
                self._pace.passes(picture.time_s)
                continue
            if self._pace.passes(picture.time_s):
                height, width = picture.bgr.shape[:2]
                self.size = (width, height)
                held = Held(
                    seq=self.seq,
                    captured_ns=time.monotonic_ns(),
                    captured_at_ns=time.time_ns(),
                    bgr=picture.bgr,
                    paced=self.paced,
                    truth=picture.truth,
                )
                self.paced = 0
                if self._window.offer(held):
                    self.offers.append(held)
            else:
                self.paced += 1
            self._enter("up")
        return False

    def _enter(self, state: str) -> None:
        if state != self.state:
            log = logger.warning if state.startswith("down") else logger.info
            log("%s%s", state, f": {self.about}" if state == "opened" else "")
            self.state = state
        self._wake()
