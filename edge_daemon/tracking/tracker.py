"""The tracker of one camera and model: detections in, numbers of tracks out."""

from itertools import compress

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.tracking.agility import LEAST as LEAST_AGILITY
from edge_daemon.tracking.agility import Agility
from edge_daemon.tracking.association import Expected, pairs
from edge_daemon.tracking.boxes import Boxes, columns, overlaps
from edge_daemon.tracking.camera_motion import CameraMotion
from edge_daemon.tracking.certainty import USUAL, Certainty
from edge_daemon.tracking.gap import GAP_S, NOTHING, Gap, Step
from edge_daemon.tracking.motion import LEAST, Motion, Passing, Place
from edge_daemon.tracking.track import CONFIRMED_LOOKS, Begun, Track

TWICE = 0.8
"""A detection that overlaps one of a track by so much is the same object found twice, and begins no track."""


class TrackerState(msgspec.Struct, frozen=True, kw_only=True):
    """All that another tracker needs to go on; `usual`, `evidence` and `agility` are those of `Certainty`,
    `CameraMotion` and `Agility`.
    """

    next_id: int = 1
    time_s: float | None = None
    tracks: list[Track] = []
    usual: float = USUAL
    evidence: float = 0.0
    agility: float = LEAST_AGILITY


class Tracker:
    """Gives the detections of each look the numbers of their tracks.

    Numbers count up, and none is given twice. `longest_s` is the longest time between two looks that counts as looked
    at. Of the last look, `ended` are the confirmed tracks that ended with it, and `begun` where those that it
    confirmed were first found, by number.
    """

    def __init__(self, state: TrackerState | None = None, *, longest_s: float = GAP_S) -> None:
        state = state or TrackerState()
        self.tracks: list[Track] = list(state.tracks)
        self.ended: list[Track] = []
        self.begun: dict[int, Begun] = {}
        self._next_id = state.next_id
        self._time_s = state.time_s
        self._longest_s = longest_s
        self._certainty = Certainty(state.usual)
        self._camera = CameraMotion(state.evidence)
        self._agility = Agility(state.agility)

    @property
    def state(self) -> TrackerState:
        """The state, valid until the next look."""
        return TrackerState(
            next_id=self._next_id,
            time_s=self._time_s,
            tracks=self.tracks,
            usual=self._certainty.usual,
            evidence=self._camera.evidence,
            agility=self._agility.factor,
        )

    def update(self, boxes: Boxes, time_s: float, gap: Gap = NOTHING) -> list[int | None]:
        """Take in the detections of the next look, at `time_s` of camera time.

        Args:
            boxes: the detections, unsure ones too.
            time_s: camera time; a look that is not later than the last one is taken as one at the same time.
            gap: the frames since the last look.

        Returns:
            The number of the track of each detection; None where none is confirmed.
        """
        step = self._advance(time_s, gap)
        sure = boxes.confidences >= self._certainty.threshold
        places: list[Place] = [(x, y, width, height) for x, y, width, height in boxes.places.tolist()]
        matches = self._match(boxes, sure)
        if step.moving_s and self._follow_camera(matches, places, step.moving_s):
            matches = self._match(boxes, sure)
        ids = self._continue(matches, boxes, places, time_s)
        self._miss(matches, step.looked_s)
        self._begin(matches, boxes, places, sure, time_s)
        return ids

    def _advance(self, time_s: float, gap: Gap) -> Step:
        """Predict all tracks; return the time since the last look."""
        elapsed_s = 0.0 if self._time_s is None else max(0.0, time_s - self._time_s)
        self._time_s = time_s
        step = gap.step(elapsed_s, self._longest_s)
        passing = Passing(step.moving_s, self._agility.factor)
        for track in self.tracks:
            if step.still_s:
                track.motion.rest(step.still_s)
            track.motion.predict(passing)
        return step

    def _match(self, boxes: Boxes, sure: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """Pairs of tracks and detections."""
        if not self.tracks or not boxes.classes:
            return []
        classes, alike = [track.class_id for track in self.tracks], None
        if len({*classes, *boxes.classes}) > 1:
            alike = np.array(classes)[:, None] == np.array(boxes.classes)[None]
        expected = Expected(
            columns([track.motion.at for track in self.tracks]),
            np.array([track.motion.centre[0] for track in self.tracks]),
            np.array([track.tracker_id > 0 for track in self.tracks]),
        )
        np.maximum(expected.places[:, 2:], LEAST, out=expected.places[:, 2:])
        return pairs(expected, boxes, sure, alike)

    def _follow_camera(self, matches: list[tuple[int, int]], places: list[Place], seconds: float) -> bool:
        """Shift all tracks if the camera seems to have moved since the last look; true if it has."""
        found = [(self.tracks[row], places[column]) for row, column in matches]
        offsets = [track.motion.offset(place) for track, place in found if track.tracker_id]
        self._agility.note(offsets)
        shift = self._camera.shift(offsets, seconds)
        if shift is None:
            return False
        for track in self.tracks:
            track.motion.shift(*shift)
        return True

    def _continue(
        self, matches: list[tuple[int, int]], boxes: Boxes, places: list[Place], time_s: float
    ) -> list[int | None]:
        """Correct the tracks that were found, and give each detection its number."""
        ids: list[int | None] = [None] * len(places)
        confidences, self.begun = boxes.confidences.tolist(), {}
        for row, column in matches:
            track = self.tracks[row]
            track.motion.correct(places[column])
            ago = track.missed + 1
            track.find(time_s, boxes.classes[column], confidences[column])
            if not track.tracker_id and track.looks >= CONFIRMED_LOOKS:
                track.tracker_id = self._next_id
                self.begun[self._next_id] = Begun(track.first, ago)
                self._next_id += 1
            ids[column] = track.tracker_id or None
        self._certainty.note(list(compress(confidences, ids)), confidences)
        return ids

    def _miss(self, matches: list[tuple[int, int]], looked_s: float) -> None:
        """Note which tracks were not found, and end those that were not for too long."""
        missed = set(range(len(self.tracks))).difference([row for row, _ in matches])
        for row in missed:
            self.tracks[row].miss(looked_s)
        over = {row for row in missed if self.tracks[row].is_over}
        self.ended = [self.tracks[row] for row in sorted(over) if self.tracks[row].tracker_id]
        self.tracks = [track for row, track in enumerate(self.tracks) if row not in over]

    def _begin(
        self,
        matches: list[tuple[int, int]],
        boxes: Boxes,
        places: list[Place],
        sure: NDArray[np.bool_],
        time_s: float,
    ) -> None:
        """Begin a track with each sure detection that is left."""
        taken = [column for _, column in matches]
        new = sorted(set(sure.nonzero()[0].tolist()).difference(taken))
        if new and taken:
            shared = overlaps(boxes.places[new], boxes.places[taken]).max(axis=1)
            new = [column for column, most in zip(new, shared.tolist(), strict=True) if most < TWICE]
        for column in new:
            x, y, width, height = places[column]
            first = x - width / 2, y - height / 2, x + width / 2, y + height / 2
            track = Track(time_s, time_s, boxes.classes[column], first, Motion(places[column]))
            track.find(time_s, track.class_id, float(boxes.confidences[column]))
            self.tracks.append(track)
