"""What has to go: by age of its class, and the oldest if there is too much of it, a little at a time."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from edge_daemon.settings import StorageSettings
from edge_daemon.store import media, segments
from edge_daemon.store.clock import is_synchronised
from edge_daemon.store.cursor import needed
from edge_daemon.store.index import NEWEST
from edge_daemon.store.sizes import Sizes
from edge_daemon.store.store import JOURNAL, Store

logger = logging.getLogger(__name__)
BITE = 20
"""Entries, or events with their files, that go at once."""
LOOK_S = COMPACT_S = 0.02
"""Time in a step for looking at the sizes of files, and for compacting the journal."""
MEASURED_S, COMPACTED_S, SEGMENTS_S = 60.0, 3600.0, 10.0
RATE_S, FORECAST_S = 86_400.0, 600.0
"""Longest and shortest time by which the rate is measured at which the store grows."""
PAGES = 500
"""Pages of the index that are given back at once."""
STEP_S = 3600.0
"""Time after the clock was set for which nothing goes by its age."""
EVENTS, OTHERS = ("events", "alerts"), ("tracks", "counts")
"""Classes in the order in which they go if there is too little room."""


class Retention:
    """Keeps a store within its limits. `now_s` is the wall clock, `trusted` says that it is right."""

    def __init__(
        self,
        store: Store,
        now_s: Callable[[], float],
        trusted: Callable[[], bool] = is_synchronised,
    ) -> None:
        self._store, self._now_s, self._trusted = store, now_s, trusted
        self._measured_s = self._compacted_s = self._segments_s = float("-inf")
        self._media: Sizes | None = None
        self._sizes: deque[tuple[float, int]] = deque()
        self._compacting: Iterator[str] = iter(())
        self._is_compacting = False
        self.stored_bytes = self.free_bytes = 0
        self.removed = 0
        """Events that went before their time, for lack of room."""
        self.undelivered = 0
        """Entries that went before all receivers had them, for lack of room."""
        self._delivered = NEWEST
        self._is_exhausted = False

    @property
    def is_busy(self) -> bool:
        """True while it measures or compacts."""
        return bool(self._media and self._media.is_looking) or self._is_compacting

    def step(self, limits: StorageSettings, receivers: Collection[str] = ()) -> None:
        """Remove a little of what has to go; what one of these receivers still needs goes only for lack of room.

        Raises:
            OSError: it cannot be removed.
        """
        index = self._store.index
        if index is None or self._store.trouble:
            return
        boot_s = self._store.boot_s()
        delivered = needed(self._store.folder, self._store.id, receivers)
        self._delivered = NEWEST if delivered is None else delivered
        if boot_s - self._measured_s >= MEASURED_S or (self._media and self._media.is_looking):
            self._measure(limits, boot_s)
        if self._may_age(boot_s):
            self._age_segments(limits, boot_s)
            for kept in (*EVENTS, *OTHERS):
                self._remove(kept, self._now_s() - getattr(limits.keep, kept), limits, self._delivered)
        if self._over(limits):
            self._make_room(limits)
        if boot_s - self._compacted_s >= COMPACTED_S and not self._is_compacting:
            self._compacted_s, self._compacting = boot_s, self._store.compact()
        until_s = time.perf_counter() + COMPACT_S
        self._is_compacting = any(time.perf_counter() >= until_s for _ in self._compacting)

    def full_in_s(self, limits: StorageSettings) -> float | None:
        """Time until the oldest has to go, at the rate of the last day; None if it is not in sight."""
        if not self._sizes or self._sizes[-1][0] - self._sizes[0][0] < FORECAST_S:
            return None
        (since_s, before), (now_s, now) = self._sizes[0], self._sizes[-1]
        rate = (now - before) / (now_s - since_s)
        room = min(limits.max_bytes - now, self.free_bytes - limits.min_free_bytes)
        return max(0.0, room / rate) if rate > 0 else None

    def forecast(self, limits: StorageSettings) -> str:
        """The same in words; empty if it is not in sight."""
        seconds = self.full_in_s(limits)
        if seconds is None:
            return ""
        number, unit = (seconds / 86_400, "day") if seconds >= 86_400 else (seconds / 3600, "hour")
        return f"full in {number:.0f} {unit}{'s'[: round(number) != 1]} at this rate"

    def _may_age(self, boot_s: float) -> bool:
        stepped_s = self._store.stepped_at_s
        return self._trusted() and (stepped_s is None or boot_s - stepped_s > STEP_S)

    def _measure(self, limits: StorageSettings, boot_s: float) -> None:
        """Measure what is free, and, a little at a time, what is stored."""
        place = Path(limits.media) if Path(limits.media).exists() else self._store.folder
        found = os.statvfs(place)
        self.free_bytes = found.f_bavail * found.f_frsize
        if self._media is None or self._media.folder != Path(limits.media):
            self._media = Sizes(Path(limits.media))
        if (total := self._media.look(LOOK_S)) is None:
            return
        self._measured_s = boot_s
        own = [path for path in self._store.folder.iterdir() if path.is_file()]
        own += (self._store.folder / JOURNAL).iterdir()
        self.stored_bytes = total + sum(path.stat().st_size for path in own)
        self._sizes.append((boot_s, self.stored_bytes))
        while boot_s - self._sizes[0][0] > RATE_S:
            self._sizes.popleft()

    def _over(self, limits: StorageSettings) -> bool:
        return self.stored_bytes > limits.max_bytes or self.free_bytes < limits.min_free_bytes

    def _make_room(self, limits: StorageSettings) -> None:
        """Remove the oldest that is not marked: what is recorded all the time, quiet events, alerts, tracks, counts."""
        if self._remove_segments(float("inf"), Path(limits.media)):
            return
        before = self.undelivered
        if self._store.index:
            self._store.index.shrink(PAGES)
        for kept in (*EVENTS, *OTHERS):
            if gone := self._remove(kept, float("inf"), limits, NEWEST):
                if kept in EVENTS:
                    self.removed += gone
                    logger.warning("%d %s had to go before their time: there is too little room", gone, kept)
                else:
                    self._compacted_s = min(self._compacted_s, self._store.boot_s() - COMPACTED_S + MEASURED_S)
                if lost := self.undelivered - before:
                    logger.error("%d messages had to go before all receivers had them: there is too little room", lost)
                self._is_exhausted = False
                return
        if not self._is_exhausted:
            logger.error("there is too little room, and nothing is left that may go: only what is marked to be kept")
        self._is_exhausted = True

    def _age_segments(self, limits: StorageSettings, boot_s: float) -> None:
        """Remove the oldest segments that are older than they are kept; if there are none, look again later."""
        if boot_s < self._segments_s:
            return
        if not self._remove_segments(self._now_s() - limits.keep.continuous, Path(limits.media)):
            self._segments_s = boot_s + SEGMENTS_S

    def _remove_segments(self, until_s: float, folder: Path) -> int:
        """Remove the oldest of what is recorded all the time and ends before a time; return the bytes freed."""
        ranges = self._store.index.all_held() if self._store.index else {}

        def is_held(camera: str, since_s: float, end_s: float) -> bool:
            return any(start < end_s and since_s < end for start, end in ranges.get(camera, ()))

        freed = segments.remove_oldest(folder, until_s, BITE, is_held)
        self.stored_bytes, self.free_bytes = self.stored_bytes - freed, self.free_bytes + freed
        return freed

    def _remove(self, kept: str, until_s: float, limits: StorageSettings, upto: int) -> int:
        """Remove the oldest of a class that happened before a time and not after a position; return their number."""
        index = self._store.index
        if index is None:
            return 0
        if kept in OTHERS:
            gone = index.aged(kept, until_s, BITE, upto)
            self._drop(gone)
            return len(gone)
        events = index.aged_events(kept, until_s, BITE, upto)
        for event, camera, _ in events:
            freed = sum(media.remove(one, camera, event) for one in media.folders(limits))
            self.stored_bytes, self.free_bytes = self.stored_bytes - freed, self.free_bytes + freed
        self._drop([position for event, _, _ in events for position in index.positions(event)])
        return len(events)

    def _drop(self, positions: Sequence[int]) -> None:
        self._store.drop(positions)
        self.undelivered += sum(position > self._delivered for position in positions)
