"""Bytes that nobody of ours would send, for everything that reads bytes from elsewhere.

    python -m tests.hostile [--seconds 600] [--messages 100000]

Gives each function that decodes something random and spoiled bytes for a while, then each socket of a running daemon so
many random messages. Nothing may crash, hang or grow.
"""

import argparse
import os
import random
import resource
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_daemon.capture.jpeg_stream import JpegStream
from edge_daemon.client import _decode as decode_published
from edge_daemon.config.load import loads
from edge_daemon.errors import EdgeError
from edge_daemon.imaging.codecs import decode_bgr, decode_rgb, read_bgr, read_rgb
from edge_daemon.imaging.header import read_header
from edge_daemon.messages.accounting import Acks, Assigned, SinkHello, StartFrom, StreamState, ToSink
from edge_daemon.messages.codec import Decoder, Message, encode
from edge_daemon.messages.findings import Detection, Found, Rle
from edge_daemon.messages.frames import Crop, Frame, Header, Upload
from edge_daemon.messages.outcomes import Outcome, Timing
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Dismissed,
    Release,
    Returned,
    Send,
    SendUpload,
    ToCapture,
    ToDispatcher,
    ToWeb,
    ToWorker,
    UploadDone,
    Welcome,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.sink.checkpoint import Checkpoint
from edge_daemon.transport import zeromq
from edge_daemon.transport.channel import PIECE_BYTES, Channel
from edge_daemon.transport.curve import is_key
from edge_daemon.transport.peer import Peer
from edge_daemon.transport.subscriptions import Subscriptions
from edge_daemon.web.inference import read as read_inference
from edge_daemon.worker.quarantine import read as read_aside
from tests.acceptance.harness import START_S, Daemon, Listener, accounts, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

MOST_S = 2.0
"""No bytes may take longer to be refused; most take microseconds."""
MOST_GROWTH = 64 << 20
MOST_PIXELS = 1_000_000
"""The limit that is set here, instead of the 64 megapixels that a camera may have."""
SIDE = 64

NOBODY: dict[str, Any] = {"camera": "nobody", "epoch": 1, "seq": 3}
CROP = Crop(index=0, xyxy=(1.0, 2.0, 30.0, 40.0), confidence=0.5, class_id=0, class_name="person")
FRAME = Frame(
    **NOBODY,
    captured_ns=1,
    captured_at="2026-01-01T00:00:00Z",
    width=SIDE,
    height=SIDE,
    codec="raw",
    annotate="jpeg",
    share=True,
    truth=[[1.0, 2.0, 3.0, 4.0]],
    crops=[CROP],
)
UPLOAD = Upload(number=3, reply="ipc:///nowhere", captured_ns=1, width=SIDE, height=SIDE, codec="raw", annotate="raw")
STATE = StreamState(camera="nobody", model="m", epoch=1, resolved=3, published=2, gap={"late": 1}, dropped={"late": 1})
DETECTION = Detection(
    xyxy=(1.0, 2.0, 3.0, 4.0),
    confidence=0.5,
    class_id=0,
    class_name="person",
    mask=Rle(size=(SIDE, SIDE), counts="00"),
    keypoints=[(1.0, 2.0, 0.5)],
)
OUTCOME = Outcome(frame=FRAME, model="m", worker="w", found=Found(detections=[DETECTION]), timing_ms=Timing(infer=1.0))
TO_DISPATCHER: list[Message] = [
    CaptureHello(camera="nobody", epoch=1, buffered=[(1, 2, 0, 0)], ended=None),
    Announce(**NOBODY, captured_ns=1, paced=1),
    WorkerHello(worker="w", model="nothing", inbox="ipc:///nowhere"),
    WorkerReady(worker="w", **NOBODY, found=[CROP]),
    UploadDone(worker="w", number=3),
    Acks(streams=[STATE]),
]
TO_CAPTURE: list[Message] = [
    Welcome(epoch=1, next_seq=3),
    Send(model="m", worker="w", inbox="ipc:///nowhere", seq=3, annotate="jpeg", crops=[CROP]),
    Release(epoch=1, seq=3, finished=False),
]
TO_WEB: list[Message] = [
    SendUpload(model="m", worker="w", inbox="ipc:///nowhere", number=3),
    Returned(model="m", number=3),
]
TO_SINK: list[Message] = [
    StartFrom(streams=[STATE]),
    Assigned(camera="nobody", model="m", epoch=1, seq=3, dropped={"replaced": 1}),
]
RESULT = Result(
    **NOBODY,
    model="m",
    captured_at="2026-01-01T00:00:00Z",
    width=SIDE,
    height=SIDE,
    detections=[DETECTION],
    dropped={"late": 1},
    timing_ms=Timing(),
    worker="w",
)
END = End(camera="nobody", model="m", epoch=1, captured=3, delivered=3, dropped={})
YAML = (
    b"cameras: {a: {source: 'rtsp://u:p@h/x', fps: 5, motion: {area: 0.1}}}\nmodels: {m: {path: x.onnx, threads: 2}}\n"
)


