"""One model that one process owns: a BGR picture in, findings in pixels of that picture out."""

import dataclasses
import difflib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import labels
from edge_daemon.models.builtin import path_of
from edge_daemon.models.decoders import readings
from edge_daemon.models.decoders.decoder import Decoder, Outputs, Seen
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.nms import nms
from edge_daemon.models.preprocess import Placement, Preprocessor, Recipe
from edge_daemon.models.probe import believable, modest, texture
from edge_daemon.models.session import Session
from edge_daemon.settings import InputSettings, ModelSettings

BUILTIN = "builtin:"


@dataclass(frozen=True)
class Timing:
    """Milliseconds of wall-clock time that the stages of one `Model.detect` took."""

    preprocess: float
    infer: float
    postprocess: float


class Model:
    """An ONNX file, loaded, understood and warmed up.

    `session` is what runs it. `size` is its input's height and width, `batch` how many pictures it takes at once;
    `notes` say what had to be guessed.

    Raises:
        ModelError: the file, or what the settings say of it, cannot be used; says why and what to do.
    """

    def __init__(self, settings: ModelSettings, *, profile: Path | None = None) -> None:
        self._settings = settings
        self.notes: list[str] = []
        with self._named():
            wanted = settings.max_crops if settings.after else settings.batch
            self.session = Session(file_of(settings.path), settings, batch=wanted, profile=profile)
            self.size = self.session.inputs.size
            self._read()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors from within say which model they are about."""
        try:
            yield
        except ModelError as error:
            raise ModelError(f"model {self._settings.name} ({self._settings.path}): {error}") from error

    # How it is understood

    def _read(self) -> None:
        """Find the decoder and what goes with it."""
        settings, inputs = self._settings, self.session.inputs
        stated = labels.stated(settings.labels, self.session.metadata)
        picture = texture(*self.size)
        # Which colours and range a model wants is known with its decoder only; 0..1 overflows in none.
        self._use(adapted(Recipe(fit="stretch", color="rgb", scale=1 / 255), settings.input, inputs.channels))
        self._preprocessors[0].fill(picture)
        seen = Seen(
            outputs=self._outputs(),
            size=self.size,
            metadata=self.session.metadata,
            named=None if stated is None else len(stated),
            asked=settings.decoder,
            channels_last=inputs.channels_last,
        )
        self.decoder = self._chosen(readings(seen), picture)
        self.recipe = adapted(self.decoder.recipe, settings.input, inputs.channels)
        self._use(self.recipe)
        self.names = labels.complete(stated, self.decoder.classes, self.decoder.name)
        self._wanted = self._selection(settings.classes)
        self._thresholds = self._by_class()
        self.batch = self._usable_batch()
        self._detect([picture])
        if inputs.assumed:
            self.notes.append(
                f"the file leaves its input's size open: {self.size[1]}x{self.size[0]} is assumed; if it was trained "
                "at another, set `input: {size: ...}`"
            )

    def _usable_batch(self) -> int:
        """How many pictures go in at once: what the file fixes, or what is wanted if that works.

        Raises:
            ModelError: a batch is configured, and the model does not allow it.
        """
        fixed, wanted = self.session.inputs.batch, len(self.session.tensor)
        if fixed or wanted == 1:
            if (fixed or 1) < self._settings.batch:
                raise ModelError(
                    f"`batch` is {self._settings.batch}, but it takes {fixed} at a time: export it with that, or with "
                    "a batch of any size"
                )
            return fixed or 1
        works = self.session.takes(2)
        if not works and self._settings.batch > 1:
            raise ModelError("it says that it takes any number of pictures at once, but does not: leave `batch` out")
        return wanted if works else 1

    def _chosen(self, candidates: Sequence[Decoder], picture: NDArray[np.uint8]) -> Decoder:
        """The reading whose findings can be true; of several the first, which is said."""
        refused: list[str] = []
        good: list[Decoder] = []
        for candidate in candidates:
            self._use(adapted(candidate.recipe, self._settings.input, self.session.inputs.channels))
            self._preprocessors[0].fill(picture)
            try:
                tried = candidate.decode(self._outputs(), self._settings.confidence)
                believable(tried, self.size)
                modest(tried)
                good.append(candidate)
            except ModelError as error:
                refused.append(f"as {candidate.name} ({candidate.why}) {error}")
        if not good:
            raise ModelError("its outputs make no sense: " + "; ".join(refused))
        if len(good) > 1:
            others = ", ".join(f"{other.name} ({other.why})" for other in good[1:])
            self.notes.append(f"its outputs could also be read as {others}: set `decoder` to say which")
        return good[0]

    def _use(self, recipe: Recipe) -> None:
        inputs = self.session.inputs
        if (recipe.color == "gray") != (inputs.channels == 1):
            raise ModelError(f"`input.color` is {recipe.color}, but its input has {inputs.channels} channels")
        self._preprocessors = [
            Preprocessor(tensor, recipe, channels_last=inputs.channels_last) for tensor in self.session.tensor
        ]

    def _selection(self, classes: Sequence[str] | None) -> NDArray[np.bool_] | None:
        """For each of the model's classes whether it is to be kept; None: all are."""
        if classes is None:
            return None
        for name in classes:
            self._known(name, "classes")
        return np.array([name in classes for name in self.names])

    def _by_class(self) -> NDArray[np.float32] | None:
        """The threshold of each class; None if it is the same for all."""
        if not self._settings.class_confidence:
            return None
        for name in self._settings.class_confidence:
            self._known(name, "class_confidence")
        limits = [self._settings.class_confidence.get(name, self._settings.confidence) for name in self.names]
        return np.array(limits, np.float32)

    def _known(self, name: str, key: str) -> None:
        if name not in self.names:
            close = difflib.get_close_matches(name, self.names, n=1)
            more = f" and {len(self.names) - 10} more" if len(self.names) > 10 else ""
            has = (
                f"it has {', '.join(self.names[:10])}{more}"
                if self.names
                else "its classes have no names: give `labels`"
            )
            raise ModelError(
                f"`{key}` names {name!r}, which it does not have: " + (f"did you mean {close[0]}?" if close else has)
            )

    # What it does

    def detect(self, bgr: NDArray[np.uint8]) -> tuple[Findings, Timing]:
        """What is in a BGR picture (uint8 HxWx3), and how long finding it took.

        Raises:
            ModelError: the model failed on this picture, or gave what cannot be true.
        """
        (findings,), timing = self.detect_all([bgr])
        return findings, timing

    def detect_all(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[list[Findings], Timing]:
        """What is in each of some BGR pictures, and how long it took in all; `batch` of them at once.

        Raises:
            ModelError: the model failed on one of them, or gave what cannot be true.
        """
        findings: list[Findings] = []
        total = Timing(0, 0, 0)
        with self._named():
            for start in range(0, len(pictures), self.batch):
                some, took = self._detect(pictures[start : start + self.batch])
                findings += some
                total = Timing(
                    total.preprocess + took.preprocess, total.infer + took.infer, total.postprocess + took.postprocess
                )
        return findings, total

    def _detect(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[list[Findings], Timing]:
        began = time.perf_counter()
        placements = [fill.fill(bgr) for fill, bgr in zip(self._preprocessors, pictures, strict=False)]
        filled = time.perf_counter()
        outputs = self.session.run(len(pictures))
        ran = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found and said
            findings = [
                self._findings(self._of(outputs, i, len(pictures)), placement) for i, placement in enumerate(placements)
            ]
        done = time.perf_counter()
        return findings, Timing((filled - began) * 1e3, (ran - filled) * 1e3, (done - ran) * 1e3)

    def outputs(self, bgr: NDArray[np.uint8]) -> Outputs:
        """What the model makes of a picture, as its decoder gets it."""
        self._preprocessors[0].fill(bgr)
        return self._outputs()

    def _outputs(self) -> Outputs:
        """What the model makes of the first picture of its tensor."""
        return self._of(self.session.run(), 0, 1)

    def _of(self, outputs: Outputs, picture: int, pictures: int) -> Outputs:
        """The outputs for one picture of several, under the names that the configuration gives them."""
        rows = self.session.inputs.batch or pictures
        if rows > 1:
            outputs = {
                name: array[picture : picture + 1] if array.ndim and len(array) == rows else array
                for name, array in outputs.items()
            }
        if self._settings.outputs is None:
            return outputs
        for role, name in self._settings.outputs.items():
            if name not in outputs:
                raise ModelError(f"`outputs.{role}` is {name}, but its outputs are {', '.join(outputs)}")
        return {role: outputs[name] for role, name in self._settings.outputs.items()}

    def _findings(self, outputs: Outputs, placement: Placement) -> Findings:
        settings = self._settings
        lowest = min([settings.confidence, *settings.class_confidence.values()])
        findings = self.decoder.decode(outputs, lowest)
        believable(findings, self.size)
        found = self._kept(findings.detections)
        if self.decoder.crowded:
            found = nms(found, settings.iou)
        found = self._kept_most(found)
        found = _placed(found, placement, clipped=self.decoder.clipped)
        return self.decoder.finish(dataclasses.replace(findings, detections=found), outputs, placement)

    def _kept(self, found: Detections) -> Detections:
        """Those of wanted classes that are sure enough."""
        if len(found) and self.decoder.classes is None and self.names and found.class_id.max() >= len(self.names):
            raise ModelError(
                f"it found class {found.class_id.max()}, but {len(self.names)} are named: give `labels` with one name "
                "for each class"
            )
        if self._thresholds is not None:
            found = found[found.confidence >= self._thresholds[found.class_id]]
        return found if self._wanted is None else found[self._wanted[found.class_id]]

    def _kept_most(self, found: Detections) -> Detections:
        """The surest first, and no more than are wanted."""
        order = np.argsort(-found.confidence, kind="stable")[: self._settings.max_detections]
        return found[order]

    def name_of(self, class_id: int) -> str:
        """A class's name, or its number where the model tells no names."""
        return self.names[class_id] if class_id < len(self.names) else f"class {class_id}"

    def describe(self) -> str:
        """One line for the log: what was loaded, and how it was understood."""
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


def adapted(recipe: Recipe, asked: InputSettings, channels: int) -> Recipe:
    """A decoder's recipe with what the configuration states instead, for so many channels."""
    stated: Mapping[str, object] = {
        "fit": asked.resize,
        "color": asked.color or ("gray" if channels == 1 else None),
        "scale": asked.scale,
        "mean": None if asked.mean is None else tuple(asked.mean),
        "std": None if asked.std is None else tuple(asked.std),
        "pad": asked.pad,
    }
    changed = {name: value for name, value in stated.items() if value is not None}
    made: Recipe = dataclasses.replace(recipe, **changed)  # type: ignore[arg-type]
    wanted = 1 if made.color == "gray" else 3
    for name in ("mean", "std"):
        values = getattr(made, name)
        if len(values) not in (1, wanted):
            if getattr(asked, name) is not None:
                raise ModelError(f"`input.{name}` has {len(values)} numbers, for {wanted} channels")
            made = dataclasses.replace(made, **{name: (float(np.mean(values)),)})  # type: ignore[arg-type]
    return made


def file_of(path: str) -> Path:
    """The file that `path` means, which may be `builtin:NAME`."""
    return path_of(path.removeprefix(BUILTIN)) if path.startswith(BUILTIN) else Path(path)


def _placed(found: Detections, placement: Placement, *, clipped: bool) -> Detections:
    """Pixels of the input in pixels of the source, without boxes that lie wholly in the grey around the picture."""
    points = found.keypoints
    if points is not None:
        points = np.concatenate((placement.points(points[..., :2]), points[..., 2:]), axis=2)
    turned = None if found.corners is None else placement.points(found.corners)
    inside = placement.to_source(found.xyxy)
    xyxy = inside if clipped else placement.points(found.xyxy.reshape(-1, 2, 2)).reshape(-1, 4)
    visible: NDArray[np.bool_] = np.all(inside[:, 2:] > inside[:, :2], axis=1)
    return dataclasses.replace(found, xyxy=xyxy, keypoints=points, corners=turned)[visible]
