"""Marks and erasures: what is kept stays, and what is erased is nowhere."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.errors import EdgeError
from edge_daemon.messages.requests import EraseEvent, EraseRange, KeepRange, MarkEvent, Requester, StoreRequest
from edge_daemon.settings import KeepSettings, StorageSettings
from edge_daemon.store import segments
from edge_daemon.store.check import check
from edge_daemon.store.cursor import CursorFile, DeadLetter
from edge_daemon.store.editing import SETTLED_S, edit
from edge_daemon.store.marks import Hold, held
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import Query, Reader
from edge_daemon.store.retention import Retention
from tests.unit.test_store import Clocks, event, kept_ids, track

BY = Requester(name="ann", role="operator", via="web")
START_S = 1795903200.0  # 2026-11-28T22:00:00Z
IDS = [f"01a22455-47d9-7f8a-9e82-{n:012d}" for n in range(6)]


class Site:
    """A store with an event and its track each minute, the clips of which are files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clocks = folder, Clocks(START_S)
        self.store = self.clocks.store(folder)
        for n, id in enumerate(IDS):
            self.store.add([event(n, id=id), event(n, "end", 30, id=id), self.track(n)])
            for medium in ("clip", "still"):
                path = path_of(folder / "media", "yard", id, medium)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"unmistakable")
        self.clocks.go(3600)

    @staticmethod
    def track(n: int) -> bytes:
        times = {"first_at": f"2026-11-28T22:{n:02d}:00Z", "last_at": f"2026-11-28T22:{n:02d}:30Z"}
        return json.dumps(json.loads(track(n)) | times).encode()

    def edit(self, request: StoreRequest) -> str:
        storage = StorageSettings(folder=str(self.folder), media=str(self.folder / "media"))
        work = edit(self.store, storage, request, self.clocks.wall_s)
        while True:
            try:
                next(work)
            except StopIteration as done:
                return str(done.value)

    def age(self) -> None:
        """Let everything go that is not kept."""
        keep = KeepSettings(alerts=60, events=60, tracks=60, counts=60, continuous=60)
        limits = StorageSettings(folder=str(self.folder), media=str(self.folder / "media"), min_free_bytes=1, keep=keep)
        retention = Retention(self.store, lambda: self.clocks.wall_s, lambda: True)
        retention.step(limits)

    def tracks(self) -> list[int]:
        return [json.loads(body)["tracker_id"] for _, _, body in Reader(self.folder).entries(0, 99, ("track",))]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.store.close()
    assert check(tmp_path).faults == []


def test_what_is_marked_stays_and_goes_when_the_mark_is_taken_back(site: Site) -> None:
    assert site.edit(MarkEvent(by=BY, event=IDS[1], keep=True)) == f"event {IDS[1]} of camera yard is kept"
    site.edit(MarkEvent(by=BY, event=IDS[2], keep=True, wrong=True))
    site.edit(MarkEvent(by=BY, event=IDS[2], keep=False))
    for again in (False, True):
        found = Reader(site.folder).event(IDS[2])
        assert found
        assert (found["keep"], found["wrong"]) == (False, True)
        if not again:
            site.store.rebuild()
    site.age()
    assert kept_ids(site.folder) == [IDS[1]]
    assert site.tracks() == [1], "its track stays with it"
    assert len(list(site.folder.rglob("*.mp4"))) == 1
    site.edit(MarkEvent(by=BY, event=IDS[1], keep=False))
    site.age()
    assert kept_ids(site.folder) == []
    assert site.tracks() == []


def test_a_range_of_time_is_kept_as_far_as_it_is_not_released(site: Site) -> None:
    times: dict[str, Any] = {"since": "2026-11-28T22:01:00Z", "until": "2026-11-28T22:05:00Z"}
    site.edit(KeepRange(by=BY, camera="yard", **times))
    site.edit(KeepRange(by=BY, camera="gate", **times))
    site.edit(KeepRange(by=BY, camera="yard", since="2026-11-28T22:03:00Z", until="2026-11-28T22:04:00Z", keep=False))
    for start_s in (START_S, START_S + 60, START_S + 120, START_S + 180):
        path = segments.path_of(site.folder / "media", "yard", start_s, 1, 59.0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"segment")
    site.store.rebuild()
    site.age()
    assert [one.start_s for one in segments.listed(site.folder / "media", "yard", 0, 2e9)] == [
        START_S + 60,
        START_S + 120,
    ]
    assert kept_ids(site.folder) == [IDS[1], IDS[2], IDS[4]]
    assert site.tracks() == [1, 2, 4]
    late = event(2, second=40, id="01a22455-47d9-7f8a-9e82-000000000099")
    site.store.add([late, event(2, "end", 50, id="01a22455-47d9-7f8a-9e82-000000000099")])
    site.age()
    assert len(kept_ids(site.folder)) == 4, "what comes later into a range is kept too"


