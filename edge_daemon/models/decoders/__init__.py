"""Output layouts, recognised by a model's outputs for a textured picture."""

import difflib

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import Decoder, Seen, shapes
from edge_daemon.models.decoders.detr import Detr, Rtdetr
from edge_daemon.models.decoders.fastestdet import Fastestdet
from edge_daemon.models.decoders.finished import Finished
from edge_daemon.models.decoders.nanodet import Nanodet
from edge_daemon.models.decoders.ppyoloe import Ppyoloe
from edge_daemon.models.decoders.retinaface import Retinaface
from edge_daemon.models.decoders.rows import Rows
from edge_daemon.models.decoders.scored import Scored
from edge_daemon.models.decoders.scrfd import Scrfd, Yunet
from edge_daemon.models.decoders.segmentation import Segmentation
from edge_daemon.models.decoders.ssd import Ssd
from edge_daemon.models.decoders.vector import Classification, Embedding
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
)
WHOLE: tuple[type[Decoder], ...] = (Segmentation, Classification, Embedding)
BY_NAME: dict[str, type[Decoder]] = {kind.name: kind for kind in (*BOXES, *WHOLE)}


def candidates(seen: Seen) -> list[Decoder]:
    """The decoders that can read a model's outputs: the configured one, or (`auto`) any.

    Raises:
        ModelError: there is none; the message describes the outputs.
    """
    if not seen.outputs:
        raise ModelError("it has no outputs")
    if seen.asked != "auto":
        return _any(seen, (_named(seen.asked),)) or _refuse_as(seen)
    return _any(seen, BOXES) or _any(seen, WHOLE) or _refuse(seen)


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
