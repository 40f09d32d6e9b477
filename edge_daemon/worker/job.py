"""One picture that a worker looks at: all of it, or the parts where another model found something."""

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
from edge_daemon.messages.fates import POISON, Failure, UploadFailure
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Crop, Header, TensorPart, Upload
from edge_daemon.messages.outcomes import Timing
from edge_daemon.models.detections import Findings
from edge_daemon.models.model import Model
from edge_daemon.models.model import Timing as Took
from edge_daemon.settings import ModelSettings
from edge_daemon.worker.report import report, report_crops, unknown_class

logger = logging.getLogger(__name__)


class Part(NamedTuple):
    """Part of a picture: pixels (height x width x 3, uint8, BGR) that stand for `size` (height, width), and where its
    upper left corner lies.
    """

    bgr: Pixels
    size: tuple[int, int]
    left: int = 0
    top: int = 0


@dataclass
class Job:
    """A picture's way through a worker, from its `payload` to its `findings`, one for each part.

    `bgr` (height x width x 3, uint8, BGR) is no larger than the model needs. `whole` is the picture in full size, kept
    only if parts of it are looked at, or it is drawn into. `reported` is set once the dispatcher is sent that the
    worker is done with it. `served_by` is the address of the server that looked at it, if not this machine, and
    `looked` the model that did. `tensors` describe the outputs in the `blob`, if it is those that were asked for.
    """

    header: Header
    payload: memoryview
    bgr: Pixels | None = None
    whole: Pixels | Yuv | None = None
    failed: UploadFailure | None = None
    error: str = ""
    reported: bool = False
    served_by: str | None = None
    looked: Model | None = None
    findings: list[Findings] = field(default_factory=list)
    tensors: list[TensorPart] | None = None
    blob: bytes = b""
    timing: Timing = field(default_factory=Timing)

    def decode(self, model: Model) -> None:
        """Decode the payload, unless there is nothing to look at, or workers died of it."""
        began_ns, header = time.monotonic_ns(), self.header
        if header.deaths >= POISON:
            self.fail("poison", f"{header.deaths} workers died of it")
        elif isinstance(header, Upload) and header.tensors is not None:
            self._run_tensors(model, header)
        elif isinstance(header, Upload) and (problem := unknown_class(header.filter, model)):
            self.failed, self.error = "unknown-class", problem
        elif header.crops != []:
            try:
                self._open(model)
            except PictureError as error:
                self.fail("undecodable", error)
        now_ns = began_ns if self.tensors is not None else time.monotonic_ns()
        waited_ms = (began_ns - header.captured_ns) / 1e6 - header.scaling_ms
        self.timing = Timing(wait=waited_ms, decode=(now_ns - began_ns) / 1e6)

    def _run_tensors(self, model: Model, upload: Upload) -> None:
        """Run the model on its own inputs, which somebody has prepared."""
        from edge_daemon.worker.tensors import run  # few programs send tensors

        try:
            self.tensors, self.blob = run(model, upload, self.payload)
        except ModelError as error:
            self.fail("model-error", error)

    def _open(self, model: Model) -> None:
        header, size = self.header, (self.header.height, self.header.width)
        needed = bool(header.annotate) or header.crops is not None
        if header.yuv is None:
            reduced = 1 if needed else model.reduction(size)
            width, height = header.scaled or (header.width, header.height)
            self.bgr = decode_bgr(self.payload, header.codec, width, height, reduced=reduced)
            self.whole = self.bgr if needed else None
        else:
            end = Yuv.bytes_of(header.width, header.height)
            planes = Yuv.of(self.payload[:end], header.width, header.height, header.yuv)
            if header.scaled:
                self.bgr = decode_bgr(self.payload[end:], "raw", *header.scaled)
            else:
                less = model.enough(size) if header.crops is None else None
                self.bgr = small_bgr(planes, *less) if less else planes.bgr()
            self.whole = planes if needed else None

    def annotated(self, found: Found) -> memoryview | None:
        """The whole picture as requested: RGB bytes (height x width x 3) of a frame, into which the sink draws, or with
        all that was found drawn in. None if it was not requested, or there is no picture.
        """
        header = self.header
        if header.annotate is None or self.whole is None:
            return None
        rgb = self.whole.rgb() if isinstance(self.whole, Yuv) else bgr_to_rgb(self.whole)
        if header.camera is None or header.annotate == "jpeg":
            annotate(rgb, found)
        return encode_rgb(rgb, header.annotate, header.quality)

    def parts(self, margin: float) -> list[Part]:
        """Parts that the model looks at."""
        if self.bgr is None:
            return []
        if self.header.crops is None:
            return [Part(self.bgr, (self.header.height, self.header.width))]
        return [cut(self.bgr, crop, margin) for crop in self.header.crops]

    def done(self, findings: list[Findings], took: Took) -> None:
        """Take the model's findings, one for each part."""
        self.findings = findings
        decoded = self.timing
        self.timing = Timing(
            wait=decoded.wait,
            decode=decoded.decode,
            preprocess=took.preprocess + self.header.scaling_ms,
            infer=took.infer,
            postprocess=took.postprocess,
        )

    def fail(self, reason: Failure, error: Exception | str) -> None:
        """Record that there is no result, and why."""
        logger.warning("%s: %s", self.header.title, error, extra={"camera": self.header.camera})
        self.failed, self.error = reason, str(error)

    def report(self) -> Found:
        """Findings of all parts as a message."""
        if self.tensors is not None:
            return Found()
        header, model = self.header, self.looked
        assert model is not None
        if header.crops is None:
            return report(self.findings[0], model, header.width, header.height)
        return report_crops(header.crops, self.findings, model, header.width, header.height)


def work(model: Model, jobs: Sequence[Job], settings: ModelSettings, ran: Callable[[], None]) -> None:
    """Run the model on all parts of all pictures, as many at once as it allows; call `ran` when it has run."""
    parts = [(job, part) for job in jobs for part in job.parts(settings.margin)]
    try:
        seek = any(isinstance(job.header, Upload) for job in jobs)  # somebody waits for the answer
        findings, took = model.detect_all(
            [part.bgr for _, part in parts], [part.size for _, part in parts], ran, seek=seek
        )
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
        job.looked = model
        job.done(by_job[id(job)], took)


def cut(bgr: Pixels, crop: Crop, margin: float) -> Part:
    """The pixels (BGR, uint8, height x width x 3) of a box with `margin` (a share of its sides); at least one."""
    height, width = bgr.shape[:2]
    x1, y1, x2, y2 = crop.xyxy
    more_x, more_y = margin * (x2 - x1), margin * (y2 - y1)
    left, top = min(max(0, int(x1 - more_x)), width - 1), min(max(0, int(y1 - more_y)), height - 1)
    right, bottom = max(left + 1, min(width, round(x2 + more_x))), max(top + 1, min(height, round(y2 + more_y)))
    return Part(bgr[top:bottom, left:right], (bottom - top, right - left), left, top)
