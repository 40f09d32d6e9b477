"""One vector for the whole picture: class scores, attributes, or an embedding."""

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    BOTH_SIDES,
    IMAGENET,
    Array,
    Decoder,
    Outputs,
    Seen,
    finite,
    is_share,
    sigmoid,
    softmax,
)
from edge_daemon.models.detections import Class, Detections, Findings
from edge_daemon.models.evidence import Sign, fact, weigh
from edge_daemon.models.preprocess import Recipe
from edge_daemon.settings import Activation

TOP = 5
"""Number of classes returned for a picture, if they exclude each other."""
_KNOWN_CLASSES = (1000, 1001)
"""ImageNet without and with background."""
_SCORES = ("logit", "prob", "softmax", "class")
"""Words in the names of outputs that have scores of classes."""
_LENGTHS = (64, 128, 192, 256, 320, 384, 512, 576, 640, 768, 960, 1024, 1280, 1536, 2048, 4096)
"""Usual lengths of embeddings."""
_WORDS = ("emb", "feat", "reid", "vector", "descriptor", "image_embeds", "pooler")
_NORMALISERS = frozenset({"LpNormalization", "ReduceL2", "L2Normalization"})


class Classification(Decoder):
    """One number per class (C): probabilities that add up to 1, probabilities of attributes of which several may hold,
    or logits of either.
    """

    name = "classification"
    reads = frozenset({"activation"})

    def __init__(self, seen: Seen, output: str, classes: int, activation: Sign[Activation], *, several: bool) -> None:
        self.classes: int = classes
        self._output, self._activation, self._several = output, activation.value, several
        crop = Recipe(fit="crop", color="rgb", scale=1 / 255)
        torch = Recipe(fit="crop", color="rgb", scale=1 / 255, mean=IMAGENET.mean, std=IMAGENET.std, zoom=256 / 224)
        # People and vehicles, whose attributes these mostly are, fill the picture.
        usual = BOTH_SIDES if seen.channels_last else IMAGENET if several else torch
        self.recipe = crop if seen.task == "classify" else usual
        kind = {"none": "probabilities", "softmax": "logits", "sigmoid": "logits"}[activation.value]
        self.why = f"{classes} {kind}" + (", of which several may hold" if several else "")
        key = "sigmoid" if several and activation.value == "none" else activation.value
        self.facts = [fact("activation", activation, key=f"boxes: {{activation: {key}}}")]
        self.pinned = {"activation": activation.value}

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        if (vector := _vector(seen)) is None:
            return
        name, values = vector
        if len(values) < 2:
            return
        last = seen.last(name)
        adds_up = is_share(values) and abs(float(values.sum()) - 1) < 0.05
        known = seen.task == "classify" or seen.named == len(values) or len(values) in _KNOWN_CLASSES
        known = known or last == "Softmax" or seen.asked == cls.name
        named = any(word in name.lower() for word in _SCORES)
        several = not adds_up and is_share(values) and (last in ("Sigmoid", "HardSigmoid") or known)
        if not (known or adds_up or several or named):
            return
        is_told = seen.task == "classify" or (seen.names is not None and seen.named == len(values))
        if _are_equal(values) and not is_told and all(_are_equal(tables.flat(one[name])) for one in seen.more()):
            raise ModelError(
                f"its {len(values)} numbers are all equal for a textured picture: if they are classes, set `labels`"
            )
        activation = _activation(seen, values, last, adds_up=adds_up)
        if adds_up and not known and _parts(values) > 1:
            return
        several = several or (activation.value == "sigmoid" and seen.boxes.activation == "sigmoid")
        decoder = cls(seen, name, len(values), activation, several=several)
        decoder.sure = "known" if known else "proved" if adds_up else "likely"
        yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. The five most probable classes, whatever `confidence` is, if they exclude each other;
        all above it if several may hold.
        """
        values = finite(tables.flat(outputs[self._output]))
        if self._activation == "softmax":
            values = softmax(values)
        elif self._activation == "sigmoid" and not (self._several and is_share(values)):
            values = sigmoid(values)
        elif not is_share(values):
            raise ModelError("its numbers are not probabilities, though they were for the test picture")
        best = np.argsort(-values, kind="stable").tolist()
        best = [number for number in best if values[number] >= confidence] if self._several else best[:TOP]
        classes = tuple(Class(number, float(np.clip(values[number], 0, 1))) for number in best)
        return Findings(Detections.none(), classes=classes)


class Embedding(Decoder):
    """A vector (D) for comparing pictures; it is normalised to length 1."""

    name = "embedding"
    recipe = IMAGENET
    classes = 0

    def __init__(self, output: str, length: int, sign: Sign[str]) -> None:
        self._output, self.sure = output, sign.sure
        self.why = f"a vector of {length} numbers that are not probabilities: {sign.because}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        if (vector := _vector(seen)) is None:
            return
        name, values = vector
        if (sign := _embeds(seen, name, values)) and (seen.asked == cls.name or not _is_against(seen, values)):
            yield cls(name, len(values), sign)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        values = finite(tables.flat(outputs[self._output]))
        length = float(np.linalg.norm(values))
        if not length:
            raise ModelError("it returns a vector of zeros, which carries no information")
        return Findings(Detections.none(), embedding=values / np.float32(length))


def _activation(seen: Seen, values: Array, last: str, *, adds_up: bool) -> Sign[Activation]:
    """The function that scores of classes (float32 C) need."""
    stated: Sign[Activation] | None = None
    if seen.boxes.activation:
        stated = Sign(seen.boxes.activation, "`boxes` states it", "known")
    none: Literal["none"] = "none"
    signs: list[Sign[Activation] | None] = [stated]
    if last in ("Softmax", "Sigmoid", "HardSigmoid"):
        signs.append(Sign(none, f"its graph ends with {last}", "known"))
    elif adds_up:
        signs.append(Sign(none, "they add up to 1", "proved"))
    elif is_share(values):
        signs.append(Sign(none, "they are all in 0..1", "proved" if len(values) > TOP else "likely"))
    else:
        low, high = float(values.min()), float(values.max())
        signs.append(Sign("softmax", f"they range from {low:.3g} to {high:.3g}", "likely"))
    sign = weigh(signs)
    assert sign
    return sign


def _embeds(seen: Seen, name: str, values: Array) -> Sign[str] | None:
    """The surest reason for a vector (float32 D) to be an embedding."""
    signs: list[Sign[str] | None] = []
    if seen.asked == Embedding.name:
        signs.append(Sign(name, "`decoder` states it", "known"))
    if abs(float(np.linalg.norm(values)) - 1) < 1e-3 and _NORMALISERS & seen.graph.operators:
        signs.append(Sign(name, "its graph normalises it to length 1", "known"))
    if any(word in name.lower() for word in _WORDS) and len(values) >= 32:
        signs.append(Sign(name, f"the name {name}"))
    if len(values) in _LENGTHS:
        signs.append(Sign(name, "a usual length of embeddings, and nothing else fits"))
    return weigh(signs)


def _is_against(seen: Seen, values: Array) -> bool:
    """True if a vector (float32 D) has another meaning: classes, whole numbers, probabilities, places."""
    shares = is_share(values) and float(values.min()) > -1e-6
    is_classes = seen.task == "classify" or seen.named == len(values) or len(values) in _KNOWN_CLASSES
    whole = not _are_equal(values) and bool((values == np.rint(values)).all())
    return is_classes or whole or (shares and _parts(values) > 0)


def _parts(values: Array) -> int:
    """Into how many equal parts probabilities (float32 D) divide that each add up to 1; 0 if they do not."""
    total = float(values.sum())
    parts = round(total) if np.isfinite(total) else 0
    if parts < 1 or abs(total - parts) > 0.02 * max(parts, 1) or len(values) % parts:
        return 0
    return parts if (np.abs(values.reshape(parts, -1).sum(axis=1) - 1) < 0.02).all() else 0


def _are_equal(values: Array) -> bool:
    return bool(values.min() == values.max())


def _vector(seen: Seen) -> tuple[str, Array] | None:
    """The only output, if it is a vector: 1xC, C, or 1xCx1x1."""
    name, array = next(iter(seen.outputs.items()))
    length = tables.length(array)
    if len(seen.outputs) != 1 or length is None or length < 2 or np.issubdtype(array.dtype, np.integer):
        return None
    return name, tables.flat(array)
