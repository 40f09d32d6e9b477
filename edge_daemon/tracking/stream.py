"""The tracks of one camera and model across its epochs."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from edge_daemon.tracking.boxes import Boxes
from edge_daemon.tracking.gap import GAP_S, Gap
from edge_daemon.tracking.track import PATIENCE_S, Begun, Track
from edge_daemon.tracking.tracker import Tracker, TrackerState


class Moment(NamedTuple):
    """When a frame was captured: at `time_s` of an epoch, which was `wall_s` since the Unix epoch."""

    epoch: int
    time_s: float
    wall_s: float


class StreamTracks(msgspec.Struct, frozen=True, kw_only=True):
    """All that another `Stream` needs to go on."""

    tracker: TrackerState = TrackerState()
    last: Moment | None = None
    offset_s: float = 0.0


class Stream:
    """Gives the results of one camera and model their tracks.

    Camera time begins again in each epoch, and is continued by the time that passed on the wall clock meanwhile. A
    camera that is opened again within the patience of a track keeps its tracks.
    """

    def __init__(self, state: StreamTracks | None = None, *, longest_s: float = GAP_S) -> None:
        state = state or StreamTracks()
        self._longest_s = longest_s
        self._tracker = Tracker(state.tracker, longest_s=longest_s)
        self._last, self._offset_s = state.last, state.offset_s

    @property
    def state(self) -> StreamTracks:
        """The state, valid until the next look."""
        return StreamTracks(tracker=self._tracker.state, last=self._last, offset_s=self._offset_s)

    @property
    def tracks(self) -> dict[int, Track]:
        """The confirmed tracks by their numbers."""
        return {track.tracker_id: track for track in self._tracker.tracks if track.tracker_id}

    @property
    def begun(self) -> dict[int, Begun]:
        """Where the tracks that the last look confirmed were first found, by number."""
        return self._tracker.begun

    def update(self, boxes: Boxes, moment: Moment, dropped: Mapping[str, int]) -> list[int | None]:
        """The number of the track of each detection, if it has one; `dropped` is the account since the last look."""
        if self._last and self._last.epoch != moment.epoch:
            self._continue(self._last, moment)
        self._last = moment
        return self._tracker.update(boxes, self._offset_s + moment.time_s, Gap.of(dropped))

    def _continue(self, last: Moment, now: Moment) -> None:
        away_s = max(0.0, now.wall_s - last.wall_s)
        self._offset_s += last.time_s + away_s - now.time_s
        if away_s > PATIENCE_S:
            self._tracker = Tracker(TrackerState(next_id=self._tracker.state.next_id), longest_s=self._longest_s)
