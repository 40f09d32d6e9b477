"""Where tracked boxes are, and where they will be: a Kalman filter for each track, in continuous time.

The coordinates do not influence one another, so that all of it is a few products of numbers. For the number of tracks
that a picture has, plain floats are faster than arrays.
"""

import math
from typing import NamedTuple

import msgspec

# All in heights of the box; random walks per square root of a second. Each pair is of the centre and of the size.
MEASURED = 0.05
"""Standard deviation of a detection's coordinates."""
SHAKE = 0.05, 0.05
"""Random walk of the box itself: a gait, an arm."""
TURN = 0.2, 0.05
"""Random walk of the velocity."""
FIRST = 1.0, 0.05
"""Standard deviation of the velocity, per second, of an object that was seen once."""
REST_S = 0.5
"""Time constant with which the velocity fades while nothing moves in the picture."""
LEAST = 1e-3
"""Least width and height of a predicted box, in heights of the picture."""

Place = tuple[float, float, float, float]
"""Centre x, centre y, width and height of a box, in heights of the picture."""
Covariance = tuple[float, float, float]
"""Variance of a coordinate, covariance with its velocity, and variance of that, in squared heights of the box."""


class Offset(NamedTuple):
    """How far the centre of a detection is from where its track was expected, in heights of the picture, and the
    standard deviation of that.
    """

    x: float
    y: float
    deviation: float


class Passing:
    """A time that passes; `agility` is a factor of the noise of the velocities of centres."""

    def __init__(self, seconds: float, agility: float = 1.0) -> None:
        self.seconds = seconds
        self.centre = _noise(seconds, SHAKE[0], TURN[0] * agility)
        """What it adds to the covariance of a centre."""
        self.size = _noise(seconds, SHAKE[1], TURN[1])
        """What it adds to that of a size."""


class Motion(msgspec.Struct, array_like=True):
    """Constant velocity of centre and size, disturbed by white noise: where a box is, how it moves in a second, and how
    sure that is, of its centre and of its size.
    """

    at: Place
    velocity: Place = (0.0, 0.0, 0.0, 0.0)
    centre: Covariance = (MEASURED**2, 0.0, FIRST[0] ** 2)
    size: Covariance = (MEASURED**2, 0.0, FIRST[1] ** 2)

    def predict(self, passing: Passing) -> None:
        """Move on by a time."""
        s, (x, y, width, height), (vx, vy, vw, vh) = passing.seconds, self.at, self.velocity
        self.at = x + s * vx, y + s * vy, width + s * vw, height + s * vh
        self.centre, self.size = _later(self.centre, s, passing.centre), _later(self.size, s, passing.size)

    def rest(self, seconds: float) -> None:
        """Let a time pass in which nothing moves."""
        left = math.exp(-seconds / REST_S)
        vx, vy, vw, vh = self.velocity
        self.velocity = left * vx, left * vy, left * vw, left * vh
        self.centre, self.size = _faded(self.centre, left), _faded(self.size, left)

    def shift(self, x: float, y: float) -> None:
        """Shift the box, as the picture was."""
        self.at = self.at[0] + x, self.at[1] + y, self.at[2], self.at[3]

    def offset(self, found: Place) -> Offset:
        """How far a detection is from where it was expected."""
        x, y, _, height = self.at
        deviation = math.sqrt(self.centre[0] + MEASURED**2) * max(height, LEAST)
        return Offset(found[0] - x, found[1] - y, deviation)

    def correct(self, found: Place) -> None:
        """Correct it by what was detected."""
        (x, y, width, height), (vx, vy, vw, vh), (x1, y1, width1, height1) = self.at, self.velocity, found
        x1, y1, width1, height1 = x1 - x, y1 - y, width1 - width, height1 - height
        a, b, self.centre = _gain(self.centre)
        c, d, self.size = _gain(self.size)
        self.at = x + a * x1, y + a * y1, width + c * width1, height + c * height1
        self.velocity = vx + b * x1, vy + b * y1, vw + d * width1, vh + d * height1


def _noise(seconds: float, shake: float, turn: float) -> Covariance:
    walk = turn**2 * seconds
    return shake**2 * seconds + walk * seconds**2 / 3, walk * seconds / 2, walk


def _later(covariance: Covariance, s: float, noise: Covariance) -> Covariance:
    """The covariance after `s` seconds, which add this noise."""
    (both, mixed, speed), (more, more_mixed, more_speed) = covariance, noise
    return both + (2 * s * mixed + s * s * speed) + more, mixed + s * speed + more_mixed, speed + more_speed


def _faded(covariance: Covariance, left: float) -> Covariance:
    """The covariance, where this share is left of the velocity."""
    both, mixed, speed = covariance
    return both, left * mixed, left * left * speed


def _gain(covariance: Covariance) -> tuple[float, float, Covariance]:
    """By which share of its offset a detection corrects a coordinate and its velocity, and the covariance then."""
    both, mixed, speed = covariance
    total = both + MEASURED**2
    gain, turn = both / total, mixed / total
    return gain, turn, (both - gain * both, mixed - gain * mixed, speed - turn * mixed)
