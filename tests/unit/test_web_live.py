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
                live.heard([f"frame/{camera}/".encode(), b"{}", b"jpeg"])
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
