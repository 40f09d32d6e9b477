"""Whose plain pictures the web subscribes to, who gets which, and which it keeps."""

import asyncio
from collections.abc import Awaitable, Callable

from edge_daemon.messages.pictures import topic
from edge_daemon.web import plain
from edge_daemon.web.plain import Picture, PictureViewer, PlainPictures


class Topics:
    def __init__(self) -> None:
        self.wanted: list[bytes] = []

    def subscribe(self, topic: bytes, *, wanted: bool) -> None:
        (self.wanted.append if wanted else self.wanted.remove)(topic)


def picture(number: int) -> Picture:
    return Picture(b"%d" % number, b"jpeg")


def run(scenario: Callable[[Topics, PlainPictures], Awaitable[None]]) -> None:
    topics = Topics()
    asyncio.run(_awaited(scenario(topics, PlainPictures(topics))))
    assert topics.wanted == [], "nobody looks any more"


async def _awaited(what: Awaitable[None]) -> None:
    await what


async def seen(viewer: PictureViewer) -> bytes:
    found = await asyncio.wait_for(viewer.next(), 1)
    assert found
    return found.header


def test_a_size_is_subscribed_to_once_for_all_its_viewers() -> None:
    async def scenario(topics: Topics, pictures: PlainPictures) -> None:
        with pictures.viewer() as one, pictures.viewer() as two:
            one.look_at({"a": 320, "b": 640})
            two.look_at({"a": 320})
            assert sorted(topics.wanted) == [topic("a", 320), topic("b", 640)]
            one.look_at({"a": 640})
            assert sorted(topics.wanted) == [topic("a", 320), topic("a", 640)]
            pictures.receive("a", 320, picture(1))
            pictures.receive("a", 640, picture(2))
            assert (await seen(one), await seen(two)) == (b"2", b"1")

    run(scenario)


def test_a_viewer_gets_the_newest_of_each_in_turn_and_at_once_what_is_there() -> None:
    async def scenario(topics: Topics, pictures: PlainPictures) -> None:
        with pictures.viewer() as one, pictures.viewer() as late:
            one.look_at({"a": 320, "b": 320})
            for number in range(5):
                pictures.receive("a", 320, picture(number))
            pictures.receive("b", 320, picture(9))
            assert [await seen(one), await seen(one)] == [b"4", b"9"]
            late.look_at({"b": 320})
            assert await seen(late) == b"9"
            pictures.receive("b", 320, picture(10))
            late.look_at({})
            assert not late.newest

    run(scenario)


def test_one_picture_of_each_camera_is_kept_for_when_it_gives_none() -> None:
    async def scenario(topics: Topics, pictures: PlainPictures) -> None:
        plain.PATIENCE_S = 0.01
        assert await pictures.newest("a", 320) is None
        with pictures.viewer() as one:
            one.look_at({"a": 320, "b": 640})
            one.look_at({"a": 320, "b": 320})
            pictures.receive("a", 320, picture(1))
            assert await pictures.newest("a", 320) == picture(1), "somebody looks: it is new"
        assert await pictures.newest("a", 640) == picture(1), "of another size, since it gives no other"
        asked = asyncio.ensure_future(pictures.newest("a", 320))
        await asyncio.sleep(0)
        pictures.receive("a", 320, picture(2))
        assert await asked == picture(2)
        pictures.receive("a", 320, picture(3))
        assert await pictures.newest("a", 320) == picture(2), "what nobody asks for is not taken in"
        pictures.keep(["b"])
        assert await pictures.newest("a", 320) is None

    run(scenario)


def test_closing_ends_all_viewers() -> None:
    async def scenario(topics: Topics, pictures: PlainPictures) -> None:
        with pictures.viewer() as one:
            reading = asyncio.ensure_future(one.next())
            await asyncio.sleep(0)
            pictures.close()
            assert await reading is None

    run(scenario)