PIXELS = b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 3], %b}], "outputs": [{"name": "xyxy"}]}'
INFERENCE = [
    PIXELS % b'"data": [1, 2, 3, 4, 5, 6]',
    PIXELS % b'"parameters": {"binary_data_size": 6}' + b"123456",
]


def pictures() -> list[bytes]:
    """One of each format, and bombs: files of a few bytes that say that they are huge."""
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (SIDE, SIDE, 3), np.uint8))
    made = []
    for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"):
        file = BytesIO()
        with suppress(KeyError, OSError):
            image.save(file, name)
            made.append(file.getvalue())
    jpeg, png = made[0], made[1]
    at = jpeg.index(b"\xff\xc0")
    made.append(jpeg[: at + 5] + struct.pack(">HH", 65500, 65500) + jpeg[at + 9 :])
    made.append(png[:16] + struct.pack(">II", 1 << 30, 1 << 30) + png[24:])
    return made


@dataclass(frozen=True)
class Target:
    """A function that reads bytes, and examples of what it is meant for."""

    read: Callable[[bytes], object]
    examples: list[bytes]


def targets(folder: Path) -> dict[str, Target]:
    """All that read bytes which others may have made."""
    images = pictures()

    def of(kind: Any, messages: list[Message]) -> Target:
        return Target(Decoder(kind), [encode(message) for message in messages])

    def memory(data: bytes) -> None:
        (folder / "memory").write_bytes(data)
        Checkpoint(folder / "memory").close()

    def aside(data: bytes) -> None:
        (folder / "aside.json").write_bytes(data)
        read_aside(folder / "aside.json")

    def mjpeg(data: bytes) -> None:
        parts = JpegStream()
        for start in range(0, len(data), 100):
            list(parts.feed(data[start : start + 100]))

    def listens(data: bytes) -> None:
        subscriptions = Subscriptions()
        subscriptions.receive(data)
        subscriptions.include(b"frame/a/")

    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(images[0]), images[0])
    published = [msgspec.json.encode(RESULT), msgspec.json.encode(END)]
    framed = msgspec.structs.replace(RESULT, type="frame", encoding="jpeg")
    return {
        "to the dispatcher": of(ToDispatcher, [*TO_DISPATCHER, SinkHello(streams=[STATE], watched=["nobody"])]),
        "to a capture": of(ToCapture, TO_CAPTURE),
        "to a worker": of(Header, [FRAME, UPLOAD]),
        "to a worker, from the dispatcher": of(ToWorker, [Dismissed(inbox="i")]),
        "to the sink": of(ToSink, TO_SINK),
        "to the sink, from a worker": of(Outcome, [OUTCOME]),
        "to a subscriber": Target(lambda data: decode_published([b"result/", data]), published),
        "frames to a subscriber": Target(
            lambda data: decode_published([b"frame/", msgspec.json.encode(framed), data]), images
        ),
        "subscriptions": Target(listens, [b"\x01result/", b"\x00frame/a"]),
        "headers of pictures": Target(read_header, images),
        "pictures, as RGB": Target(lambda data: read_rgb(data, MOST_PIXELS), images),
        "pictures, as BGR": Target(lambda data: read_bgr(data, MOST_PIXELS), images),
        "frames in JPEG": Target(lambda data: decode_bgr(data, "jpeg", SIDE, SIDE), images),
        "frames in PNG": Target(lambda data: decode_rgb(data, "png", SIDE, SIDE), images),
        "frames in WebP": Target(lambda data: decode_bgr(data, "webp", SIDE, SIDE), images),
        "bare pixels": Target(lambda data: decode_bgr(data, "raw", SIDE, SIDE), [bytes(SIDE * SIDE * 3)]),
        "MJPEG": Target(mjpeg, [part * 3]),
        "a configuration": Target(lambda data: loads(data.decode("utf-8", "surrogateescape")), [YAML]),
        "a sink's memory": Target(memory, [b"\x10\0\0\0" + bytes(8) + encode(Acks(streams=[STATE]))]),
        "a frame that was set aside": Target(aside, [b'{"v": 1, "reason": "poison", "error": "", "worker": "w"}']),
        "to the web": of(ToWeb, TO_WEB),
        "an inference request": Target(lambda data: read_inference(data, None), INFERENCE),
        "one with binary tensors": Target(lambda data: read_inference(data, len(INFERENCE[1]) - 6), INFERENCE),
        "a key": Target(lambda data: is_key(data.decode("latin-1")), [b"x" * 40]),
    }


