"""The store: what is added is there once, whatever happens to its files."""

import errno
import json
import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_daemon.messages.published import utc
from edge_daemon.settings import KeepSettings, StorageSettings
from edge_daemon.store import schema, segments
from edge_daemon.store.check import check
from edge_daemon.store.clock import SENSIBLE_S
from edge_daemon.store.cursor import Cursor, CursorFile, DeadLetter
from edge_daemon.store.entry import Entry, seconds_of
from edge_daemon.store.index import FILE, Index
from edge_daemon.store.journal import Journal
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import HeldReader, Query, Reader, StoreAway
from edge_daemon.store.retention import BITE, MEASURED_S, STEP_S, Retention
from edge_daemon.store.schema import MIGRATIONS
from edge_daemon.store.store import JOURNAL, LATER_S, SKIPPED, SOON_S, Store


class Clocks:
    """A wall clock and one that counts from the start of the machine."""

    def __init__(self, wall_s: float = 1_800_000_000.0) -> None:
        self.wall_s, self.boot_s = wall_s, 100.0

    def store(self, folder: Path, boot: str | None = None) -> Store:
        return Store(folder, wall_s=lambda: self.wall_s, boot_s=lambda: self.boot_s, boot=boot)

    def go(self, seconds: float) -> None:
        self.wall_s += seconds
        self.boot_s += seconds


def event(number: int, phase: str = "start", second: int = 0, **more: Any) -> bytes:
    """A phase of an event."""
    message = {
        "v": 1,
        "type": "event",
        "phase": phase,
        "id": f"event-{number}",
        "rule": "visitor",
        "camera": "yard",
        "model": "m",
        "alert": True,
        "at": f"2026-11-28T22:{number % 60:02d}:{second:02d}Z",
        "tracks": [{"tracker_id": number, "class_name": "person"}],
        "facts": [{"type": "entered", "zone": "drive"}],
    }
    return json.dumps(message | more).encode()


def track(number: int, phase: str = "end", into: int | None = None) -> bytes:
    """The end of a track."""
    ids = {"camera": "yard", "model": "m", "epoch": 1, "tracker_id": number, "into": into}
    return json.dumps({"type": "track", "phase": phase, "last_at": "2026-11-28T22:00:00Z", **ids}).encode()


def counts(minute: int) -> bytes:
    """Counts of a minute."""
    times = {"from": f"2026-11-28T22:{minute:02d}:00Z", "to": f"2026-11-28T22:{minute + 1:02d}:00Z", "reset_at": None}
    return json.dumps({"type": "counts", "camera": "yard", "model": "m", **times}).encode()


MAKERS: dict[str, Callable[[int], bytes]] = {"event": event, "track": track, "counts": counts}


def bodies(folder: Path) -> dict[int, bytes]:
    """The messages in the journal, by their positions."""
    journal = Journal(folder / JOURNAL)
    lines = [line for name in journal.files() for line in journal.read(name)]
    return {line.position: line.body for line in lines if isinstance(line, Entry)}


def indexed(folder: Path) -> list[Any]:
    """All rows of the index that are made of entries."""
    with sqlite3.connect(folder / FILE) as db:
        return [
            db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in ("entries", "events", "words")
        ]


def journal_file(folder: Path) -> Path:
    return next((folder / JOURNAL).glob("*.jsonl"))


