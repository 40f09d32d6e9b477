"""What slow and evil subscribers do to the others.

    python benchmarks/subscribers.py [--rounds 3] [--seconds 10]

Two generated cameras with a light model; one good subscriber measures how old results and annotated frames are when
they come. Beside it, in turn: nobody; one that is stopped (SIGSTOP); one that reads a byte a second; fifty that read
all; and one that subscribes and unsubscribes as fast as it can. The table shows medians over the rounds, and each as a
ratio to nobody.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import zmq

CAMERAS = {f"c{n}": f"scene:?fps=12&size=640x360&seed={n}" for n in (1, 2)}
KINDS = ("nobody", "stopped", "byte a second", "fifty", "storm")
WARM_S = 2.0


def visit(kind: str, address: str) -> None:
    """Be a subscriber of this kind until killed. Runs in a process of its own."""
    context = zmq.Context()
    match kind:
        case "stopped":
            guest = _subscribed(context, address)
            guest.recv_multipart()
            print("here", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
        case "byte a second":
            line = _by_hand(address)
            print("here", flush=True)
            while True:
                line.recv(1)
                time.sleep(1)
        case "fifty":
            poller = zmq.Poller()
            for _ in range(50):
                poller.register(_subscribed(context, address, b"result/"), zmq.POLLIN)
            print("here", flush=True)
            while True:
                for guest, _ in poller.poll():
                    guest.recv_multipart()
        case "storm":
            guest = context.socket(zmq.SUB)
            guest.connect(address)
            print("here", flush=True)
            while True:
                for n in range(100):
                    guest.subscribe(f"frame/c{n}/")
                    guest.subscribe("result/")
                for n in range(100):
                    guest.unsubscribe(f"frame/c{n}/")
                    guest.unsubscribe("result/")
                time.sleep(0.01)


def _subscribed(context: zmq.Context[zmq.Socket[bytes]], address: str, topic: bytes = b"") -> zmq.Socket[bytes]:
    guest = context.socket(zmq.SUB)
    guest.connect(address)
    guest.subscribe(topic)
    return guest


def _by_hand(address: str) -> socket.socket:
    """A subscriber to everything that speaks ZMTP 3 (RFC 23) itself, over a connection that holds little."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    line.connect((host, int(port)))
    line.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes(32))
    ready = b"\x05READY\x0bSocket-Type" + (3).to_bytes(4, "big") + b"SUB"
    line.sendall(bytes([4, len(ready)]) + ready + b"\x00\x01\x01")
    return line


@contextmanager
def guest(kind: str, address: str) -> Iterator[None]:
    """A subscriber of this kind."""
    if kind == "nobody":
        yield
        return
    command = [sys.executable, __file__, "--visit", kind, "--address", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def ages_ms(address: str, seconds: float) -> dict[str, list[float]]:
    """How old results and frames are when they come here."""
    found: dict[str, list[float]] = {"result": [], "frame": []}
    context = zmq.Context()
    with _subscribed(context, address, b"result/") as good:
        good.subscribe(b"frame/")
        begin = time.monotonic() + WARM_S
        while (now := time.monotonic()) < begin + seconds:
            if not good.poll(20_000):
                raise RuntimeError("nothing comes any more")
            topic, header, *_ = good.recv_multipart()
            captured = datetime.fromisoformat(json.loads(header)["captured_at"]).timestamp()
            if now > begin:
                found[topic.split(b"/")[0].decode()].append(1e3 * (time.time() - captured))
    context.destroy(0)
    return found


@contextmanager
def daemon() -> Iterator[str]:
    """A running daemon; its address."""
    with tempfile.TemporaryDirectory(prefix="b") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        free.close()
        cameras = "".join(f"  {name}: {{source: '{source}'}}\n" for name, source in CAMERAS.items())
        config = Path(folder, "config.yaml")
        config.write_text(f"cameras:\n{cameras}models: {{person: {{path: builtin:person}}}}\n")
        command = [sys.executable, "-m", "edge_daemon", "run", str(config), "--publish", address]
        env = os.environ | {"TMPDIR": folder, "XDG_STATE_HOME": folder}
        with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
            try:
                yield address
            finally:
                process.send_signal(signal.SIGTERM)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--visit", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.visit:
        with contextlib.suppress(KeyboardInterrupt):
            visit(arguments.visit, arguments.address)
        return
    measured: dict[tuple[str, str, int], list[float]] = {}
    with daemon() as address:
        ages_ms(address, 1.0)
        for _ in range(arguments.rounds):
            for kind in KINDS:
                with guest(kind, address):
                    for what, ages in ages_ms(address, arguments.seconds).items():
                        for percent in (50, 99):
                            measured.setdefault((kind, what, percent), []).append(float(np.percentile(ages, percent)))
    print(f"{'beside':15}" + "".join(f"{f'{what} p{p}':>18}" for what in ("result", "frame") for p in (50, 99)))
    for kind in KINDS:
        cells = []
        for what in ("result", "frame"):
            for percent in (50, 99):
                value = statistics.median(measured[kind, what, percent])
                cells.append(f"{value:8.1f} ms {value / statistics.median(measured['nobody', what, percent]):5.2f}")
        print(f"{kind:15}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
