"""Where tracked boxes are, and where they will be: Kalman filters in continuous time, all tracks at once."""

import math
from collections.abc import Sequence

import numpy as np

from edge_daemon.tracking.boxes import Floats

# All in heights of the box; random walks per square root of a second. Each pair is of the centre and of the size.
MEASURED = 0.05
"""Standard deviation of a detection's coordinates."""
SHAKE = np.array([0.05, 0.05])
"""Random walk of the box itself: a gait, an arm."""
TURN = np.array([0.2, 0.05])
"""Random walk of the velocity."""
FIRST = np.array([1.0, 0.05])
"""Standard deviation of the velocity, per second, of an object that was seen once."""
REST_S = 0.5
"""Time constant with which the velocity fades while nothing moves in the picture."""
LEAST = 1e-3
"""Least width and height of a predicted box, in heights of the picture."""


class Motion:
    """Constant velocity of centre and size, disturbed by white noise, of N tracks.

    The coordinates do not influence one another, and the noise is the same for all tracks in heights of their box. So
    the covariance is three numbers (position, position with velocity, velocity), for centre and size.
    """

    def __init__(self, rows: Sequence[Sequence[float]] = ()) -> None:
        state = np.array(rows, np.float64).reshape(-1, 14)
        self._mean = state[:, :8].reshape(-1, 2, 4)  # position and velocity; centre x, centre y, width, height
        self._cov = state[:, 8:].reshape(-1, 3, 2)  # in squared heights of the box; of the centre, of the size

    @property
    def rows(self) -> list[list[float]]:
        """The state of each track, from which another instance goes on."""
        rows: list[list[float]] = np.hstack([self._mean.reshape(-1, 8), self._cov.reshape(-1, 6)]).tolist()
        return rows

    @property
    def places(self) -> Floats:
        """Centre and size of each box, N x 4 float64."""
        places = self._mean[:, 0].copy()
        np.maximum(places[:, 2:], LEAST, out=places[:, 2:])
        return places

    @property
    def variances(self) -> Floats:
        """Variance of each centre, in squared heights of the box, (N,) float64."""
        return self._cov[:, 0, 0]

    def predict(self, seconds: float, agility: float = 1.0) -> None:
        """Move all boxes on by a time; `agility` is a factor of the noise of the velocities of their centres."""
        self._mean[:, 0] += seconds * self._mean[:, 1]
        grow = np.array([[1, 2 * seconds, seconds**2], [0, 1, seconds], [0, 0, 1]])
        walk, turn = SHAKE**2 * seconds, (TURN * (agility, 1.0)) ** 2 * seconds
        self._cov = grow @ self._cov + np.stack([walk + turn * seconds**2 / 3, turn * seconds / 2, turn])

    def rest(self, seconds: float) -> None:
        """Let a time pass in which nothing moves."""
        left = math.exp(-seconds / REST_S)
        self._mean[:, 1] *= left
        self._cov *= np.array([1, left, left**2])[:, None]

    def offsets(self, rows: list[int], places: Floats) -> tuple[Floats, Floats]:
        """Offsets of K detections (K x 4 float64) from the centres of these rows, and their standard deviation.

        Returns:
            K x 2 and K float64.
        """
        heights = np.maximum(self._mean[rows, 0, 3], LEAST)
        return places[:, :2] - self._mean[rows, 0, :2], np.sqrt(self._cov[rows, 0, 0] + MEASURED**2) * heights

    def shift(self, by: Floats) -> None:
        """Shift all boxes, as the picture was: 2 float64."""
        self._mean[:, 0, :2] += by

    def correct(self, rows: list[int], places: Floats) -> None:
        """Correct the tracks of these rows by what was detected: K x 4 float64, centre and size."""
        cov, mean = self._cov[rows], self._mean[rows]
        gain = cov[:, :2] / (cov[:, :1] + MEASURED**2)
        mean += np.repeat(gain, 2, axis=2) * (places - mean[:, 0])[:, None]
        cov -= gain[:, [0, 0, 1]] * cov[:, [0, 1, 1]]
        self._mean[rows], self._cov[rows] = mean, cov

    def add(self, places: Floats) -> None:
        """Append tracks that were seen for the first time: K x 4 float64, centre and size."""
        mean, cov = np.zeros((len(places), 2, 4)), np.zeros((len(places), 3, 2))
        mean[:, 0], cov[:, 0], cov[:, 2] = places, MEASURED**2, FIRST**2
        self._mean, self._cov = np.concatenate([self._mean, mean]), np.concatenate([self._cov, cov])

    def keep(self, rows: list[int]) -> None:
        """Forget all tracks but these."""
        self._mean, self._cov = self._mean[rows], self._cov[rows]