def test_what_is_added_again_is_there_once(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    assert [entry.position for entry in store.add([event(1), event(1), counts(0), track(7)])] == [1, 2, 3]
    assert store.add([event(1), counts(0), track(7)]) == []
    store.close()
    again = Clocks().store(tmp_path)
    assert again.add([event(1), track(7)]) == []
    assert [entry.position for entry in again.add([event(1, "end", 9)])] == [4]
    again.close()
    assert bodies(tmp_path) == {1: event(1), 2: counts(0), 3: track(7), 4: event(1, "end", 9)}
    assert check(tmp_path).faults == []


def test_what_is_no_event_track_or_counts_is_left_out(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    assert store.add([b"{", b'{"type": "result"}', event(1).replace(b"2026-11", b"when"), b"\xff", event(2)])
    store.close()
    assert list(bodies(tmp_path).values()) == [event(2)]


@example(steps=["event"], cut=1, rubbish=b"")
@given(
    steps=st.lists(st.sampled_from(["event", "end", "track", "counts", "restart", "rebuild", "no index"]), max_size=20),
    cut=st.integers(0, 400),
    rubbish=st.binary(max_size=20),
)
def test_a_torn_journal_loses_its_end_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], cut: int, rubbish: bytes
) -> None:
    folder, clocks = tmp_path_factory.mktemp("store"), Clocks()
    store, made = clocks.store(folder), list[bytes]()
    for number, step in enumerate(steps):
        one = MAKERS.get(step)
        if one or step == "end":
            made.append(one(number) if one else event(0, "end", number))
            assert len(store.add([made[-1]])) == 1
        elif step == "rebuild":
            store.rebuild()
        else:
            store.close()
            if step == "no index":
                (folder / FILE).unlink()
            store = clocks.store(folder)
    position, identity = store.position, store.id
    assert position == len(made)
    store.close()
    file = journal_file(folder)
    whole = file.read_bytes()
    file.write_bytes(whole[: max(0, len(whole) - cut)] + rubbish.replace(b"\n", b""))
    store = clocks.store(folder)  # the index has what the journal has lost
    assert list(bodies(folder).values()) == made
    assert store.add([*made, event(99)])[0].position > position
    store.rebuild()
    assert store.id == identity or not whole[: max(0, len(whole) - cut)].count(b"\n")
    store.close()
    assert check(folder).faults == []


