"""What of a frame travels to a worker, and that it is the same picture whichever way it goes."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from edge_daemon.capture.encoding import Encoding
from edge_daemon.capture.moment import Moment
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.window import BufferedFrame, Form
from edge_daemon.imaging.yuv import Yuv
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Crop, Frame, Input, YuvFormat
from edge_daemon.messages.scheduling import Send
from edge_daemon.models.model import Model
from edge_daemon.settings import CaptureSettings, Codec, ModelSettings
from edge_daemon.transport.shared_memory import Mappings
from edge_daemon.worker.job import Job

WIDTH, HEIGHT = 1024, 640
READER = 0
HALF = HEIGHT // 2, WIDTH // 2
RANDOM = np.random.default_rng(1)
PLANES = Yuv(
    RANDOM.integers(16, 235, (HEIGHT, WIDTH), np.uint8),
    RANDOM.integers(16, 240, HALF, np.uint8),
    RANDOM.integers(16, 240, HALF, np.uint8),
    YuvFormat(),
)
CROP = Crop(index=0, xyxy=(0, 0, 9, 9), confidence=0.9, class_id=0, class_name="person")


@cache
def model() -> Model:
    return Model(ModelSettings(name="m", path="builtin:person"))


def wanted() -> Input:
    return Input(width=model().size[1], height=model().size[0])


def encoding(codec: Codec = "auto") -> Encoding:
    return Encoding(CaptureSettings(camera="c", source="x", delivery="lossless", dispatcher="", codec=codec))


def order(**more: object) -> Send:
    usual: dict[str, object] = {"model": "m", "worker": "m-0", "inbox": "ipc://x", "seq": 0, "input": wanted()}
    return Send(**{**usual, **more})  # type: ignore[arg-type]


def buffered(pixels: object = PLANES, jpeg: bytes | None = None) -> BufferedFrame:
    return BufferedFrame(0, Moment(0.0, 0, 0, 0), Picture(0.0, lambda: pixels, jpeg))  # type: ignore[arg-type,return-value]


def enough() -> tuple[int, int]:
    size = model().enough((HEIGHT, WIDTH))
    assert size
    return size[1], size[0]


BGR = PLANES.bgr()


@pytest.mark.parametrize(
    ("codec", "pixels", "more", "form"),
    [
        ("auto", PLANES, {}, ("raw", True, False)),
        ("auto", PLANES, {"annotate": "jpeg"}, ("raw", True, True)),
        ("auto", PLANES, {"deaths": 1}, ("raw", False, True)),
        ("auto", PLANES, {"input": None}, ("raw", False, True)),
        ("auto", PLANES, {"crops": [CROP]}, ("raw", False, True)),
        ("auto", PLANES, {"inbox": "tcp://x"}, ("jpeg", False, True)),
        ("auto", BGR, {}, ("raw", True, False)),
        ("auto", BGR, {"annotate": "jpeg"}, ("raw", False, True)),
        ("png", PLANES, {}, ("png", True, False)),
        ("png", PLANES, {"annotate": "jpeg"}, ("png", False, True)),
        ("jpeg", PLANES, {}, ("jpeg", False, True)),
    ],
)
def test_no_more_is_sent_than_is_wanted(
    codec: Codec, pixels: object, more: dict[str, object], form: tuple[Codec, bool, bool]
) -> None:
    expected = Form(form[0], enough() if form[1] else None, form[2])
    assert encoding(codec).form_of(buffered(pixels), order(**more)) == expected


def seen_by(worker: Mappings, sender: Encoding, *, watched: bool, lends: bool) -> Job:
    """A frame as it comes to a worker, in shared memory or as bytes."""
    one = buffered()
    form = sender.form_of(one, order(annotate="raw" if watched else None))
    made = sender.encoded(one, form)
    assert made.slot
    shared = made.slot.lend(READER)
    frame = Frame(
        camera="c",
        epoch=0,
        seq=0,
        captured_ns=0,
        captured_at="",
        width=WIDTH,
        height=HEIGHT,
        codec=form.codec,
        annotate="raw" if watched else None,
        scaled=form.scaled,
        yuv=made.yuv,
        shared=shared,
    )
    assert (shared.slot is not None) == lends
    data = worker.data(shared)
    job = Job(frame, data if lends else memoryview(bytes(made.data)))
    job.decode(model())
    assert not job.failed
    return job


def test_the_model_and_those_who_watch_see_the_same_whichever_way_it_came() -> None:
    sender, worker = encoding(), Mappings()
    assert sender.pools.reader("m-0") == READER
    expected = PLANES.scaled_bgr(*enough())
    for lends, watched in product((False, True), (False, True)):
        job = seen_by(worker, sender, watched=watched, lends=lends)
        assert job.bgr is not None
        assert np.array_equal(job.bgr, expected)
        picture = job.annotated(Found())
        assert (picture is not None) == watched
        if picture is not None:
            assert picture == PLANES.rgb().data.cast("B")
        assert job.header.shared
        worker.give_back(job.header.shared)
    sender.pools.close()


def test_a_frame_is_made_ready_for_the_next_as_the_last_was_sent() -> None:
    sender = encoding()
    first, second, third = buffered(), buffered(), buffered()
    sender.prepare(first)
    assert not first.encoded, "nobody has asked for anything yet"
    form = sender.form_of(first, order())
    sender.prepare(second)
    assert set(second.encoded) == {form}
    assert sender.encoded(second, form) is second.encoded[form]
    sender.form_of(second, order(deaths=1))
    sender.prepare(third)
    assert not third.encoded, "what is wanted whole is taken as it is"
    sender.pools.close()