def test_an_event_is_erased_with_all_that_belongs_to_it(site: Site) -> None:
    site.edit(MarkEvent(by=BY, event=IDS[3], keep=True))
    file = CursorFile(site.folder, "phone")
    for position in (10, 1):  # of the event, and of another
        file.bury(DeadLetter(at="", id=site.store.cursor(position), why="rejected", message={"id": "unmistakable"}))
    site.edit(EraseEvent(by=BY, event=IDS[3]))
    assert [letter.id for letter in file.dead()] == [site.store.cursor(1)]
    assert IDS[3] not in kept_ids(site.folder)
    assert site.tracks() == [0, 1, 2, 4, 5]
    left = [path for path in site.folder.rglob("*") if path.is_file() and IDS[3].encode() in path.read_bytes()]
    assert left == []
    assert not list(site.folder.rglob(f"{IDS[3]}*"))
    with pytest.raises(EdgeError, match="there is no event"):
        site.edit(EraseEvent(by=BY, event=IDS[3]))


def test_a_range_of_time_of_a_camera_is_erased(site: Site) -> None:
    site.store.add([event(4, id="gate", camera="gate"), event(4, "end", 9, id="gate", camera="gate")])
    site.edit(KeepRange(by=BY, camera="yard", since="2026-11-28T22:00:00Z", until="2026-11-28T23:00:00Z"))
    for start_s in (START_S, START_S + 120, START_S + 240):
        path = segments.path_of(site.folder / "media", "yard", start_s, 1, 60.0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"segment")
    done = site.edit(EraseRange(by=BY, camera="yard", since="2026-11-28T22:02:10Z", until="2026-11-28T22:04:00Z"))
    assert done.startswith("3 events, 3 tracks and 1 recorded segments of camera yard")
    assert [one.start_s for one in segments.listed(site.folder / "media", "yard", 0, 2e9)] == [START_S, START_S + 240]
    assert kept_ids(site.folder) == [IDS[0], IDS[1], "gate", IDS[5]]
    assert site.tracks() == [0, 1, 5]
    site.store.rebuild()
    assert len(kept_ids(site.folder)) == 4


def test_what_goes_on_cannot_be_erased(site: Site) -> None:
    now: dict[str, Any] = {"at": "2026-11-28T23:00:00Z"}
    site.store.add([event(50, **now), event(51, **now), event(51, "end", **now)])
    for id in ("event-50", "event-51"):
        with pytest.raises(EdgeError, match="goes on"):
            site.edit(EraseEvent(by=BY, event=id))
    done = site.edit(EraseRange(by=BY, camera="yard", since="2026-11-28T22:59:00Z", until="2026-11-28T23:01:00Z"))
    assert "2 events that go on" in done
    site.clocks.go(SETTLED_S + 1)
    site.edit(EraseEvent(by=BY, event="event-51"))


@pytest.mark.parametrize(("since", "until"), [("now", "later"), ("2026-11-28T22:00:00Z", "2026-11-28T22:00:00Z")])
def test_times_that_are_none_are_refused(site: Site, since: str, until: str) -> None:
    with pytest.raises(EdgeError):
        site.edit(KeepRange(by=BY, camera="yard", since=since, until=until))
    assert Reader(site.folder).held("yard") == []


def test_a_store_without_an_index_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.store.trouble = "index: disk I/O error"
    with pytest.raises(EdgeError, match="disk I/O error"):
        site.edit(MarkEvent(by=BY, event=IDS[0], keep=True))
    site.store.close()


Range = st.tuples(st.integers(0, 20), st.integers(1, 9), st.booleans())


@given(st.lists(Range, max_size=8))
def test_ranges_that_are_kept_are_those_of_the_last_word(marks: list[tuple[int, int, bool]]) -> None:
    holds = [
        Hold(camera="c", since_s=float(start), until_s=float(start + length), at="", keep=keep)
        for start, length, keep in marks
    ]
    ranges = held(holds)
    expected = dict.fromkeys(range(40), False)
    for start, length, keep in marks:
        expected |= dict.fromkeys(range(start, start + length), keep)
    assert {moment for moment, kept in expected.items() if kept} == {
        moment for moment in expected if any(since <= moment < until for since, until in ranges)
    }
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


def test_words_of_a_text_are_found_in_names(site: Site) -> None:
    reader = Reader(site.folder)
    assert reader.matching("PERS dri") == [["class:person"], ["zone:drive"]]
    (first,), (second,) = reader.matching("PERS dri")
    assert len(reader.events(Query([first, second]), 10)) == len(IDS)
    assert reader.matching("unicorn") == [[]]


def test_a_timeline_counts_by_quarters_and_by_any_step(site: Site) -> None:
    reader = Reader(site.folder)
    site.store.add([event(20, alert=False, camera="gate")])
    hour = reader.timeline([], START_S, START_S + 3600, 3600)
    assert [tuple(one) for one in hour] == [(START_S, "alerts", len(IDS)), (START_S, "events", 1)]
    minutes = reader.timeline(["yard"], START_S, START_S + 3600, 60)
    assert [(one.start_s, one.events) for one in minutes] == [(START_S + 60 * n, 1) for n in range(len(IDS))]
