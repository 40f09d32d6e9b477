"""One vector for the whole picture: class scores or an embedding."""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import (
    BOTH_SIDES,
    IMAGENET,
    Array,
    Decoder,
    Outputs,
    Seen,
    finite,
    is_share,
    softmax,
)
from edge_daemon.models.detections import Class, Detections, Findings
from edge_daemon.models.preprocess import Recipe

TOP = 5
"""Number of classes returned for a picture."""
_KNOWN_CLASSES = (1000, 1001)
"""ImageNet without and with background."""


class Classification(Decoder):
    """One number per class (1xC): probabilities, or logits that are passed through a softmax."""

    name = "classification"

    def __init__(self, seen: Seen, output: str, classes: int, *, logits: bool) -> None:
        self.classes: int = classes
        self._output, self._logits = output, logits
        crop = Recipe(fit="crop", color="rgb", scale=1 / 255)
        torch = Recipe(fit="crop", color="rgb", scale=1 / 255, mean=IMAGENET.mean, std=IMAGENET.std, zoom=256 / 224)
        self.recipe = crop if seen.task == "classify" else BOTH_SIDES if seen.channels_last else torch
        self.why = f"{classes} {'logits' if logits else 'probabilities'}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        if (vector := _vector(seen)) is None:
            return
        name, values = vector
        if values.min() == values.max():
            raise ModelError(f"its {len(values)} numbers are all equal for a textured picture")
        logits = not (is_share(values) and abs(float(values.sum()) - 1) < 0.05)
        known = seen.task == "classify" or seen.named == len(values) or len(values) in _KNOWN_CLASSES
        if len(values) > 1 and (known or not logits or seen.asked == cls.name):
            yield cls(seen, name, len(values), logits=logits)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. The five most probable classes, whatever `confidence` is."""
        values = finite(np.asarray(outputs[self._output], np.float32)).ravel()
        shares = softmax(values) if self._logits else values
        if not self._logits and not is_share(shares):
            raise ModelError("its numbers are not probabilities, though they were for the test picture")
        best = np.argsort(-shares, kind="stable")[:TOP].tolist()
        classes = tuple(Class(number, float(np.clip(shares[number], 0, 1))) for number in best)
        return Findings(Detections.none(), classes=classes)


class Embedding(Decoder):
    """A vector (1xD) for comparing pictures; it is normalised to length 1."""

    name = "embedding"
    recipe = IMAGENET
    classes = 0

    def __init__(self, output: str, length: int) -> None:
        self._output = output
        self.why = f"a vector of {length} numbers that are not probabilities"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        if (vector := _vector(seen)) is None:
            return
        name, values = vector
        shares = is_share(values) and abs(float(values.sum()) - 1) < 0.05
        is_classes = seen.task == "classify" or seen.named == len(values) or len(values) in _KNOWN_CLASSES or shares
        if seen.asked == cls.name or (not is_classes and len(values) >= 32):
            yield cls(name, len(values))

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        values = finite(np.asarray(outputs[self._output], np.float32)).ravel()
        length = float(np.linalg.norm(values))
        if not length:
            raise ModelError("it returns a vector of zeros, which carries no information")
        return Findings(Detections.none(), embedding=values / np.float32(length))


def _vector(seen: Seen) -> tuple[str, Array] | None:
    """The only output, if it is a vector: 1xC, C, or 1xCx1x1."""
    name, array = next(iter(seen.outputs.items()))
    if len(seen.outputs) != 1 or array.size != max(array.shape, default=0) or array.size < 2:
        return None
    return name, np.asarray(array, np.float32).ravel()
