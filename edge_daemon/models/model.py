"""A model owned by one process: a BGR picture in, findings in pixels of that picture out."""

import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.builtin import path_of
from edge_daemon.models.decoders.decoder import Decoder, Outputs
from edge_daemon.models.detections import Class, Detections, Findings
from edge_daemon.models.engine import Arrays, Engine, OnnxEngine
from edge_daemon.models.evidence import Fact
from edge_daemon.models.nms import nms
from edge_daemon.models.open_reading import Open
from edge_daemon.models.preprocess import Placement, Preprocessor, Recipe
from edge_daemon.models.probe import check_plausible, texture
from edge_daemon.models.reading import Reader, Reading, arranged
from edge_daemon.models.selection import Selection
from edge_daemon.models.session import Session
from edge_daemon.models.settled import Settled, merged
from edge_daemon.settings import BoxesSettings, ModelSettings
from edge_daemon.zoo.paths import BUILTIN

logger = logging.getLogger(__name__)
FAINT = 0.01
"""Lowest score of an object that is mentioned although it is below its threshold."""


@dataclass(frozen=True)
class Timing:
    """Wall-clock milliseconds of each stage of `Model.detect`."""

    preprocess: float
    infer: float
    postprocess: float


@dataclass(frozen=True)
class Begun:
    """Pictures that are prepared: the model's inputs by name, and where each picture lies in them."""

    feeds: Arrays
    placements: Sequence[Placement]
    recipe: Recipe