def test_an_index_made_again_is_the_same(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    for number in range(30):
        store.add([event(number), event(number, "end", 9, still="/s"), track(number), counts(number)])
    store.close()
    before = indexed(tmp_path)
    (tmp_path / FILE).unlink()
    Clocks().store(tmp_path).close()
    assert indexed(tmp_path) == before


@pytest.mark.parametrize("damage", [b"not a database" * 1000, b""])
def test_a_damaged_index_is_kept_aside_and_made_again(tmp_path: Path, damage: bytes) -> None:
    store = Clocks().store(tmp_path)
    store.add([event(1), counts(1)])
    store.close()
    (tmp_path / FILE).write_bytes(damage)
    store = Clocks().store(tmp_path)
    assert store.add([event(1), event(2)])[0].position == 3
    assert store.trouble == ""
    store.close()
    assert check(tmp_path).faults == []
    assert len(list(tmp_path.glob("damaged-*"))) == bool(damage)


def test_an_index_that_is_damaged_while_it_is_used_holds_nothing_up(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    for number in range(200):
        store.add([event(number)])
    store.index.close()  # type: ignore[union-attr]
    for path in tmp_path.glob(f"{FILE}*"):
        path.write_bytes(b"rubbish" * 4096)
    assert [entry.position for entry in store.add([event(300)])] == [201]
    assert store.trouble
    store.tick()
    assert store.add([event(300), event(301)])[0].position == 202
    assert store.trouble == ""
    store.close()
    assert check(tmp_path).faults == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Clocks().store(tmp_path)
    store.add([event(1)])
    room, real = 40, os.write

    def write(fd: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(fd, data[:room])
        room -= written
        return written

    monkeypatch.setattr("edge_daemon.store.journal.os.write", write)
    with pytest.raises(OSError, match="No space left"):
        store.add([event(2), event(3)])
    monkeypatch.undo()
    assert journal_file(tmp_path).read_bytes().endswith(b"}\n")
    assert [entry.position for entry in store.add([event(2), event(3)])] == [2, 3]
    store.close()
    assert check(tmp_path).faults == []


def test_events_are_synced_soon_and_counts_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, synced = Clocks(), list[float]()
    monkeypatch.setattr("edge_daemon.store.journal.os.fdatasync", lambda fd: synced.append(clocks.boot_s))
    store = clocks.store(tmp_path)

    def wait(until: Callable[[], bool]) -> float:
        began = clocks.boot_s
        while not until():
            clocks.go(0.25)
            store.tick()
        return clocks.boot_s - began

    wait(lambda: len(synced) == 1)  # the start of the run
    store.add([counts(1)])
    assert wait(lambda: len(synced) == 2) == LATER_S
    store.add([counts(2)])
    store.add([event(1)])
    assert wait(lambda: len(synced) == 3) == SOON_S
    for _ in range(100):  # nothing new: no sync
        clocks.go(1)
        store.tick()
    assert len(synced) == 3
    store.close()


def test_a_clock_that_is_set_moves_what_this_run_has_stored(tmp_path: Path) -> None:
    clocks = Clocks(wall_s=60.0)  # a machine without a clock starts in 1970
    store = clocks.store(tmp_path)
    store.add([event(0, at="1970-01-01T00:01:00Z")])
    clocks.go(10)
    store.tick()
    assert not store.stepped_at_s
    clocks.wall_s += 1_800_000_000
    store.tick()
    assert store.stepped_at_s == pytest.approx(clocks.boot_s)
    store.add([event(1, at="2027-01-15T08:01:20Z"), event(0, "end", at="2027-01-15T08:01:30Z")])
    for _ in range(2):
        first, second = Reader(tmp_path).events(Query(), 10)[::-1]
        assert (first["began_at"], first["ended_at"]) == (
            "2027-01-15T08:01:00.000000Z",
            "2027-01-15T08:01:30.000000Z",
        )
        assert (first["id"], second["at"]) == ("event-0", "2027-01-15T08:01:20Z")
        store.rebuild()
    store.close()


def test_a_clock_that_is_set_moves_earlier_runs_of_the_same_start_of_the_machine_too(tmp_path: Path) -> None:
    clocks = Clocks(wall_s=60.0)
    for number in range(3):
        store = clocks.store(tmp_path)
        store.add([event(number, at=f"1970-01-01T00:0{number + 1}:00Z")])
        clocks.go(60)
        if number == 1:  # while nobody looks, and in the third run
            store.close()
            clocks.wall_s += 86_400
            store = clocks.store(tmp_path)
        store.close()
    store = clocks.store(tmp_path)
    clocks.wall_s += 1_795_903_200 - 86_400
    store.tick()
    for _ in range(2):
        found = {one["id"]: one["began_at"][:16] for one in Reader(tmp_path).events(Query(), 10)}
        assert (found["event-0"], found["event-1"]) == ("2026-11-28T22:01", "2026-11-28T22:02")
        store.rebuild()
    store.close()


def test_a_year_of_clock_troubles_costs_nothing_that_is_young(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The box has no clock of its own, is started again each month, and its clock is set by hours to and fro."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd: None)  # nobody cuts the power
    chance, hour, days, month = random.Random(5), 3600.0, 30, 60
    keep = KeepSettings(alerts=days * 86400, events=days * 86400, tracks=86400, counts=86400)
    limits = StorageSettings(folder=str(tmp_path), media=str(tmp_path / "media"), min_free_bytes=1, keep=keep)
    true_s, clocks, began = 1_795_903_200.0, Clocks(), dict[str, float]()
    store = clocks.store(tmp_path)
    retention = Retention(store, lambda: clocks.wall_s)
    for step in range(365 * 2):  # of twelve hours
        if step % month == 0:
            store.close()
            clocks.wall_s, clocks.boot_s = 60.0, 0.0  # in 1970
            store = clocks.store(tmp_path, boot=f"boot {step}")
            retention = Retention(store, lambda: clocks.wall_s, lambda: clocks.wall_s > SENSIBLE_S)
        elif step % month in (1, month - 1):
            clocks.wall_s = true_s
        elif chance.random() < 0.1:
            clocks.wall_s = true_s + chance.choice([-7, -1, 0, 0, 1, 7]) * hour
        store.tick()
        id = f"number {step}"
        began[id] = true_s
        at: dict[str, Any] = {"at": utc(round(clocks.wall_s * 1e9))}
        store.add([event(step, id=id, **at), event(step, "end", id=id, **at)])
        for _ in range(2):
            true_s += 6 * hour
            clocks.go(6 * hour)
            store.tick()
            retention.step(limits)
        if step % 20 == 0:
            kept = kept_ids(tmp_path)
            young = [id for id, at_s in began.items() if true_s - at_s < days * 86400 - 8 * hour]
            assert [id for id in young if id not in kept] == []
    clocks.wall_s = true_s
    store.tick()
    found = {one["id"]: one["began_at"] for one in Reader(tmp_path).events(Query(), 1000)}
    assert len(found) <= (days + 3) * 2, "what is old has gone"
    assert {id: at for id, at in found.items() if abs(seconds_of(at) - began[id]) > 0.1} == {}
    store.close()
    assert check(tmp_path).faults == []


def test_an_older_index_is_taken_on_to_a_newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Clocks().store(tmp_path)
    store.add([event(1)])
    store.close()
    newer = (*MIGRATIONS, "ALTER TABLE entries ADD COLUMN more TEXT DEFAULT 'x'; UPDATE entries SET more = key")
    index = Index(tmp_path / FILE, newer)
    index.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        assert db.execute("SELECT position, more FROM entries").fetchall() == [
            (1, "event/event-1/start/2026-11-28T22:01:00Z")
        ]
        assert db.execute("PRAGMA user_version").fetchone() == (len(newer),)
    store = Clocks().store(tmp_path)  # a program that does not know that version makes an index of its own
    assert store.add([event(1), event(2)])[0].position == 2
    store.close()
    assert check(tmp_path).faults == []
    broken = (*MIGRATIONS, "ALTER TABLE entries ADD COLUMN more TEXT; nonsense")
    with pytest.raises(sqlite3.Error):
        Index(tmp_path / FILE, broken)
    assert check(tmp_path).faults == []
    assert schema.MIGRATIONS == MIGRATIONS


def test_positions_that_a_power_cut_may_have_taken_are_not_used_again(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    store.add([event(1)])
    store.close()
    store = Store(tmp_path, boot="another start of the machine")
    assert store.add([event(2)])[0].position == 2 + SKIPPED
    store.close()
    assert check(tmp_path).faults == []


def test_a_store_has_one_writer(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    with pytest.raises(BlockingIOError):
        Clocks().store(tmp_path)
    store.close()
    Clocks().store(tmp_path).close()


def test_events_are_found_by_words_and_time_page_by_page(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    for number in range(20):
        cat: dict[str, Any] = {"tracks": [{"tracker_id": number, "class_name": "cat"}]} if number % 5 == 0 else {}
        store.add([event(number, camera="yard" if number % 2 else "gate", **cat)])
    reader = Reader(tmp_path)

    def found(query: Query, **page: int) -> list[int]:
        return [int(one["id"].split("-")[1]) for one in reader.events(query, page.pop("most", 100), **page)]

    assert found(Query(), most=3) == [19, 18, 17]
    assert found(Query(), most=3, before=reader.events(Query(), 3)[-1]["first"]) == [16, 15, 14]
    assert found(Query(["camera:gate", "class:cat"])) == [10, 0]
    assert found(Query(["class:cat"]), before=16) == [10, 5, 0]
    assert found(Query(["zone:drive", "rule:visitor", "camera:yard"], 1795903800.0, 1795904040.0)) == [13, 11]
    assert found(Query(["zone:nowhere"])) == []
    store.add([event(3, "end", 30)])
    assert [one["id"] for one in reader.changed(Query(["camera:yard"]), 18, 10)] == ["event-19", "event-3"]
    assert reader.event("event-3")["ended_at"] == "2026-11-28T22:03:30.000000Z"  # type: ignore[index]
    assert reader.event("nothing") is None
    store.close()


def test_the_tracks_of_an_event_are_followed_to_those_they_go_on_as(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    store.add([event(1), track(1, "rename", 4), track(4), track(5)])
    reader = Reader(tmp_path)
    assert [one["tracker_id"] for one in reader.tracks(reader.event("event-1"))] == [1, 4]  # type: ignore[arg-type]
    store.close()


def test_what_is_removed_leaves_the_journal_too(tmp_path: Path) -> None:
    clocks = Clocks()
    store = clocks.store(tmp_path)
    store.add([event(1), event(1, "end", 9), event(2), counts(1)])
    clocks.go(86400)
    store.add([event(3)])
    store.drop([1, 2])
    assert len(list(store.compact())) == 1
    assert list(store.compact()) == []
    assert bodies(tmp_path) == {3: event(2), 4: counts(1), 5: event(3)}
    assert check(tmp_path).faults == []
    store.drop([3, 4])
    assert len(list(store.compact())) == 1
    assert len(list((tmp_path / JOURNAL).iterdir())) == 1
    store.rebuild()
    assert [one["id"] for one in Reader(tmp_path).events(Query(), 10)] == ["event-3"]
    store.close()
    assert check(tmp_path).faults == []


def test_an_index_of_the_first_version_is_taken_on(tmp_path: Path) -> None:
    store = Clocks().store(tmp_path)
    store.add([event(1), event(2)])
    store.close()
    before = indexed(tmp_path)
    (tmp_path / FILE).unlink()
    index = Index(tmp_path / FILE, MIGRATIONS[:1])
    index.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute(
            "INSERT INTO events (id, kept, camera, first, position, start_s) VALUES ('e', 'alerts', 'yard', 1, 1, 905)"
        )
        db.execute(
            "INSERT INTO files SELECT ?, ?", (journal_file(tmp_path).name, journal_file(tmp_path).stat().st_size)
        )
    Clocks().store(tmp_path).close()
    assert indexed(tmp_path) == before
    assert check(tmp_path).faults == []


def quarters(folder: Path) -> list[Any]:
    with sqlite3.connect(folder / FILE) as db:
        counted = "SELECT camera, CAST(start_s / 900 AS INTEGER) * 900, kept, count(*) FROM events GROUP BY 1, 2, 3"
        found = db.execute("SELECT * FROM quarters WHERE camera <> ''").fetchall()
        assert db.execute(counted).fetchall() == found
        return found


def test_what_is_removed_stays_removed_whatever_happens_to_index_and_journal(tmp_path: Path) -> None:
    clocks = Clocks()
    store = clocks.store(tmp_path)
    store.add([event(1), event(2), track(1)])
    clocks.go(86400)
    store.add([event(3)])
    store.drop([1])
    assert check(tmp_path).faults == []
    assert [row[3] for row in quarters(tmp_path)] == [2]
    store.rebuild()
    assert kept_ids(tmp_path) == ["event-2", "event-3"]
    store.close()
    file = sorted((tmp_path / JOURNAL).iterdir())[-1]
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.index(b'{"gone"')])  # a power cut has taken the removal from the journal
    store = clocks.store(tmp_path)
    assert check(tmp_path).faults == []
    (tmp_path / FILE).unlink()
    store.rebuild()
    assert kept_ids(tmp_path) == ["event-2", "event-3"]
    assert list(store.compact()) == [sorted((tmp_path / JOURNAL).iterdir())[0].name]
    clocks.go(86400)
    store.add([event(4)])
    assert list(store.compact()) == []
    store.close()
    assert check(tmp_path).faults == []


def test_what_is_erased_is_in_no_file(tmp_path: Path) -> None:
    clocks = Clocks()
    store = clocks.store(tmp_path)
    secret = [event(1, because=["unmistakable"]), event(1, "end", 9, because=["unmistakable"])]
    store.add([*secret, event(2)])
    clocks.go(86400)
    store.add([event(3), event(1, "update", 9, because=["unmistakable"])])
    list(store.erase(store.index.positions("event-1")))  # type: ignore[union-attr]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"unmistakable" in path.read_bytes()]
    assert left == []
    position = store.position
    store.close()
    store = clocks.store(tmp_path)
    assert store.position == position
    assert kept_ids(tmp_path) == ["event-2", "event-3"]
    store.close()
    assert check(tmp_path).faults == []


LARGE = "x" * 2000
"""Of a message, so that a file has more than is thinned at once."""


def test_a_file_is_compacted_a_little_at_a_time_while_more_is_removed_and_added(tmp_path: Path) -> None:
    clocks = Clocks()
    store = clocks.store(tmp_path)
    store.add(event(number, because=[LARGE]) for number in range(1, 801))
    store.drop(range(1, 101))
    clocks.go(86400)
    store.add([event(900)])
    compacting = store.compact()
    next(compacting)
    store.drop([110, 790])  # one of them is copied already
    store.add([event(901)])
    assert len(list(compacting)) > 1
    kept = [*(number for number in range(101, 801) if number not in (110, 790)), 900, 901]
    store.rebuild()
    assert set(kept_ids(tmp_path)) == {f"event-{number}" for number in kept}, "what was removed meanwhile stays so"
    assert check(tmp_path).faults == []
    list(store.compact())
    assert len(bodies(tmp_path)) == len(kept)
    store.close()
    assert check(tmp_path).faults == []


def test_what_is_erased_while_its_file_is_compacted_is_in_no_file(tmp_path: Path) -> None:
    clocks = Clocks()
    store = clocks.store(tmp_path)
    store.add(event(number, because=[LARGE, f"secret-{number}"]) for number in range(1, 801))
    store.drop([700])
    clocks.go(86400)
    store.add([event(900)])
    compacting = store.compact()
    next(compacting)
    erasing = store.erase([1])
    next(erasing)
    assert list(compacting) == []
    assert list(store.compact()) == [], "erasing does it"
    list(erasing)
    assert len(list((tmp_path / JOURNAL).iterdir())) == 2
    assert [path for path in tmp_path.rglob("*") if path.is_file() and b'"secret-1"' in path.read_bytes()] == []
    store.close()
    assert check(tmp_path).faults == []


def kept_ids(folder: Path) -> list[str]:
    return [one["id"] for one in Reader(folder).events(Query(), 1000)][::-1]


def test_each_class_is_kept_for_a_time_of_its_own(tmp_path: Path) -> None:
    clocks = Clocks(1795903200.0)
    store, trusted = clocks.store(tmp_path), [False]
    keep = KeepSettings(alerts=3000, events=600, continuous=900, tracks=300, counts=6000)
    limits = StorageSettings(folder=str(tmp_path), media=str(tmp_path / "media"), min_free_bytes=1, keep=keep)
    store.add([one for n in range(4) for one in (event(n), event(n, "end", 5))])
    store.add([one for n in range(4, 8) for one in (event(n, alert=False), event(n, "end", 5, alert=False))])
    store.add([track(1), counts(1), event(8)])  # the last one has not ended
    retention = Retention(store, lambda: clocks.wall_s, lambda: trusted[0])
    clocks.go(900)
    retention.step(limits)
    assert len(kept_ids(tmp_path)) == 9, "the clock may be wrong"
    trusted[0] = True
    retention.step(limits)
    assert kept_ids(tmp_path) == [f"event-{n}" for n in (0, 1, 2, 3, 5, 6, 7, 8)]
    for age_s in (50, 500):
        path = segments.path_of(tmp_path / "media", "yard", clocks.wall_s - age_s, 1, 10.0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    clocks.go(600)
    retention.step(limits)
    assert [one.seconds for one in segments.listed(tmp_path / "media", "yard", 0.0, 2e9)] == [10.0]
    assert kept_ids(tmp_path) == ["event-0", "event-1", "event-2", "event-3", "event-8"]
    assert Reader(tmp_path).entries(0, 100, ("track",)) == []
    assert len(Reader(tmp_path).entries(0, 100, ("counts",))) == 1
    clocks.wall_s += 86400 * 365
    store.tick()
    retention.step(limits)
    assert len(kept_ids(tmp_path)) == 5, "nothing goes by its age just after the clock was set"
    clocks.go(STEP_S + 1)
    retention.step(limits)
    store.close()
    assert check(tmp_path).faults == []


def test_the_oldest_goes_if_there_is_too_much_quiet_events_first(tmp_path: Path) -> None:
    clocks, media = Clocks(1795903200.0), tmp_path / "media"
    store = clocks.store(tmp_path / "store")
    names = [f"01a22455-47d9-7f8a-9e82-{n:012d}" for n in range(3 * BITE)]
    for n, name in enumerate(names):
        more: dict[str, Any] = {"id": name, "alert": n % 3 > 0}
        store.add([event(n // 3, second=n % 3, **more), event(n // 3, "end", 5, **more)])
        path = path_of(media, "yard", name, "clip")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100_000))
    retention = Retention(store, lambda: clocks.wall_s, lambda: False)
    size = 100_000 * 2 * BITE + sum(path.stat().st_size for path in (tmp_path / "store").rglob("*") if path.is_file())
    limits = StorageSettings(folder=str(tmp_path / "store"), media=str(media), max_bytes=size, min_free_bytes=1)
    retention.step(limits)
    assert kept_ids(tmp_path / "store") == [name for n, name in enumerate(names) if n % 3]
    assert retention.removed == BITE
    for number in range(BITE):  # what is recorded all the time goes before all events
        path = segments.path_of(media, "yard", clocks.wall_s + number, 1, 1.0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100_000))
    clocks.go(MEASURED_S)
    retention.step(limits)
    assert segments.listed(media, "yard", 0.0, 2e9) == []
    assert retention.removed == BITE
    smaller = StorageSettings(folder=limits.folder, media=limits.media, max_bytes=size - 1_500_000, min_free_bytes=1)
    retention.step(smaller)
    assert kept_ids(tmp_path / "store") == [name for n, name in enumerate(names) if n % 3][BITE:]
    assert len(list(media.rglob("*.mp4"))) == BITE
    retention.step(smaller)
    assert retention.removed == 2 * BITE
    store.close()


def test_what_a_receiver_still_needs_goes_for_lack_of_room_alone(tmp_path: Path) -> None:
    clocks = Clocks()
    store = clocks.store(tmp_path / "store")
    for number in range(3):
        store.add([event(number), event(number, "end", 30)])
    cursor = CursorFile(store.folder, "phone")
    cursor.write(Cursor(store=store.id, position=2))
    limits = StorageSettings(folder=str(tmp_path / "store"), media=str(tmp_path), keep=KeepSettings(alerts=1.0))
    retention = Retention(store, lambda: clocks.wall_s + 1e9, lambda: True)
    retention.step(limits, ["phone"])
    assert [one["id"] for one in Reader(store.folder).events(Query(), 9)] == ["event-2", "event-1"]
    cursor.write(Cursor(store=store.id, position=4))
    retention.step(limits, ["phone", "another"])
    assert [one["id"] for one in Reader(store.folder).events(Query(), 9)] == ["event-2"]
    assert retention.undelivered == 0
    clocks.go(100.0)
    retention.step(StorageSettings(folder=str(tmp_path / "store"), media=str(tmp_path), max_bytes=1), ["phone"])
    assert not Reader(store.folder).events(Query(), 9)
    assert retention.undelivered == 2
    store.close()


def test_dead_letters_are_kept_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_daemon.store.cursor.MOST_DEAD", 4)
    file = CursorFile(tmp_path, "phone")
    for number in range(7):
        file.bury(DeadLetter(at="", id=str(number), why="answers 422"))
    assert [letter.id for letter in file.dead()] == ["4", "5", "6"]
    with (tmp_path / "deliver/phone.dead.jsonl").open("ab") as torn:
        torn.write(b'{"at":')
    file.forget("5")
    assert [letter.id for letter in file.dead()] == ["4", "6"]


def test_an_index_that_is_held_open_is_followed_wherever_it_goes(tmp_path: Path) -> None:
    reader = HeldReader(tmp_path)
    with pytest.raises(StoreAway):
        reader.position()
    store = Store(tmp_path)
    store.add([event(1), counts(0), event(2)])
    assert reader.following(0, 1, ["event"]) == ([(1, event(1))], 3)
    store.add([event(3)])
    assert reader.following(1, 9, ["event"]) == ([(3, event(2)), (4, event(3))], 4)
    store.rebuild()
    store.add([event(4)])
    assert reader.following(4, 9, ["event", "counts"]) == ([(5, event(4))], 5)
    store.close()
    (tmp_path / FILE).unlink()
    with pytest.raises(StoreAway):
        reader.position()
    reader.close()
