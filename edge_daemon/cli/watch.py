"""Commands that subscribe to a running daemon: `tail` and `snapshot`."""

import sys
import time
from pathlib import Path

import msgspec
import zmq

from edge_daemon.cli.audit import Audit
from edge_daemon.cli.sentences import on_terminal
from edge_daemon.cli.target import Target
from edge_daemon.client import AnnotatedFrame, Message, Subscriber
from edge_daemon.config.problems import unknown
from edge_daemon.errors import EdgeError, RequestError
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import Status
from edge_daemon.messages.topics import RESULT, STATUS, TOPICS
from edge_daemon.transport import zeromq
from edge_daemon.transport.curve import client_keys

QUIET_MS = 3000


def tail(target: Target, cameras: list[str], count: int | None, topic: str = RESULT.name) -> None:
    """Print the JSON of each message of a topic on arrival, `count` of them or until interrupted.

    Raises:
        RequestError: there is no such topic or camera, or the address is invalid.
    """
    if topic not in TOPICS:
        raise RequestError(unknown("topic", topic, TOPICS))
    keys = client_keys(target.server_key, target.secret_key)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with zeromq.subscriber(context, target.address, hwm=1000, keys=keys) as socket:
            for prefix in TOPICS[topic].prefixes(cameras):
                socket.subscribe(prefix)
            _print_all(socket, target, count, cameras if TOPICS[topic].of_cameras else [])
    except zmq.ZMQError as error:
        raise RequestError(f"cannot subscribe at {target.address}: {error.strerror}") from error
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.close()  # suppresses the interpreter's message about the closed pipe
    finally:
        context.destroy(0)


def _print_all(socket: zmq.Socket[bytes], target: Target, count: int | None, cameras: list[str]) -> None:
    """Print messages. The status, too, is received until it has confirmed that there are these cameras."""
    unconfirmed = bool(cameras)
    if unconfirmed:
        socket.subscribe(STATUS.prefix())
    if not socket.poll(QUIET_MS):
        print(f"No message from {target.address} yet. {target.hint}", file=sys.stderr)
    printed = 0
    while count is None or printed < count:
        prefix, body, *_ = socket.recv_multipart()
        if unconfirmed and prefix == STATUS.prefix():
            check_names(cameras, msgspec.json.decode(body, type=Status))
            unconfirmed = False
            socket.unsubscribe(STATUS.prefix())
        elif not cameras or prefix != STATUS.prefix():
            sys.stdout.buffer.write((on_terminal(body) if sys.stdout.isatty() else body) + b"\n")
            sys.stdout.buffer.flush()
            printed += 1


def check_names(cameras: list[str], status: Status) -> None:
    """Check that a daemon with this status has these cameras.

    Raises:
        RequestError: it does not have one of them.
    """
    for camera in cameras:
        if camera not in status.cameras:
            raise RequestError(unknown("camera", camera, status.cameras))


def verify(target: Target, cameras: list[str], count: int | None) -> None:
    """Check published messages until `count` results were right, one is wrong, or interrupted.

    Raises:
        EdgeError: the first error, or there is no such camera.
    """
    audit = Audit(cameras or None)
    try:
        with target.subscriber(cameras=cameras or None, status=True) as messages:
            for message in messages:
                if isinstance(message, Status):
                    check_names(cameras, message)
                if isinstance(message, Result | End | Status) and (wrong := audit.contradiction(message)):
                    raise EdgeError(f"{wrong} (unless messages were lost on the way)")
                if count is not None and audit.results >= count and isinstance(message, Status):
                    break
    except KeyboardInterrupt:
        print(file=sys.stderr)
    print(f"{audit.results} results and {audit.statuses} statuses: all frames are accounted for", file=sys.stderr)


def snapshot(file: Path, camera: str | None, target: Target, timeout_s: float) -> None:
    """Save the next annotated frame.

    Raises:
        RequestError: there is no such camera, or no frame arrived in time.
        PictureError: the file cannot be written.
    """
    from edge_daemon.imaging.colour import rgb_to_bgr
    from edge_daemon.imaging.files import format_of, save_bgr

    format_of(file)
    cameras = [camera] if camera else []
    state = ""
    deadline = time.monotonic() + timeout_s
    with target.subscriber(
        cameras=cameras or None, results=False, frames=True, status=True, timeout_s=timeout_s
    ) as subscriber:
        while not isinstance(frame := _received(subscriber), AnnotatedFrame):
            if isinstance(frame, Status):
                check_names(cameras, frame)
                state = f"camera {camera} is {frame.cameras[camera].state}. " if camera else ""
            if frame is None or time.monotonic() > deadline:
                wanted = f"camera {camera}" if camera else "any camera"
                raise RequestError(
                    f"no frame of {wanted} from {target.address} within {timeout_s:g} s. {state or target.hint}"
                )
    save_bgr(rgb_to_bgr(frame.rgb), file)
    result = frame.result
    print(f"{file}: {result.camera}, frame {result.seq}, {len(result.detections)} detections")


def _received(subscriber: Subscriber) -> Message | None:
    try:
        return subscriber.receive()
    except TimeoutError:
        return None