def spoiled(examples: list[bytes]) -> st.SearchStrategy[bytes]:
    """Examples with bytes changed, cut out, repeated or put in; and bytes that are nothing at all."""

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        data = bytearray(draw(st.sampled_from(examples)))
        for _ in range(draw(st.integers(1, 6))):
            begin = draw(st.integers(0, len(data)))
            end = min(len(data), begin + draw(st.sampled_from([0, 1, 1, 2, 4, 8, 1 << 20])))
            match draw(st.sampled_from(["cut", "change", "repeat", "insert"])):
                case "cut":
                    del data[begin:end]
                case "change":
                    data[begin:end] = draw(st.binary(max_size=8))
                case "repeat":
                    data[begin:begin] = data[begin:end] * draw(st.integers(1, 3))
                case "insert":
                    data[begin:begin] = draw(st.binary(max_size=12))
        return bytes(data[: 1 << 20])

    return made() | st.binary(max_size=200)


def attack(target: Target, data: bytes) -> None:
    """Whatever it is, it is understood or refused with one of our errors, soon and without much memory."""
    before, began = _peak_bytes(), time.perf_counter()
    with suppress(EdgeError):
        target.read(data)
    took_s, grown = time.perf_counter() - began, _peak_bytes() - before
    assert took_s < MOST_S, f"{took_s:.1f} s"
    assert grown < MOST_GROWTH, f"{grown >> 20} MiB"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# A running daemon


def messages(count: int, seed: int) -> Iterator[list[bytes]]:
    """Messages of one or more parts: noise, what is cut short, of another version, of a sensible kind, or too large."""
    dice = random.Random(seed)
    sensible = [encode(one) for one in (*TO_DISPATCHER, *TO_CAPTURE, *TO_SINK, FRAME, UPLOAD, OUTCOME)]
    for _ in range(count):
        data = bytearray(dice.choice(sensible))
        match dice.randrange(6):
            case 0:
                data = bytearray(dice.randbytes(dice.randrange(300)))
            case 1:
                del data[dice.randrange(len(data)) :]
            case 2:
                data = data.replace(b".1", b".2")
            case 3:
                data[dice.randrange(len(data))] = dice.randrange(256)
            case 4 if dice.random() < 0.001:
                data = bytearray(8 << 20)
            case _:
                pass
        more = [dice.randbytes(dice.choice([0, 1, 100, SIDE * SIDE * 3])) for _ in range(dice.choice([0, 0, 1, 1, 2]))]
        yield [bytes(data), *more]


def bombard(folder: Path, count: int, seed: int = 1) -> dict[str, int]:
    """Send each socket of a live daemon so many messages; how many each process refused. It has to bear them all."""
    model = colour_model(folder / "m.onnx")
    config = f"cameras: {{door: {{source: 'scene:?fps=15&size=160x120'}}}}\nmodels: {{m: {{path: {model}}}}}\n"
    with running(folder, config) as daemon:
        eventually(lambda: len(daemon.lines()) > 5, START_S)
        (private,) = folder.glob("edge-daemon-*")
        before = daemon.processes()
        _send_all(daemon, private, min(count, 2000), seed)  # what is loaded or reserved once
        memory = {title: process.memory_info().rss for title, process in before.items()}
        _send_all(daemon, private, count, seed + 1)
        heard = len(daemon.lines())
        eventually(lambda: len(daemon.lines()) > heard + 20, START_S, what="results afterwards")
        assert {title: process.pid for title, process in daemon.processes().items()} == {
            title: process.pid for title, process in before.items()
        }, "a process crashed"
        grown = {title: process.memory_info().rss - memory[title] for title, process in before.items()}
        assert max(grown.values()) < MOST_GROWTH, grown
        refused = _refused(daemon.address)
        assert daemon.stop() == 0
        accounts(daemon.lines())
        return refused


