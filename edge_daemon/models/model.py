"""One model that one process owns: a BGR picture in, detections in pixels of that picture out."""

import difflib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import labels
from edge_daemon.models.builtin import path_of
from edge_daemon.models.decoders import choose
from edge_daemon.models.decoders.yolov8 import Yolov8
from edge_daemon.models.detections import Detections
from edge_daemon.models.nms import nms
from edge_daemon.models.preprocess import Preprocessor
from edge_daemon.models.session import Session
from edge_daemon.settings import ModelSettings

BUILTIN = "builtin:"


@dataclass(frozen=True)
class Timing:
    """Milliseconds of wall-clock time that the stages of one `Model.detect` took."""

    preprocess: float
    infer: float
    postprocess: float


class Model:
    """An ONNX file, loaded and warmed up.

    `names` are its classes' names by number; `size` is its input's height and width.

    Raises:
        ModelError: the file, or what the settings say of it, cannot be used; says why and what to do.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        with self._named():
            self._load()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors from within say which model they are about."""
        try:
            yield
        except ModelError as error:
            raise ModelError(f"model {self._settings.name} ({self._settings.path}): {error}") from error

    def _load(self) -> None:
        settings = self._settings
        self._session = Session(_file(settings.path), settings.threads, settings.providers)
        self.size = self._session.size
        stated = labels.stated(settings.labels, self._session.metadata)
        texture = _texture(*self.size)
        # Which colours and range a model wants is known with its decoder only; 0..1 overflows in none.
        Preprocessor(self._session.tensor, Yolov8.recipe).fill(texture)
        named = None if stated is None else len(stated)
        self._decoder = choose(settings.decoder, self._session.run(), self.size, self._session.metadata, named)
        self.names: Sequence[str] = labels.complete(stated, self._decoder.classes)
        self._wanted = _wanted(settings.classes, self.names)
        self._preprocessor = Preprocessor(self._session.tensor, self._decoder.recipe)
        self._detect(texture)

    def detect(self, bgr: NDArray[np.uint8]) -> tuple[Detections, Timing]:
        """What is in a BGR picture (uint8 HxWx3), and how long finding it took.

        Raises:
            ModelError: the model failed on this picture, or gave what cannot be true.
        """
        with self._named():
            return self._detect(bgr)

    def _detect(self, bgr: NDArray[np.uint8]) -> tuple[Detections, Timing]:
        began = time.perf_counter()
        placement = self._preprocessor.fill(bgr)
        filled = time.perf_counter()
        outputs = self._session.run()
        ran = time.perf_counter()
        found = self._decoder.decode(next(iter(outputs.values())), self._settings.confidence)
        if self._wanted is not None:
            found = found[self._wanted[found.class_id]]
        found = nms(found, self._settings.iou)
        found = _visible(Detections(placement.to_source(found.xyxy), found.confidence, found.class_id))
        done = time.perf_counter()
        return found, Timing((filled - began) * 1e3, (ran - filled) * 1e3, (done - ran) * 1e3)

    def describe(self) -> str:
        """One line for the log: what was loaded, and how it was understood."""
        height, width = self.size
        names = ", ".join(self.names[:5]) + (", ..." if len(self.names) > 5 else "")
        colours = "RGB" if self._decoder.recipe.rgb else "BGR"
        return (
            f"{self._settings.path}: input {width}x{height} {colours}, decoder {self._decoder.name} "
            f"({self._decoder.why}), provider {self._session.provider}, {self._settings.threads} "
            f"thread{'s' * (self._settings.threads != 1)}, {len(self.names)} "
            f"class{'es' * (len(self.names) != 1)} ({names})"
        )


def _file(path: str) -> Path:
    return path_of(path.removeprefix(BUILTIN)) if path.startswith(BUILTIN) else Path(path)


def _wanted(classes: Sequence[str] | None, names: Sequence[str]) -> NDArray[np.bool_] | None:
    """For each of the model's classes whether it is to be kept; None: all are."""
    if classes is None:
        return None
    for name in classes:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = (
                f"did you mean {close[0]}?"
                if close
                else f"it has {', '.join(names[:10])}" + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            )
            raise ModelError(f"`classes` names {name!r}, which it does not have: {hint}")
    return np.array([name in classes for name in names])


def _visible(found: Detections) -> Detections:
    """Without boxes that lie wholly in the grey around the picture."""
    visible: NDArray[np.bool_] = np.all(found.xyxy[:, 2:] > found.xyxy[:, :2], axis=1)
    return found[visible]


def _texture(height: int, width: int) -> NDArray[np.uint8]:
    """A picture (BGR, uint8) with coarse and fine structure, the same each time."""
    random = np.random.default_rng(0)
    layers = [cv2.resize(random.random((cells, cells, 3), np.float32), (width, height)) for cells in (4, 16, 64)]
    picture: NDArray[np.uint8] = (np.mean(layers, axis=0) * 255).astype(np.uint8)
    return picture
