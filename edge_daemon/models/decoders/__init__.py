"""Output layouts, recognised by a model's outputs for a textured picture."""

import difflib
from contextlib import suppress
from dataclasses import replace
from itertools import combinations

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.blazeface import Blazeface
from edge_daemon.models.decoders.centernet import Centernet
from edge_daemon.models.decoders.decoder import Decoder, Seen, shapes
from edge_daemon.models.decoders.detectnet import Detectnet
from edge_daemon.models.decoders.detr import Detr, Rtdetr
from edge_daemon.models.decoders.fastestdet import Fastestdet
from edge_daemon.models.decoders.finished import Finished
from edge_daemon.models.decoders.heatmaps import Heatmaps
from edge_daemon.models.decoders.movenet import Movenet
from edge_daemon.models.decoders.nanodet import Nanodet
from edge_daemon.models.decoders.ppyoloe import Ppyoloe
from edge_daemon.models.decoders.retinaface import Retinaface
from edge_daemon.models.decoders.rows import Rows
from edge_daemon.models.decoders.scored import Scored
from edge_daemon.models.decoders.scrfd import Scrfd, Yunet
from edge_daemon.models.decoders.segmentation import Segmentation
from edge_daemon.models.decoders.simcc import Simcc
from edge_daemon.models.decoders.ssd import Ssd
from edge_daemon.models.decoders.text import Ctc, Places
from edge_daemon.models.decoders.values import Values
from edge_daemon.models.decoders.vector import Classification, Embedding
from edge_daemon.models.decoders.yolo_maps import Anchors, Dfl, ExpAnchors
from edge_daemon.models.decoders.yolov5 import Yolov5
from edge_daemon.models.decoders.yolov8 import Yolov8
from edge_daemon.models.decoders.yolox import Yolox

BOXES: tuple[type[Decoder], ...] = (
    Yolov8,
    Yolox,
    Yolov5,
    Nanodet,
    Fastestdet,
    Ppyoloe,
    Retinaface,
    Scrfd,
    Yunet,
    Ssd,
    Scored,
    Rows,
    Finished,
    Detr,
    Rtdetr,
    Detectnet,
    Centernet,
    Blazeface,
    Dfl,
    Anchors,
    ExpAnchors,
    Movenet,
)
WHOLE: tuple[type[Decoder], ...] = (
    Simcc,
    Heatmaps,
    Segmentation,
    Ctc,
    Places,
    Classification,
    Embedding,
    Values,
)
MOST_OUTPUTS = 8
_AUXILIARY = ("aux", "proto", "hidden", "feature", "train")
BY_NAME: dict[str, type[Decoder]] = {kind.name: kind for kind in (*BOXES, *WHOLE)}


def candidates(seen: Seen) -> list[Decoder]:
    """The decoders that can read a model's outputs: the configured one, or (`auto`) any.

    If none reads all outputs, one that reads all but one to three of them will do.

    Raises:
        ModelError: there is none; the message describes the outputs.
    """
    if not seen.outputs:
        raise ModelError("it has no outputs")
    if seen.asked != "auto":
        asked = (_named(seen.asked),)
        return _checked(_any(seen, asked) or _any_part(seen, asked) or _refuse_as(seen), seen)
    try:
        found = _any(seen, BOXES) or _any_with_axis(seen)
    except ModelError:
        found = _any_with_axis(seen)
        if not found:
            raise
    found = found or _any(seen, WHOLE) or _any_part(seen, BOXES) or _any_part(seen, (Segmentation, Places, Heatmaps))
    return _checked(found or _unnamed(seen) or _refuse(seen), seen)


def _unnamed(seen: Seen) -> list[Decoder]:
    """The decoders that recognise the outputs without the names, whose number is wrong, and reported as that."""
    return _any_quietly(replace(seen, names=None), BOXES) if seen.names else []


def _any_with_axis(seen: Seen) -> list[Decoder]:
    """The decoders that recognise outputs whose axis for the batch was removed."""
    have_axis = any(array.ndim == 0 or (array.ndim > 2 and len(array) == 1) for array in seen.outputs.values())
    found = [] if have_axis else _any_quietly(seen.with_axis(), BOXES)
    for decoder in found:
        decoder.adds_axis = True
    return found


def _any_quietly(seen: Seen, kinds: tuple[type[Decoder], ...]) -> list[Decoder]:
    with suppress(ModelError):
        return _any(seen, kinds)
    return []


def _any_part(seen: Seen, kinds: tuple[type[Decoder], ...]) -> list[Decoder]:
    """The decoders that recognise the outputs without one to three of them, the later ones of equals first."""
    for count in (1, 2, 3):
        if len(seen.outputs) <= count or len(seen.outputs) > MOST_OUTPUTS:
            continue
        found: list[Decoder] = []
        for left_out in combinations(seen.outputs, count):
            for decoder in _any_quietly(seen.without(left_out), kinds):
                decoder.left_out = (*left_out, *decoder.left_out)
                decoder.sure = "likely" if decoder.sure == "proved" else decoder.sure
                found.append(decoder)
        if found:
            return _main(found, seen)
    return []


def _main(found: list[Decoder], seen: Seen) -> list[Decoder]:
    """Of readings of different outputs, those of the main ones: the largest, and not those of a head for training."""

    def rank(decoder: Decoder) -> tuple[bool, int]:
        is_main = any(word in name.lower() for name in decoder.left_out for word in _AUXILIARY)
        return is_main, -sum(seen.outputs[name].size for name in decoder.left_out)

    best = max(map(rank, found))
    # YOLOv9's training head comes first.
    return [next(decoder for decoder in found if rank(decoder) == best)]


def _checked(found: list[Decoder], seen: Seen) -> list[Decoder]:
    """The decoders to which all configured keys of `boxes` apply.

    Raises:
        ModelError: a key applies to none of them.
    """
    stated = {key for key in seen.boxes.__struct_fields__ if getattr(seen.boxes, key) is not None}
    good = [decoder for decoder in found if stated <= decoder.reads]
    if not good:
        first = found[0]
        keys = ", ".join(sorted(stated - first.reads))
        raise ModelError(
            f"`boxes` states {keys}, which has no meaning for {first.name} ({first.why}): leave it out"
        )  # fmt: skip
    return good


def _named(name: str) -> type[Decoder]:
    if name not in BY_NAME:
        close = difflib.get_close_matches(name, BY_NAME, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are auto, {', '.join(sorted(BY_NAME))}"
        raise ModelError(f"there is no decoder {name!r}: {hint}")
    return BY_NAME[name]


def _any(seen: Seen, kinds: tuple[type[Decoder], ...]) -> list[Decoder]:
    """The decoders that recognise the outputs. An error of one counts only if no other can read them."""
    found: list[Decoder] = []
    objections: list[ModelError] = []
    for kind in kinds:
        try:
            found += kind.recognise(seen)
        except ModelError as error:
            objections.append(error)
    if objections and not found:
        raise objections[0]
    return found


def _refuse_as(seen: Seen) -> list[Decoder]:
    raise ModelError(f"`decoder: {seen.asked}` cannot read its outputs ({_said(seen)})")


def _refuse(seen: Seen) -> list[Decoder]:
    raise ModelError(
        f"its output layout is not known ({_said(seen)}): docs/models.md lists the known ones; if it is one of them, "
        "set `decoder`, name its outputs in `outputs` or its classes in `labels`"
    )


def _said(seen: Seen) -> str:
    return f"{shapes(seen.outputs)}, for an input of {seen.size[1]}x{seen.size[0]}"
