"""What people who look at the page get, however slow they are."""

import asyncio
from collections import Counter

from edge_daemon.web.live import Live


class Topics:
    """Which topics are wanted."""

    def __init__(self) -> None:
        self.wanted: set[bytes] = set()

    def subscribe(self, topic: bytes, *, wanted: bool) -> None:
        (self.wanted.add if wanted else self.wanted.discard)(topic)


def test_whoever_is_slower_than_the_cameras_sees_all_of_them() -> None:
    async def look() -> Counter[str]:
        topics, cameras = Topics(), ["a", "b", "c"]
        live = Live(topics, asyncio.get_running_loop(), cameras)

        async def show(*cameras: str) -> None:
            for camera in cameras:
                live.receive([f"frame/{camera}/".encode(), b"{}", b"jpeg"])
            await asyncio.sleep(0)

        frames, seen = live.frames(cameras), Counter[str]()
        asking = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0)
        assert topics.wanted == {b"frame/a/", b"frame/b/", b"frame/c/"}
        await show(*cameras)
        for _ in range(12):
            camera, _ = await asking
            seen[camera] += 1
            await show("c", camera)  # while this one was on its way
            asking = asyncio.ensure_future(anext(frames))
        await asking
        await frames.aclose()
        assert topics.wanted == set()
        return seen

    seen = asyncio.run(look())
    assert min(seen[camera] for camera in "abc") >= 3, seen


def test_only_topics_that_are_streamed_become_entries() -> None:
    async def look() -> list[tuple[int, str, str]]:
        live, observed = Live(Topics(), asyncio.get_running_loop(), ["a"]), list[bytes]()
        live.observe(observed.append)
        for topic in ("frame/a/", "result/a/", "unknown/a/", "result/a/"):
            live.receive([topic.encode(), b'{"camera": "a", "model": "m", "type": "result"}'])
        await asyncio.sleep(0)
        assert len(observed) == 2
        entries = live.results(after=0)
        return [(entry.number, entry.topic, entry.camera) for entry in (await anext(entries), await anext(entries))]

    assert asyncio.run(look()) == [(1, "result", "a"), (2, "result", "a")]
