"""Findings of a model in a frame, as workers send them and subscribers receive them."""

import msgspec


class Rle(msgspec.Struct, frozen=True, kw_only=True):
    """A mask in COCO's run-length encoding (pycocotools reads it); `size` is height and width of the frame."""

    size: tuple[int, int]
    counts: str


class Detection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One box in pixels of the source frame, with the number of its track, if it has one, and the model's additions.

    `keypoints` are x, y and confidence each, `skeleton` names their set; `corners` (x and y, clockwise) and `angle`
    (radians, clockwise, of the side from the first corner to the second) are those of an oriented box.

    In the result of a model that runs after another, the box is the other's detection, number `parent` of its
    detections in the same frame, and `classes`, `detections`, `embedding`, `keypoints`, `values` or `text` are this
    model's findings in it.
    """

    xyxy: tuple[float, float, float, float]
    confidence: float
    class_id: int
    class_name: str
    tracker_id: int | None = None
    mask: Rle | None = None
    keypoints: list[tuple[float, float, float]] | None = None
    skeleton: str | None = None
    corners: list[tuple[float, float]] | None = None
    angle: float | None = None
    parent: int | None = None
    classes: list["PictureClass"] | None = None
    detections: list["Detection"] | None = None
    embedding: list[float] | None = None
    values: list["Value"] | None = None
    text: "Text | None" = None


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a model estimates, such as an age or an angle."""

    name: str
    value: float


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Characters that a model reads; `confidence` is the mean of those of the characters."""

    text: str
    confidence: float


class PictureClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class of the whole frame."""

    class_id: int
    class_name: str
    confidence: float


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the frame that shows a class; `area` is its share of the frame."""

    class_id: int
    class_name: str
    area: float
    mask: Rle


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Findings of a model in a frame: boxes, or findings about the whole frame: `classes` (highest confidence first),
    `segments`, an `embedding` of length 1, the `keypoints` of one person (of the set `skeleton`), `values`, or `text`.
    `unsure` are detections below the threshold of their class, which tracking uses.
    If no object is found in an uploaded picture, `surest` is the one with the highest confidence below the threshold.
    """

    detections: list[Detection] = []
    unsure: list[Detection] = []
    classes: list[PictureClass] | None = None
    segments: list[Segment] | None = None
    embedding: list[float] | None = None
    keypoints: list[tuple[float, float, float]] | None = None
    skeleton: str | None = None
    values: list[Value] | None = None
    text: Text | None = None
    surest: PictureClass | None = None
