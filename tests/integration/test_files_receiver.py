"""Lines in files, and copies of stills and clips in a folder."""

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_daemon.bridge import drive, folder
from edge_daemon.bridge.bridge import Bridge
from edge_daemon.bridge.rotation import RotatingFile
from edge_daemon.delivery import retry
from edge_daemon.delivery.settings import FilesSettings, FolderSettings
from edge_daemon.store.media import path_of
from tests.brokers import run
from tests.integration.test_bridge import Site, until
from tests.unit.test_store import counts, event

ID = "0193715e-8f5a-7c3e-9d2b-6c1f0a7b2e{:02x}"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(retry, "FIRST_S", 0.02)
    monkeypatch.setattr(retry, "LONGEST_S", 0.1)


def files(path: Path, size: int = 1_000_000, keep: int = 3, age_s: float | None = None) -> FilesSettings:
    return FilesSettings(path=str(path), size_bytes=size, keep=keep, age_s=age_s)


def lines(*paths: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def test_lines_are_there_once_after_a_bridge_was_killed_in_the_middle_of_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "events.jsonl"
        here = Site(tmp_path, files(path), send=("events", "counts"))
        here.add(event(1), counts(1), event(2))
        async with here.running() as bridge:
            await until(lambda: bridge.report().delivered == 3)
        assert path.read_bytes().splitlines() == [event(1), counts(1), event(2)]
        assert path.stat().st_mode & 0o777 == 0o640
        cursor = here.cursor.read()
        assert cursor
        here.cursor.write(msgspec.structs.replace(cursor, position=1))
        with path.open("ab") as file:
            file.write(event(3)[:20])
        here.add(event(3))
        async with here.running() as bridge:
            await until(lambda: bridge.report().delivered == 3)
            path.rename(tmp_path / "taken.jsonl")
            here.add(event(4))
            await until(lambda: bridge.report().delivered == 4, bridge)
        assert (tmp_path / "taken.jsonl").read_bytes().splitlines() == [event(1), counts(1), event(2), event(3)]
        assert path.read_bytes() == event(4) + b"\n"
        here.store.close()

    run(scenario())


def test_a_full_file_makes_room_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "edge.events.jsonl"
    (tmp_path / "edge.events-mine.jsonl").write_text("not to be removed")
    file = RotatingFile(files(path, size=3 * len(event(1)), keep=2))
    for number in range(1, 20):
        file.write([event(number)], sync=False)
    older = file.older()
    assert len(older) == 2
    assert [one["id"] for one in lines(*older, path)] == [f"event-{number}" for number in range(13, 20)]
    assert (tmp_path / "edge.events-mine.jsonl").exists()


def test_a_new_day_has_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    file = RotatingFile(files(path, age_s=86400.0))
    file.write([event(1)], sync=True)
    file.write([event(2)], sync=True)
    assert not file.older()
    yesterday = time.time() - 86400
    os.utime(path, (yesterday, yesterday))
    file.write([event(3)], sync=True)
    assert [one["id"] for one in lines(*file.older())] == ["event-1", "event-2"]
    assert [one["id"] for one in lines(path)] == ["event-3"]


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "drive/events.jsonl"
        here = Site(tmp_path, files(path))
        here.add(event(1))
        async with here.running() as bridge:
            await until(lambda: bridge.report().tries >= 1)
            assert bridge.report().reason == "no such file or directory"
            path.parent.mkdir()
            await until(lambda: bridge.report().delivered == 1)
        here.store.close()

    run(scenario())


def kept(here: Site, number: int, *, alert: bool = True, size: int = 1000) -> bytes:
    """The last message of an event, whose still and clip are there."""
    id = ID.format(number)
    for medium, content in (("still", b"still"), ("clip", bytes([number]) * size)):
        path = path_of(here.folder / "media", "yard", id, medium)  # type: ignore[arg-type]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return event(number, "end", id=id, alert=alert, still="still.jpg", clip="clip.mp4")


def test_stills_and_clips_of_alerts_are_copied_first_and_a_copy_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        target = tmp_path / "nas"
        here = Site(tmp_path, FolderSettings(path=str(target)))
        here.add(kept(here, 1, alert=False), kept(here, 2, size=3 * folder.CHUNK + 5), kept(here, 3))
        async with here.running() as bridge:
            await until(lambda: bridge.report().tries >= 1)
            assert bridge.report().reason == "the folder is not there"
            day = path_of(target, "yard", ID.format(2), "clip").parent
            day.mkdir(parents=True)
            part = day / f".{ID.format(2)}.mp4.part"
            part.write_bytes(b"\x02" * (folder.CHUNK + 1))
            await until(lambda: bridge.report().delivered == 3)
        names = sorted(path.name for path in day.iterdir())
        assert names == sorted(ID.format(number) + end for number in (1, 2, 3) for end in (".jpg", ".json", ".mp4"))
        for path in (tmp_path / "media").rglob("*.mp4"):
            assert (day / path.name).read_bytes() == path.read_bytes()
        order = sorted(
            (day / f"{ID.format(number)}.mp4" for number in (1, 2, 3)), key=lambda one: one.stat().st_ctime_ns
        )
        assert [one.stem for one in order] == [ID.format(2), ID.format(3), ID.format(1)]
        assert json.loads((day / f"{ID.format(3)}.json").read_bytes())["phase"] == "end"
        here.store.close()

    run(scenario())


def test_copies_keep_to_their_rate(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "nas").mkdir()
        here = Site(tmp_path, FolderSettings(path=str(tmp_path / "nas"), rate=1_000_000))
        here.add(kept(here, 1, size=2 * folder.CHUNK), kept(here, 2))
        began = time.monotonic()
        async with here.running() as bridge:
            await until(lambda: bridge.report().delivered == 2)
        assert time.monotonic() - began > 0.5
        here.store.close()

    run(scenario())


def test_a_drive_that_hangs_is_away_and_does_not_hold_up_the_bridge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = RotatingFile.write

    def hang(file: RotatingFile, written: list[bytes], *, sync: bool) -> None:
        while not freed:
            time.sleep(0.01)
        write(file, written, sync=sync)

    async def scenario() -> None:
        here = Site(tmp_path, files(tmp_path / "events.jsonl"))
        here.add(event(1))
        async with here.running() as bridge:
            await until(lambda: bridge.report().tries >= 2)
            assert bridge.report().reason == "the drive does not answer"
            freed.append(1)
            await until(lambda: bridge.report().delivered == 1)
        here.store.close()

    freed = list[int]()
    monkeypatch.setattr(drive, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(RotatingFile, "write", hang)
    run(scenario())


def test_it_delivers_in_its_hours_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        hours = "03:00-04:00" if time.gmtime().tm_hour > 11 else "20:00-21:00"
        here = Site(tmp_path, files(tmp_path / "events.jsonl"), during=hours)
        here.add(event(1))
        bridge: Bridge
        async with here.running() as bridge:
            await until(lambda: bridge.report().waiting == 1, bridge)
            assert bridge.state == "resting"
            assert bridge.is_idle
        here.settings = msgspec.structs.replace(here.settings, during="00:00-24:00")
        async with here.running() as bridge:
            await until(lambda: bridge.report().delivered == 1)
        here.store.close()

    run(scenario())
