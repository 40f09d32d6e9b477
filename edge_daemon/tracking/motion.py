"""Where tracked boxes are, and where they will be: Kalman filters in continuous time, all tracks at once."""

import math
from collections.abc import Sequence

import numpy as np

from edge_daemon.tracking.boxes import Floats

# All in heights of the box; random walks per square root of a second. Each pair is of the centre and of the size.
MEASURED = 0.05
"""Standard deviation of a detection's coordinates."""
SHAKE = np.array([[0.05], [0.05]])
"""Random walk of the box itself: a gait, an arm."""
TURN = np.array([[0.2], [0.05]])
"""Random walk of the velocity."""
FIRST = np.array([[1.0], [0.05]])
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
        self._take(np.array(rows, np.float64).reshape(-1, 14).T)

    def _take(self, state: Floats) -> None:
        """Go on from 14 numbers of each of N tracks, 14 x N float64: what is alike lies together, which is faster."""
        self._state = np.ascontiguousarray(state)
        self._mean = self._state[:8].reshape(2, 4, -1)  # position and velocity; centre x, centre y, width, height
        self._cov = self._state[8:].reshape(3, 2, -1)  # in squared heights of the box; of the centre, of the size

    @property
    def rows(self) -> list[list[float]]:
        """The state of each track, from which another instance goes on."""
        rows: list[list[float]] = self._state.T.tolist()
        return rows

    @property
    def places(self) -> Floats:
        """Centre and size of each box, N x 4 float64."""
        places: Floats = self._mean[0].T.copy("K")
        np.maximum(places[:, 2:], LEAST, out=places[:, 2:])
        return places

    @property
    def variances(self) -> Floats:
        """Variance of each centre, in squared heights of the box, (N,) float64."""
        variances: Floats = self._cov[0, 0]
        return variances

    def predict(self, seconds: float, agility: float = 1.0) -> None:
        """Move all boxes on by a time; `agility` is a factor of the noise of the velocities of their centres."""
        place, velocity = self._mean
        place += seconds * velocity
        both, mixed, speed = self._cov
        walk, turn = SHAKE**2 * seconds, (TURN * ((agility,), (1.0,))) ** 2 * seconds
        both += 2 * seconds * mixed + seconds**2 * speed + (walk + turn * seconds**2 / 3)
        mixed += seconds * speed + turn * seconds / 2
        speed += turn

    def rest(self, seconds: float) -> None:
        """Let a time pass in which nothing moves."""
        left = math.exp(-seconds / REST_S)
        self._mean[1] *= left
        self._cov[1] *= left
        self._cov[2] *= left**2

    def offsets(self, rows: list[int], places: Floats) -> tuple[Floats, Floats]:
        """Offsets of K detections (K x 4 float64) from the centres of these rows, and their standard deviation.

        Returns:
            2 x K and K float64.
        """
        expected = self._mean[0].take(rows, axis=1)
        deviations = np.sqrt(self._cov[0, 0].take(rows) + MEASURED**2) * np.maximum(expected[3], LEAST)
        return places.T[:2] - expected[:2], deviations

    def shift(self, by: Floats) -> None:
        """Shift all boxes, as the picture was: 2 float64."""
        self._mean[0, :2] += by[:, None]

    def correct(self, rows: list[int], places: Floats) -> None:
        """Correct the tracks of these rows by what was detected: K x 4 float64, centre and size."""
        where = np.array(rows)
        state = self._state.take(where, axis=1)
        mean, cov = state[:8].reshape(2, 2, 2, -1), state[8:].reshape(3, 2, -1)  # the centre and the size apart
        gain = cov[:2] / (cov[0] + MEASURED**2)
        mean += gain[:, :, None] * (places.T.reshape(2, 2, -1) - mean[0])
        cov[2] -= gain[1] * cov[1]
        cov[:2] -= gain[0] * cov[:2]
        self._state[:, where] = state

    def add(self, places: Floats) -> None:
        """Append tracks that were seen for the first time: K x 4 float64, centre and size."""
        state = np.zeros((14, len(places)))
        state[:4], state[8:10], state[12:] = places.T, MEASURED**2, FIRST**2
        self._take(np.concatenate([self._state, state], axis=1))

    def keep(self, rows: list[int]) -> None:
        """Forget all tracks but these."""
        self._take(self._state[:, rows])
