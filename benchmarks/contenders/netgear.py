"""VidGear's NetGear: one process reads and sends each frame, another detects; frames travel as NetGear likes it."""

import subprocess
import sys
from collections.abc import Iterator

from vidgear.gears import NetGear

from benchmarks.contenders.subject import Subject

PORT = "5656"
REQUEST_REPLY = 1


def results(subject: Subject) -> Iterator[None]:
    """Frames as they come; how old they are is not told."""
    detector = subject.detector()
    receiver = NetGear(port=PORT, pattern=REQUEST_REPLY, receive_mode=True)
    sender = subprocess.Popen([sys.executable, "-m", __name__, *subject])
    while (bgr := receiver.recv()) is not None:
        detector.detect(bgr)
        yield None
    sender.wait()
    receiver.close()


def send(subject: Subject) -> None:
    """Read all frames and send them."""
    sender = NetGear(port=PORT, pattern=REQUEST_REPLY)
    for bgr in subject.frames():
        sender.send(bgr)
    sender.close()


if __name__ == "__main__":
    send(Subject(*sys.argv[1:]))
