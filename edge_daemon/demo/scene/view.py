"""The perspective: positions of things of the street in the picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """A camera that looks straight across a street; depths in metres, pixels from the top left corner.

    The focal length is the picture's height, so that one metre at depth z is `height / z` pixels.
    """

    width: int
    height: int
    horizon: float
    """As a share of the picture's height."""
    camera_m: float
    """Height of the camera above the ground."""

    def scale(self, depth: float) -> float:
        """Pixels a metre at a depth."""
        return self.height / depth

    def ground(self, depth: float) -> float:
        """Row at which the ground lies at a depth."""
        return self.height * self.horizon + self.scale(depth) * self.camera_m

    def column(self, x: float, depth: float) -> float:
        """Column of what is `x` metres right of the middle at a depth."""
        return self.width / 2 + x * self.scale(depth)

    def half_width(self, depth: float) -> float:
        """Metres between the middle and the edge of the picture at a depth."""
        return self.width / 2 / self.scale(depth)
