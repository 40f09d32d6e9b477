"""Output layouts, and which of them a model has: told from what it makes of a textured picture."""

from collections.abc import Iterator

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import Decoder, Seen, shapes
from edge_daemon.models.decoders.detr import Detr, Rtdetr
from edge_daemon.models.decoders.fastestdet import Fastestdet
from edge_daemon.models.decoders.finished import Finished
from edge_daemon.models.decoders.nanodet import Nanodet
from edge_daemon.models.decoders.ppyoloe import Ppyoloe
from edge_daemon.models.decoders.retinaface import Retinaface
from edge_daemon.models.decoders.rows import Rows
from edge_daemon.models.decoders.scrfd import Scrfd, Yunet
from edge_daemon.models.decoders.ssd import Ssd
from edge_daemon.models.decoders.whole import Classification, Embedding, Segmentation
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
    Rows,
    Finished,
    Detr,
    Rtdetr,
)
WHOLE: tuple[type[Decoder], ...] = (Segmentation, Classification, Embedding)
BY_NAME: dict[str, type[Decoder]] = {kind.name: kind for kind in (*BOXES, *WHOLE)}


def readings(seen: Seen) -> list[Decoder]:
    """Each way in which a model's outputs can be read: by the decoder asked for, or (`auto`) by any.

    Raises:
        ModelError: there is none; says what was seen.
    """
    if not seen.outputs:
        raise ModelError("it has no outputs")
    for name, array in seen.outputs.items():
        if not array.size and array.ndim < 2:
            raise ModelError(f"its output {name} is empty")
    if seen.asked != "auto":
        found = list(BY_NAME[seen.asked].recognise(seen))
        if not found:
            raise ModelError(f"its outputs ({_said(seen)}) are not what `decoder: {seen.asked}` reads")
        return found
    return list(_any(seen, BOXES)) or list(_any(seen, WHOLE)) or _refuse(seen)


def _any(seen: Seen, kinds: tuple[type[Decoder], ...]) -> Iterator[Decoder]:
    for kind in kinds:
        yield from kind.recognise(seen)


def _refuse(seen: Seen) -> list[Decoder]:
    raise ModelError(
        f"its output layout is not known ({_said(seen)}): docs/models.md lists those that are; if it is one of them, "
        "set `decoder`, name its outputs in `outputs` or its classes in `labels`"
    )


def _said(seen: Seen) -> str:
    return f"{shapes(seen.outputs)}, for an input of {seen.size[1]}x{seen.size[0]}"
