"""One frame that a worker is to look at, wholly or where another model found something."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_daemon.errors import ModelError, PictureError
from edge_daemon.imaging.annotation import annotate
from edge_daemon.imaging.codecs import decode_bgr, encode_rgb
from edge_daemon.imaging.colour import Pixels, bgr_to_rgb
from edge_daemon.imaging.yuv import Yuv, small_bgr
from edge_daemon.messages.fates import POISON, Failure
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Crop, Header
from edge_daemon.messages.outcomes import Timing
from edge_daemon.models.detections import Findings
from edge_daemon.models.model import Model
from edge_daemon.models.model import Timing as Took
from edge_daemon.settings import ModelSettings
from edge_daemon.worker.report import report, report_crops

logger = logging.getLogger(__name__)


class Part(NamedTuple):
    """Of a frame, pixels (BGR) that stand for `size` (height, width), and where their left and top lie in it."""

    bgr: Pixels
    size: tuple[int, int]
    left: int = 0
    top: int = 0


@dataclass
class Job:
    """A frame's way through a worker: bytes, picture (BGR, no larger than the model wants it; only where parts of it
    are looked at, or it is drawn into, the whole is there), findings (one for each part that is looked at).
    """

    frame: Header
    payload: memoryview
    bgr: Pixels | None = None
    whole: Pixels | Yuv | None = None
    failed: Failure | None = None
    error: str = ""
    freed: bool = False
    findings: list[Findings] = field(default_factory=list)
    timing: Timing = field(default_factory=Timing)

    def decode(self, model: Model) -> None:
        """Bytes into a picture; where there is nothing to look at, there are none, and poison stays closed."""
        began_ns, frame = time.monotonic_ns(), self.frame
        if frame.deaths >= POISON:
            self.fail("poison", f"{frame.deaths} workers died of it")
        elif frame.crops != []:
            try:
                self._open(model)
            except PictureError as error:
                self.fail("undecodable", error)
        now_ns = time.monotonic_ns()
        waited_ms = (began_ns - frame.captured_ns) / 1e6 - frame.scaling_ms
        self.timing = Timing(wait=waited_ms, decode=(now_ns - began_ns) / 1e6)

    def _open(self, model: Model) -> None:
        frame, size = self.frame, (self.frame.height, self.frame.width)
        needed = bool(frame.annotate) or frame.crops is not None
        if frame.yuv is None:
            reduced = 1 if needed else model.reduction(size)
            width, height = frame.scaled or (frame.width, frame.height)
            self.bgr = decode_bgr(self.payload, frame.codec, width, height, reduced=reduced)
            self.whole = self.bgr if needed else None
        else:
            end = Yuv.bytes_of(frame.width, frame.height)
            planes = Yuv.of(self.payload[:end], frame.width, frame.height, frame.yuv)
            if frame.scaled:
                self.bgr = decode_bgr(self.payload[end:], "raw", *frame.scaled)
            else:
                less = model.enough(size) if frame.crops is None else None
                self.bgr = small_bgr(planes, *less) if less else planes.bgr()
            self.whole = planes if needed else None

    def annotated(self, found: Found) -> memoryview | None:
        """The whole picture with all that was found drawn in, as it was asked for; None where it was not."""
        if self.frame.annotate is None or self.whole is None:
            return None
        rgb = self.whole.rgb() if isinstance(self.whole, Yuv) else bgr_to_rgb(self.whole)
        annotate(rgb, found)
        return encode_rgb(rgb, self.frame.annotate, self.frame.quality)

    def parts(self, margin: float) -> list[Part]:
        """What the model is to look at."""
        if self.bgr is None:
            return []
        if self.frame.crops is None:
            return [Part(self.bgr, (self.frame.height, self.frame.width))]
        return [cut(self.bgr, crop, margin) for crop in self.frame.crops]

    def done(self, findings: list[Findings], took: Took) -> None:
        """Take in what the model says of the parts."""
        self.findings = findings
        decoded = self.timing
        self.timing = Timing(
            wait=decoded.wait,
            decode=decoded.decode,
            preprocess=took.preprocess + self.frame.scaling_ms,
            infer=took.infer,
            postprocess=took.postprocess,
        )

    def fail(self, reason: Failure, error: Exception | str) -> None:
        """There will be no result."""
        logger.warning("%s: %s", self.frame.title, error, extra={"camera": self.frame.camera})
        self.failed, self.error = reason, str(error)

    def report(self, model: Model) -> Found:
        """All that was found, as a message."""
        frame = self.frame
        if frame.crops is None:
            return report(self.findings[0], model, frame.width, frame.height)
        return report_crops(frame.crops, self.findings, model, frame.width, frame.height)


def work(model: Model, jobs: Sequence[Job], settings: ModelSettings, ran: Callable[[], None]) -> None:
    """Let the model look at all parts of all frames, together as far as it allows; `ran` is called when it has."""
    parts = [(job, part) for job in jobs for part in job.parts(settings.margin)]
    try:
        findings, took = model.detect_all([part.bgr for _, part in parts], [part.size for _, part in parts], ran)
    except ModelError as error:
        if len(jobs) > 1:  # one of them may be to blame
            for job in jobs:
                work(model, [job], settings, ran)
        elif jobs:
            jobs[0].fail("model-error", error)
        return
    by_job: dict[int, list[Findings]] = {id(job): [] for job in jobs}
    for (job, part), found in zip(parts, findings, strict=True):
        by_job[id(job)].append(found.moved(part.left, part.top))
    for job in jobs:
        job.done(by_job[id(job)], took)


def cut(bgr: Pixels, crop: Crop, margin: float) -> Part:
    """The pixels of a box with `margin` around it (a share of its sides); at least one."""
    height, width = bgr.shape[:2]
    x1, y1, x2, y2 = crop.xyxy
    more_x, more_y = margin * (x2 - x1), margin * (y2 - y1)
    left, top = min(max(0, int(x1 - more_x)), width - 1), min(max(0, int(y1 - more_y)), height - 1)
    right, bottom = max(left + 1, min(width, round(x2 + more_x))), max(top + 1, min(height, round(y2 + more_y)))
    return Part(bgr[top:bottom, left:right], (bottom - top, right - left), left, top)