class Model:
    """A model, loaded, interpreted and warmed up: an ONNX file, or what an `engine` runs, of which `file` is a copy if
    there is one.

    `session` runs it. `size` is its input's height and width, `batch` the number of pictures per run; `notes` list the
    assumptions that were made.

    Raises:
        ModelError: the model or its settings cannot be used; the message gives the cause and a remedy.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        engine: Engine | None = None,
        file: Path | None = None,
        state: str | None = None,
    ) -> None:
        self._settled = Settled(state, f"{settings.path} {settings.stamp}")
        self._settings = settings = _with(settings, self._settled.news())
        with self._named():
            wanted = settings.max_crops if settings.after else settings.batch
            self._file = file if engine else file_of(settings.path)
            if engine is None:
                engine = OnnxEngine(file_of(settings.path), settings)
            self.session = Session(engine, settings, batch=wanted)
            self._reader: Reader | None = Reader(self.session, settings, self._file)
            reading = self._reader.read()
            self.size = self.session.inputs.size
            self.session.leave_out(reading.decoder.left_out)
            self._use(reading)
            self.batch = self._usable_batch()
            self._detect([texture(*self.size)], [self.size])

    def _use(self, reading: Reading) -> None:
        """Read the outputs, and prepare the input, by this reading; leave open what it leaves open."""
        self.decoder, self.recipe = reading.decoder, reading.recipe
        self.names, self.notes, self.facts = reading.names, reading.notes, reading.facts
        self._selection = Selection(self._settings, self.names)
        self._preprocessors = [
            Preprocessor(tensor, self.recipe, channels_last=self.session.inputs.channels_last)
            for tensor in self.session.tensor
        ]
        self._reader = self._reader if reading.others or reading.decoder.otherwise() else None
        if reading.others:
            ways = [reading.decoder, *reading.others]
            every = [each for one in ways for each in (one, *one.otherwise())]
            self.decoder = Open(every, self.size, self._settle)
        elif others := reading.decoder.otherwise():
            # Without any sign of the first class, classes have the model's own numbers meanwhile.
            meanwhile = None if len(others) == 1 else reading.decoder
            readings = [reading.decoder, *others] if meanwhile is None else list(others)
            self.decoder = Open(readings, self.size, self._settle, meanwhile)

    def _settle(self, decoder: Decoder) -> None:
        """Read the outputs with this decoder from now on, and after a restart."""
        assert self._reader  # it is kept while the reading is open
        reading = self._reader.reading_of(decoder)
        is_open = bool(decoder.otherwise())
        self._settled.keep(
            BoxesSettings(
                columns=decoder.pinned.get("columns"),
                first_class=None if is_open else decoder.pinned.get("first_class"),
            )
        )
        logger.info("model %s: a frame settles how it is read: %s", self._settings.name, _listed(reading.facts))
        self._use(reading)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Add the model's name and path to errors raised within."""
        try:
            yield
        except ModelError as error:
            raise ModelError(f"model {self._settings.name} ({self._settings.path}): {error}") from error

    def _usable_batch(self) -> int:
        """Pictures per run: as the file fixes it, or as configured if the model accepts that.

        Raises:
            ModelError: a batch is configured that the model does not accept.
        """
        fixed, wanted = self.session.inputs.batch, len(self.session.tensor)
        if fixed or wanted == 1:
            if (fixed or 1) < self._settings.batch:
                raise ModelError(
                    f"`batch` is {self._settings.batch}, but the file fixes it at {fixed}: export it with that batch, "
                    "or with a dynamic one"
                )
            return fixed or 1
        works = self.session.takes(2)
        if not works and self._settings.batch > 1:
            raise ModelError("it declares a batch of any size, but running one fails: leave `batch` out")
        return wanted if works else 1

    def detect(self, bgr: NDArray[np.uint8]) -> tuple[Findings, Timing]:
        """The findings in a BGR picture (uint8, height x width x 3), and the time they took.

        Raises:
            ModelError: the model failed on this picture, or its outputs are implausible.
        """
        (findings,), timing = self.detect_all([bgr])
        return findings, timing

    def reduction(self, size: tuple[int, int]) -> int:
        """The factor, 1 to 8, by which a picture of `size` (height, width) may arrive reduced without loss."""
        return self._preprocessors[0].reduction(size)

    def enough(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Height and width to which a whole picture of `size` (height, width) is scaled down; None if it is not."""
        return self._preprocessors[0].enough(size)

    def detect_all(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        sizes: Sequence[tuple[int, int]] | None = None,
        ran: Callable[[], None] = lambda: None,
        *,
        seek: bool = False,
    ) -> tuple[list[Findings], Timing]:
        """The findings in each of some BGR pictures (uint8, height x width x 3), run by `batch`, and the total time.

        For pictures that arrive reduced, `sizes` are the original heights and widths; findings are in pixels of those.
        `ran` is called when the model has run on the last picture and only postprocessing is left. Where no object is
        found, `seek` the one that came closest.

        Raises:
            ModelError: the model failed on one of them, or its outputs are implausible.
        """
        sizes = sizes or [(bgr.shape[0], bgr.shape[1]) for bgr in pictures]
        findings: list[Findings] = []
        total = Timing(0, 0, 0)
        with self._named():
            for start in range(0, len(pictures), self.batch):
                end = start + self.batch
                then = ran if end >= len(pictures) else None
                some, took = self._detect(pictures[start:end], sizes[start:end], then, seek=seek)
                findings += some
                total = Timing(
                    total.preprocess + took.preprocess, total.infer + took.infer, total.postprocess + took.postprocess
                )
        return findings, total

    def _detect(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        sizes: Sequence[tuple[int, int]],
        then: Callable[[], None] | None = None,
        *,
        seek: bool = False,
    ) -> tuple[list[Findings], Timing]:
        began, recipe = time.perf_counter(), self.recipe
        placements = self._fill(pictures, sizes)
        filled = time.perf_counter()
        outputs = self.session.run(len(pictures))
        ran = time.perf_counter()
        if then:
            then()
        findings = self._read(outputs, placements, seek=seek)
        if self.recipe != recipe:  # a picture has settled how the model is read, and pictures are fed differently
            return self._detect(pictures, sizes, seek=seek)
        done = time.perf_counter()
        return findings, Timing((filled - began) * 1e3, (ran - filled) * 1e3, (done - ran) * 1e3)

    def begin(self, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]) -> Begun:
        """Prepare up to `batch` BGR pictures (uint8, height x width x 3), which stand for `sizes` (height, width), for
        something else to run; see `finish`.
        """
        placements = self._fill(pictures, sizes)
        feeds = {name: array.copy() for name, array in self.session.feeds(len(pictures)).items()}
        return Begun(feeds, placements, self.recipe)

    def finish(
        self, begun: Begun, arrays: Sequence[NDArray[np.generic]], *, seek: bool = False
    ) -> list[Findings] | None:
        """The findings in pictures, from the outputs (any shape and type) for what they `begun` with; None if they have
        settled that pictures are prepared differently, and have to begin again.

        Raises:
            ModelError: the outputs are implausible.
        """
        with self._named():
            outputs = self.session.outputs_of(arrays, len(begun.placements))
            findings = self._read(outputs, begun.placements, seek=seek)
        return findings if self.recipe == begun.recipe else None

    def _fill(self, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]) -> list[Placement]:
        return [each.fill(bgr, size) for each, bgr, size in zip(self._preprocessors, pictures, sizes, strict=False)]

    def _read(self, outputs: Sequence[Outputs], placements: Sequence[Placement], *, seek: bool) -> list[Findings]:
        with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are reported by decoders
            return [self._findings(*each, seek=seek) for each in zip(outputs, placements, strict=True)]

    def outputs(self, bgr: NDArray[np.uint8]) -> Outputs:
        """The model's raw outputs for a BGR picture (uint8, height x width x 3), as its decoder gets them."""
        self._preprocessors[0].fill(bgr)
        return self.session.run()[0]

    def _findings(self, outputs: Outputs, placement: Placement, *, seek: bool = False) -> Findings:
        if isinstance(self.decoder, Open) and (boxes := self._settled.news()):
            self._adopt(boxes)
        if self.decoder.adds_axis:
            outputs = arranged(outputs, self.decoder)
        # Faint objects settle nothing of how a model is read, and need not be plausible.
        lowest = self._selection.lowest
        findings = self.decoder.decode(outputs, lowest if isinstance(self.decoder, Open) else self._selection.faintest)
        found: Detections = findings.detections
        check_plausible(Findings(found[found.confidence >= lowest]), self.size)
        if len(found) and self.decoder.classes is None and self.names and found.class_id.max() >= len(self.names):
            raise ModelError(
                f"it found class {found.class_id.max()}, but only {len(self.names)} are named: set `labels` to one "
                "name for each class"
            )
        found = self._selection.wanted(found)
        if found.coefficients is not None or found.masks is not None:  # masks cost more than they are worth to tracking
            found = found[self._selection.sure(found)]
        surest = None if len(found) or not seek else self._surest(outputs)
        if self.decoder.needs_nms:
            found = nms(found, self._settings.iou)
        found = _placed(self._selection.most_confident(found), placement, clip=self.decoder.clips_boxes)
        points = findings.keypoints
        if points is not None:
            points = np.concatenate((placement.points(points[:, :2]), points[:, 2:]), axis=1)
        findings = dataclasses.replace(findings, detections=found, keypoints=points)
        return dataclasses.replace(self.decoder.finish(findings, outputs, placement), surest=surest)

    def sure(self, found: Detections) -> NDArray[np.bool_]:
        """True (bool, N) for each detection above its threshold: the others are for tracking only."""
        return self._selection.sure(found)

    def _surest(self, outputs: Outputs) -> Class | None:
        """The object with the highest score below its threshold, if the outputs have one."""
        decoder = self.decoder.first if isinstance(self.decoder, Open) else self.decoder
        try:
            found = self._selection.of_wanted_classes(decoder.decode(outputs, FAINT).detections)
        except ModelError:  # rows that are no objects need not be plausible
            return None
        if not len(found):
            return None
        best = int(found.confidence.argmax())
        return Class(int(found.class_id[best]), float(found.confidence[best]))

    def _adopt(self, boxes: BoxesSettings) -> None:
        """Read the outputs as another worker of this model has settled."""
        self._reader = Reader(self.session, _with(self._settings, boxes), self._file)
        self._use(self._reader.read())

    def name_of(self, class_id: int) -> str:
        """The name of a class, or `class N` for a class without a name, or while names are not known to fit."""
        is_named = self.decoder.is_named and class_id < len(self.names)
        return self.names[class_id] if is_named else f"class {class_id}"

    def describe(self) -> str:
        """One line for the log: the file and how it was interpreted."""
        height, width = self.size
        settings, recipe = self._settings, self.recipe
        names = ", ".join(self.names[:5]) + (", ..." if len(self.names) > 5 else "")
        count = len(self.names)
        classes = f"{count} class{'es' * (count != 1)} ({names})" if count else "classes without names"
        return (
            f"{settings.path}: input {width}x{height} {recipe.color.upper()}, {recipe.fit}, decoder "
            f"{self.decoder.name} ({self.decoder.why}), provider {self.session.provider}, {settings.threads} "
            f"thread{'s' * (settings.threads != 1)}, {classes}"
        )


def _with(settings: ModelSettings, settled: BoxesSettings | None) -> ModelSettings:
    """The settings, with what a frame has settled where they state nothing."""
    return msgspec.structs.replace(settings, boxes=merged(settings.boxes, settled)) if settled else settings


def _listed(facts: Sequence[Fact]) -> str:
    return ", ".join(f"{one.what} {one.value}" for one in facts if one.key.startswith(("boxes", "decoder")))


def file_of(path: str) -> Path:
    """The file at `path`, which may be `builtin:NAME`."""
    return path_of(path.removeprefix(BUILTIN)) if path.startswith(BUILTIN) else Path(path)


def _placed(found: Detections, placement: Placement, *, clip: bool) -> Detections:
    """Detections in pixels of the source, without boxes that lie wholly in the padding around the picture."""
    points = found.keypoints
    if points is not None:
        points = np.concatenate((placement.points(points[..., :2]), points[..., 2:]), axis=2)
    turned = None if found.corners is None else placement.points(found.corners)
    inside = placement.to_source(found.xyxy)
    xyxy = inside if clip else placement.points(found.xyxy.reshape(-1, 2, 2)).reshape(-1, 4)
    visible: NDArray[np.bool_] = np.all(inside[:, 2:] > inside[:, :2], axis=1)
    return dataclasses.replace(found, xyxy=xyxy, keypoints=points, corners=turned)[visible]
