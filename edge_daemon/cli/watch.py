"""Commands that subscribe to a running daemon: `tail` and `snapshot`."""

import sys
from pathlib import Path

import zmq

from edge_daemon.cli.audit import Audit
from edge_daemon.cli.door import Door
from edge_daemon.client import AnnotatedFrame
from edge_daemon.errors import EdgeError, RequestError
from edge_daemon.messages.published import End, Result, topic
from edge_daemon.messages.status import Status
from edge_daemon.transport import zeromq
from edge_daemon.transport.curve import client_keys

QUIET_MS = 3000


def tail(door: Door, cameras: list[str], count: int | None) -> None:
    """Print each result's JSON on arrival, `count` of them or until interrupted."""
    keys = client_keys(door.server_key, door.secret_key)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with zeromq.subscriber(context, door.address, hwm=1000, keys=keys) as socket:
            for prefix in [topic("result", camera) for camera in cameras] or [topic("result")]:
                socket.subscribe(prefix)
            _print_all(socket, door, count)
    except zmq.ZMQError as error:
        raise RequestError(f"cannot subscribe at {door.address}: {error.strerror}") from error
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.close()  # suppresses the interpreter's message about the closed pipe
    finally:
        context.destroy(0)


def _print_all(socket: zmq.Socket[bytes], door: Door, count: int | None) -> None:
    if not socket.poll(QUIET_MS):
        print(f"No message from {door.address} yet. {door.hint}", file=sys.stderr)
    printed = 0
    while count is None or printed < count:
        _, body, *_ = socket.recv_multipart()
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.flush()
        printed += 1


def verify(door: Door, cameras: list[str], count: int | None) -> None:
    """Check published messages until `count` results were right, one is wrong, or interrupted.

    Raises:
        EdgeError: the first error.
    """
    audit = Audit(cameras or None)
    try:
        with door.subscriber(cameras=cameras or None, status=True) as messages:
            for message in messages:
                if isinstance(message, Result | End | Status) and (wrong := audit.contradiction(message)):
                    raise EdgeError(f"{wrong} (unless messages were lost on the way)")
                if count is not None and audit.results >= count and isinstance(message, Status):
                    break
    except KeyboardInterrupt:
        print(file=sys.stderr)
    print(f"{audit.results} results and {audit.statuses} statuses: all frames are accounted for", file=sys.stderr)


def snapshot(file: Path, camera: str | None, door: Door, timeout_s: float) -> None:
    """Save the next annotated frame.

    Raises:
        RequestError: no frame arrived in time.
        PictureError: the file cannot be written.
    """
    from edge_daemon.imaging.colour import rgb_to_bgr
    from edge_daemon.imaging.files import format_of, save_bgr

    format_of(file)
    cameras = [camera] if camera else None
    try:
        with door.subscriber(cameras=cameras, results=False, frames=True, timeout_s=timeout_s) as subscriber:
            frame = subscriber.receive()
    except TimeoutError as error:
        whose = f"camera {camera}" if camera else "any camera"
        raise RequestError(f"no frame of {whose} from {door.address} within {timeout_s:g} s. {door.hint}") from error
    assert isinstance(frame, AnnotatedFrame)
    save_bgr(rgb_to_bgr(frame.rgb), file)
    result = frame.result
    print(f"{file}: {result.camera}, frame {result.seq}, {len(result.detections)} detections")
