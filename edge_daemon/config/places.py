"""The keys of a camera's zones, lines and ignored areas."""

from typing import Annotated

from pydantic import Field

from edge_daemon.config.section import Section
from edge_daemon.config.values import Duration, Lengths, Polyline, Share, SimplePolygon, Words
from edge_daemon.settings import AnchorPoint, FilterSettings, IgnoreSettings, LineSettings, ZoneSettings

Margin = Annotated[float, Field(ge=0, le=1)]


class SizeLimits(Section):
    """Limits of the height of a box, as shares of the picture's height."""

    min: Share = 0.0
    """Least height."""
    max: Share = 1.0
    """Largest height."""


class Filtered(Section):
    """Which tracks count."""

    classes: Words | None = Field(default=None, examples=[["person"]])
    """Classes of objects that count, by name; all if left out."""
    size: SizeLimits | None = Field(default=None, examples=[{"min": 0.05}])
    """Objects that count by the height of their box, as a share of the picture's; all if left out."""
    confidence: Share | None = None
    """Least median of the confidences of a track; none if left out."""
    moves: float | None = Field(default=None, gt=0, le=100, examples=[1])
    """Least distance from where it was first seen, in sizes of its box, so that parked cars never count."""

    @property
    def filter(self) -> FilterSettings:
        """The filter."""
        size = self.size or SizeLimits()
        return FilterSettings(
            classes=tuple(self.classes) if self.classes else None,
            min_size=size.min,
            max_size=size.max,
            confidence=self.confidence or 0.0,
            moves=self.moves or 0.0,
        )


class Zone(Filtered):
    """A polygon: who enters, leaves, stays."""

    points: SimplePolygon = Field(examples=[[[0.1, 0.55], [0.92, 0.55], [1, 1], [0, 1]]])
    """Corners [x, y], from [0, 0] at the top left of the picture as shown to [1, 1]."""
    anchor: AnchorPoint = "bottom"
    """The point of a box that has to be inside: the centre of its bottom, its center, or that of its top."""
    margin: Margin = 0.1
    """Distance from the border, in heights of the box, from which nobody doubts on which side an object is."""
    settle: Duration | None = Field(default=None, examples=["2s"])
    """Time on one side after which a track within the margin counts too. If left out, none does: the trembling box of
    someone who stands at the border would be counted.
    """
    lengths: Lengths | None = Field(default=None, examples=[["4m", "12m", "4m", "12m"]])
    """Lengths of the four sides on the ground, from the first corner on, for speed."""

    @property
    def settings(self) -> ZoneSettings:
        """The zone for those that watch it."""
        return ZoneSettings(
            points=tuple(self.points),
            anchor=self.anchor,
            filter=self.filter,
            margin=self.margin,
            settle_s=self.settle,
            lengths=self.lengths,
        )


class Line(Filtered):
    """A line: who crosses it. Look from the first point to the last: `in` is from your left hand to your right hand."""

    points: Polyline = Field(examples=[[[0.2, 0.8], [0.8, 0.8]]])
    """Two points [x, y] or more, from [0, 0] at the top left of the picture as shown to [1, 1]."""
    anchor: AnchorPoint = "bottom"
    """The point of a box that has to cross: the centre of its bottom, its center, or that of its top."""
    margin: Margin = 0.1
    """Distance from the line, in heights of the box, from which nobody doubts on which side an object is."""
    settle: Duration | None = Field(default=None, examples=["2s"])
    """Time on one side after which a track within the margin counts too. If left out, none does: the trembling box of
    someone who stands at the border would be counted.
    """

    @property
    def settings(self) -> LineSettings:
        """The line for those that watch it."""
        return LineSettings(
            points=tuple(self.points), anchor=self.anchor, filter=self.filter, margin=self.margin, settle_s=self.settle
        )


class Ignored(Section):
    """An area: what is first seen there is ignored for good, such as a lamp post that looks like a person."""

    points: SimplePolygon = Field(examples=[[[0, 0], [0.2, 0], [0.2, 0.2]]])
    """Corners [x, y], from [0, 0] at the top left of the picture as shown to [1, 1]."""
    classes: Words | None = Field(default=None, examples=[["person"]])
    """Classes that are ignored, by name; all if left out."""
    anchor: AnchorPoint = "bottom"
    """The point of a box that has to be inside: the centre of its bottom, its center, or that of its top."""

    @property
    def settings(self) -> IgnoreSettings:
        """The area for those that watch it."""
        classes = tuple(self.classes) if self.classes else None
        return IgnoreSettings(points=tuple(self.points), classes=classes, anchor=self.anchor)
