"""Prints every result, and saves the annotated frame beside it: `python example.py [ADDRESS [CAMERA ...]]`."""

import sys
from pathlib import Path

from edge_daemon_client import DEFAULT_ADDRESS, AnnotatedFrame, End, Result, Subscriber

address, cameras = (sys.argv[1:] or [DEFAULT_ADDRESS])[0], sys.argv[2:]
with Subscriber(address, cameras=cameras, frames=True) as messages:
    for message in messages:
        if isinstance(message, Result):
            names = [found.class_name for found in message.detections]
            print(message.camera, message.seq, f"{message.time_s:.2f} s", *names, flush=True)
        elif isinstance(message, AnnotatedFrame):
            Path(f"{message.result.camera}.jpg").write_bytes(message.jpeg)
        elif isinstance(message, End):
            print(message.camera, "has ended:", message.delivered, "results", flush=True)
