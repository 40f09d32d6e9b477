"""imagezmq: one process reads and sends each frame, another answers, then detects."""

import subprocess
import sys
import time
from collections.abc import Iterator

import cv2
import imagezmq
import numpy as np

from benchmarks.contenders.subject import Subject

PORT = 5655
END = "end"


def raw(subject: Subject) -> Iterator[float]:
    """Frames as bare pixels."""
    hub = imagezmq.ImageHub(f"tcp://127.0.0.1:{PORT}")
    yield from _received(subject, "raw", hub, hub.recv_image, lambda bgr: bgr)


def jpeg(subject: Subject) -> Iterator[float]:
    """Frames as JPEG, as its documentation advises."""
    hub = imagezmq.ImageHub(f"tcp://127.0.0.1:{PORT}")
    yield from _received(
        subject, "jpeg", hub, hub.recv_jpg, lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    )


def _received(subject, kind, hub, receive, decode):  # type: ignore[no-untyped-def]  # it has no types either
    detector = subject.detector()
    sender = subprocess.Popen([sys.executable, "-m", __name__, kind, *subject])
    while (told := receive())[0] != END:
        hub.send_reply(b"OK")
        detector.detect(decode(told[1]))
        yield 1e3 * (time.monotonic() - float(told[0]))
    hub.send_reply(b"OK")
    sender.wait()


def send(kind: str, subject: Subject) -> None:
    """Read all frames and send them, each with the time when it was read."""
    sender = imagezmq.ImageSender(connect_to=f"tcp://127.0.0.1:{PORT}")
    for bgr in subject.frames():
        at = str(time.monotonic())
        if kind == "raw":
            sender.send_image(at, bgr)
        else:
            sender.send_jpg(at, cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
    last = np.zeros((8, 8, 3), np.uint8)
    if kind == "raw":
        sender.send_image(END, last)
    else:
        sender.send_jpg(END, cv2.imencode(".jpg", last)[1])


if __name__ == "__main__":
    send(sys.argv[1], Subject(*sys.argv[2:]))