def _refused(address: str) -> dict[str, int]:
    """How many messages each process has refused, once it is through with them."""
    last: dict[str, int] = {}
    with Listener(address, "status/") as statuses:
        while True:
            status, _ = statuses.receive()
            now = {process["name"]: int(process["rejected"]) for process in status["processes"]}
            if now == last:
                return now
            last = now


def _send_all(daemon: Daemon, private: Path, count: int, seed: int) -> None:
    with zmq.Context() as context:
        for path in sorted(private.iterdir()):
            if path.name == "control":
                _call(path, count // 20, seed)
            elif path.name in ("dispatcher", "sink"):
                _tell(path, messages(count, seed))
            elif path.is_socket() and not path.name.startswith("pictures-"):  # workers only send there
                _bombard(context, zmq.PUSH, f"ipc://{path}", messages(count, seed))
        _send_pictures(context, private, messages(count, seed))
        _bombard(context, zmq.XSUB, daemon.address, messages(count, seed))
    _shout(daemon.address, count // 100, seed)


def _bombard(context: "zmq.Context[zmq.Socket[bytes]]", kind: int, address: str, sent: Iterator[list[bytes]]) -> None:
    with context.socket(kind) as gun:
        gun.linger = 5000
        gun.sndtimeo = 10_000
        gun.connect(address)
        for parts in sent:
            gun.send_multipart(parts)


def _send_pictures(context: "zmq.Context[zmq.Socket[bytes]]", private: Path, sent: Iterator[list[bytes]]) -> None:
    """The sink connects to where a worker that says hello sends pictures."""
    peer = Peer(f"ipc://{private}/sink", f"worker/{os.getpid()}")
    with zeromq.pictures(context, zeromq.of_this_process(f"ipc://{private}/pictures")) as gun:
        gun.linger, gun.sndtimeo = 5000, 10_000
        assert peer.renewed()
        for parts in sent:
            gun.send_multipart(parts)
    peer.close()


def _tell(path: Path, sent: Iterator[list[bytes]]) -> None:
    """The dispatcher takes packets too: whole messages, pieces of some, and lines that end amid one."""
    for lot in batched(sent, 100):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end, suppress(OSError):  # it may hang up on us
            channel = Channel(end)
            channel.connect(path)
            for parts in lot:
                channel.send(parts[0])
            channel.send_piece(lot[0][0][:PIECE_BYTES] or b"x")


def batched(items: Iterator[list[bytes]], size: int) -> Iterator[list[list[bytes]]]:
    """So many at a time, until there are none."""
    while lot := list(islice(items, size)):
        yield lot


def _call(path: Path, count: int, seed: int) -> None:
    """The control socket takes packets."""
    for parts in messages(count, seed):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
            channel.settimeout(START_S)
            with suppress(OSError):
                channel.connect(str(path))
                channel.send(parts[0][:100_000] if parts[0] != b"reload" else b"")


def _shout(address: str, count: int, seed: int) -> None:
    """At a TCP port: what is not ZeroMQ at all."""
    port = int(address.rpartition(":")[2])
    for parts in messages(count, seed):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), START_S) as channel:
            channel.sendall(parts[0])


def fuzz(target: Target, seconds: float) -> int:
    """Attack a function for so long; how many times."""
    tried, until = 0, time.monotonic() + seconds

    @settings(max_examples=2000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(spoiled(target.examples))
    def round_of(data: bytes) -> None:
        nonlocal tried
        tried += 1
        attack(target, data)

    while time.monotonic() < until:
        round_of()
    return tried


def main() -> None:
    """Both, at length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="of bytes, for all functions together")
    parser.add_argument("--messages", type=int, default=100_000, help="for each socket")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="h") as folder:
        found = targets(Path(folder))
        for name, target in found.items():
            tried = fuzz(target, arguments.seconds / len(found))
            print(f"{name}: {tried} times, peak {_peak_bytes() >> 20} MiB", flush=True)
        if arguments.messages:
            began = time.monotonic()
            print(f"refused: {bombard(Path(folder), arguments.messages)}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
