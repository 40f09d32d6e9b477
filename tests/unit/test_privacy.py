"""Areas that nobody may see: in whatever form a picture leaves a capture, they are black."""

import io
from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge_daemon.capture.encoding import Encoding
from edge_daemon.capture.jpegs import decoded
from edge_daemon.capture.moment import Moment
from edge_daemon.capture.motion import MotionGate
from edge_daemon.capture.picture import Picture, of_jpeg, ready
from edge_daemon.capture.pictures import encoded
from edge_daemon.capture.window import BufferedFrame
from edge_daemon.imaging.codecs import decode_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.privacy import Mask, mask_of
from edge_daemon.imaging.yuv import Yuv
from edge_daemon.messages.frames import Input, YuvFormat
from edge_daemon.messages.scheduling import Send
from edge_daemon.settings import CaptureSettings, Codec, MotionSettings

WIDTH, HEIGHT = 640, 360
CORNER = [(0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0)]
"""The lower right quarter."""
WHITE = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
JPEG_BLACK = 20
"""Brightest value that a lossy codec makes of black."""
shares = st.floats(0, 1)
triangles = st.lists(st.tuples(shares, shares), min_size=3, max_size=3)
sizes = st.tuples(st.integers(2, 200), st.integers(2, 200))


def planes(width: int, height: int, *, full: bool = False) -> Yuv:
    """A bright picture with colour."""
    half = -(-height // 2), -(-width // 2)
    return Yuv(
        np.full((height, width), 235, np.uint8),
        np.full(half, 90, np.uint8),
        np.full(half, 200, np.uint8),
        YuvFormat(full=full),
    )


@given(triangles, sizes, st.lists(st.tuples(shares, shares), min_size=1, max_size=20), st.booleans())
def test_every_pixel_that_an_area_touches_is_black(
    triangle: list[tuple[float, float]],
    size: tuple[int, int],
    mixes: list[tuple[float, float]],
    full: bool,
) -> None:
    width, height = size
    hidden = Mask([triangle]).hide(planes(width, height, full=full))
    bgr = Mask([triangle]).hide(np.full((height, width, 3), 255, np.uint8))
    assert isinstance(hidden, Yuv)
    assert not isinstance(bgr, Yuv)
    corners = np.array(triangle)
    for one, other in mixes:  # points inside
        x, y = corners.T @ ((1 - one) * (1 - other), one * (1 - other), other)
        column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
        assert not bgr[row, column].any()
        assert hidden.y[row, column] == (0 if full else 16)
        assert (hidden.u[row // 2, column // 2], hidden.v[row // 2, column // 2]) == (128, 128)


@given(triangles, sizes)
def test_what_is_farther_from_it_stays_as_it_is(triangle: list[tuple[float, float]], size: tuple[int, int]) -> None:
    width, height = size
    hidden = Mask([triangle]).hide(np.full((height, width, 3), 255, np.uint8))
    assert not isinstance(hidden, Yuv)
    (left, top), (right, bottom) = np.min(triangle, axis=0) * size, np.max(triangle, axis=0) * size
    rows, columns = np.nonzero(hidden[..., 0] == 0)
    assert all((left - 4 <= columns) & (columns <= right + 4))
    assert all((top - 4 <= rows) & (rows <= bottom + 4))


def test_areas_that_overlap_are_both_hidden_and_the_original_stays() -> None:
    original = WHITE.copy()
    hidden = Mask([CORNER, CORNER]).hide(original)
    assert not isinstance(hidden, Yuv)
    assert not hidden[HEIGHT // 2 :, WIDTH // 2 :].any()
    assert (original == 255).all(), "a decoder may still need it"
    assert mask_of([]) is None


def is_hidden(bgr: Pixels, at_most: int = JPEG_BLACK) -> bool:
    """True if the lower right quarter is black (but for a blurred edge), and the rest is not."""
    height, width = bgr.shape[:2]
    quarter = bgr[height // 2 + 1 :, width // 2 + 1 :]
    return bool(quarter.max() <= at_most and bgr[: height // 2 - 8].min() >= 150)


def sources() -> Iterator[tuple[str, Picture]]:
    """Pictures as each kind of source gives them."""
    jpeg = bytes(cv2.imencode(".jpg", WHITE)[1])
    yield "pixels", Picture(0.0, ready(WHITE))
    yield "planes", Picture(0.0, lambda: planes(WIDTH, HEIGHT, full=True))
    yield "jpeg", Picture(0.0, lambda: decoded(jpeg, (WIDTH, HEIGHT)), jpeg=jpeg)


def outgoing(picture: Picture) -> Iterator[tuple[str, Pixels]]:
    """The picture in every form in which a capture sends it."""
    inboxes: list[str] = ["ipc://x", "tcp://x"]
    codecs: list[Codec] = ["auto", "raw", "jpeg", "png", "webp"]
    wanted = [None, Input(width=160, height=160), Input(width=160, height=90, stretch=True)]
    for codec, inbox, input, annotate in product(codecs, inboxes, wanted, (None, "jpeg")):
        sender = Encoding(CaptureSettings(camera="c", source="x", delivery="live", dispatcher="", codec=codec))
        frame = BufferedFrame(0, Moment(0.0, 0, 0, 0), picture)
        request = Send(model="m", worker="m-0", inbox=inbox, seq=0, input=input, annotate=annotate)  # type: ignore[arg-type]
        form = sender.form_of(frame, request)
        made = sender.encoded(frame, form)
        width, height = form.scaled or picture.size
        title, data = f"{form}", memoryview(made.data).cast("B")
        if made.yuv:
            whole = Yuv.bytes_of(*picture.size)
            yield f"{title} whole", Yuv.of(data[:whole], *picture.size, made.yuv).bgr()
            if form.scaled:
                yield f"{title} scaled", decode_bgr(data[whole:], "raw", width, height)
        else:
            if form.whole:
                width, height = picture.size
            yield title, decode_bgr(data, form.codec, width, height)
        sender.pools.close()
    for size in [(160, 90), (320, 180), picture.size]:
        yield f"plain {size}", decode_bgr(encoded(picture, size, 90), "jpeg", *size)


@pytest.mark.parametrize("kind", [kind for kind, _ in sources()])
def test_it_is_black_in_every_form_in_which_a_frame_leaves_the_capture(kind: str) -> None:
    picture = dict(sources())[kind]
    picture.mask = Mask([CORNER])
    for form, bgr in outgoing(picture):
        assert is_hidden(bgr), f"{kind}: {form}"
    assert picture.grey[picture.grey.shape[0] // 2 + 1 :, picture.grey.shape[1] // 2 + 1 :].max() <= JPEG_BLACK


@pytest.mark.parametrize("kind", [kind for kind, _ in sources()])
def test_another_mask_hides_also_in_frames_that_are_buffered_and_encoded(kind: str) -> None:
    frame = BufferedFrame(0, Moment(0.0, 0, 0, 0), dict(sources())[kind])
    sender = Encoding(CaptureSettings(camera="c", source="x", delivery="live", dispatcher="", codec="png"))
    form = sender.form_of(frame, Send(model="m", worker="m-0", inbox="ipc://x", seq=0))
    before = sender.encoded(frame, form)
    mask = Mask([CORNER])
    frame.hide(mask)
    after = sender.encoded(frame, form)
    assert not is_hidden(decode_bgr(before.data, "png", WIDTH, HEIGHT))
    assert is_hidden(decode_bgr(after.data, "png", WIDTH, HEIGHT))
    frame.hide(mask)
    assert sender.encoded(frame, form) is after, "the same mask costs nothing"


def test_shares_are_those_of_a_picture_that_was_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # its right side is shown at the bottom
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    written = io.BytesIO()
    image.save(written, "JPEG", exif=exif)
    picture = of_jpeg(written.getvalue(), (WIDTH, HEIGHT), 0.0)
    picture.mask = Mask([CORNER])
    assert picture.size == (HEIGHT, WIDTH)
    assert picture.jpeg is None
    assert is_hidden(picture.bgr)


def test_what_moves_in_an_area_does_not_open_the_motion_gate() -> None:
    def of(index: int, mask: Mask | None) -> Picture:
        bgr = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        bgr[260:320, 400 + 10 * index : 440 + 10 * index] = 255
        return Picture(index / 10, ready(bgr), mask=mask)

    gates = [MotionGate(MotionSettings()) for _ in range(2)]
    passed = [
        [gate.admit(of(index, mask), 0) for index in range(10)]
        for gate, mask in zip(gates, (None, Mask([CORNER])), strict=True)
    ]
    assert passed == [[True] * 10, [True] + [False] * 9]
