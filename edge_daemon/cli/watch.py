"""Commands that look at a running daemon from outside, as any subscriber can."""

import sys
from pathlib import Path

import zmq

from edge_daemon import sockets
from edge_daemon.client import AnnotatedFrame, Subscriber
from edge_daemon.errors import RequestError
from edge_daemon.settings import Codec
from edge_daemon.wire import topic

QUIET_MS = 3000
FORMATS: dict[str, Codec] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


def tail(address: str, cameras: list[str], count: int | None) -> None:
    """Print each result's JSON as it comes, `count` of them or until interrupted."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with sockets.subscriber(context, address, hwm=1000) as socket:
            for prefix in [topic("result", camera) for camera in cameras] or [topic("result")]:
                socket.subscribe(prefix)
            _print_all(socket, address, count)
    except zmq.ZMQError as error:
        raise RequestError(f"cannot subscribe at {address}: {error.strerror}") from error
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.close()  # spares the interpreter's complaint about a reader who left
    finally:
        context.destroy(0)


def _print_all(socket: zmq.Socket[bytes], address: str, count: int | None) -> None:
    if not socket.poll(QUIET_MS):
        print(f"nothing from {address} yet; is edge-daemon running there?", file=sys.stderr)
    printed = 0
    while count is None or printed < count:
        _, body, *_ = socket.recv_multipart()
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.flush()
        printed += 1


def snapshot(file: Path, camera: str | None, address: str, timeout_s: float) -> None:
    """Save the next annotated frame.

    Raises:
        RequestError: no frame came in time, or the file cannot be written.
    """
    from edge_daemon.imaging.codecs import encode_rgb

    codec = FORMATS.get(file.suffix.lower())
    if codec is None:
        raise RequestError(f"{file}: the ending says the format; choose one of {', '.join(FORMATS)}")
    cameras = [camera] if camera else None
    try:
        with Subscriber(address, cameras=cameras, results=False, frames=True, timeout_s=timeout_s) as subscriber:
            frame = subscriber.receive()
    except TimeoutError as error:
        whose = f"camera {camera}" if camera else "any camera"
        raise RequestError(f"no frame of {whose} from {address} within {timeout_s:g} s") from error
    assert isinstance(frame, AnnotatedFrame)
    try:
        file.write_bytes(encode_rgb(frame.rgb, codec, 95))
    except OSError as error:
        raise RequestError(f"cannot write {file}: {error.strerror}") from error
    result = frame.result
    print(f"{file}: {result.camera}, frame {result.seq}, {len(result.detections)} detections")
