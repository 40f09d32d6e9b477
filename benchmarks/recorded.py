"""What recording adds to the CPU time of a frame.

    python -m benchmarks.recorded --clip street.mp4 --model yolox_nano.onnx [--pairs 15]

Two daemons run at the same time, each with four cameras that play the clip live, in a loop, and are looked at `--fps`
times a second; those of the second are recorded all the time. Each pair is a stretch of time in both, so that what else
the machine does costs both the same. Printed is the CPU time of all processes per delivered frame, and the median of
the ratios with its 95 % interval. After each five pairs both daemons are started again, in the other order.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import zmq

from benchmarks.contenders.gauge import cpu_s
from benchmarks.pairs import PATIENCE_MS, compared

CAMERAS, SETTLE_S, TOGETHER = 4, 8.0, 5


class Daemon:
    """A daemon that runs, of which results and CPU time are counted."""

    def __init__(self, pid: int, subscriber: "zmq.Socket[bytes]") -> None:
        self._pid, self._subscriber = pid, subscriber
        self._began_s = 0.0

    def begin(self) -> None:
        """Begin a stretch of time."""
        self._results()
        self._began_s = cpu_s(psutil.Process(self._pid))

    def end(self) -> tuple[float, int]:
        """CPU time per delivered frame since then in ms, and the number of frames."""
        used_s, frames = cpu_s(psutil.Process(self._pid)) - self._began_s, self._results()
        return 1e3 * used_s / max(1, frames), frames

    def _results(self) -> int:
        frames = 0
        while self._subscriber.poll(0):
            frames += json.loads(self._subscriber.recv_multipart()[1])["type"] == "result"
        return frames


@contextmanager
def running(clip: Path, model: Path, fps: float, more: dict[str, Any]) -> Iterator[Daemon]:
    """Run a daemon."""
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        address = f"ipc://{folder}/publish"
        camera = {"source": str(clip), "loop": True, "delivery": "live", "fps": fps}
        cameras = {f"c{number}": camera for number in range(CAMERAS)}
        models = {"m": {"path": str(model)}}
        config = {
            "cameras": cameras,
            "models": models,
            "publish": {"bind": [address]},
            "web": {"enabled": False},
            **more,
        }
        (Path(folder) / "config.yaml").write_text(json.dumps(config))
        subscriber.linger, subscriber.rcvhwm, subscriber.rcvtimeo = 0, 0, PATIENCE_MS
        subscriber.connect(address)
        subscriber.subscribe("result/")
        command = [sys.executable, "-m", "edge_daemon", "run", f"{folder}/config.yaml"]
        state = {"XDG_STATE_HOME": f"{folder}/state", "PATH": "/usr/bin:/bin"}
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=state)
        try:
            subscriber.recv_multipart()
            yield Daemon(process.pid, subscriber)
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    """Run the pairs and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--fps", type=float, default=2)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    clip, model = asked.clip.resolve(), asked.model.resolve()
    pairs = list[tuple[float, float]]()
    for number in range(0, asked.pairs, TOGETHER):
        with ExitStack() as stack:
            daemons = dict[bool, Daemon]()
            for recorded in (False, True) if number % (2 * TOGETHER) else (True, False):
                more = {"record": {"continuous": True}} if recorded else {}
                daemons[recorded] = stack.enter_context(running(clip, model, asked.fps, more))
            time.sleep(SETTLE_S)
            for _ in range(min(TOGETHER, asked.pairs - number)):
                for daemon in daemons.values():
                    daemon.begin()
                time.sleep(asked.seconds)
                (plain, frames), (recorded_ms, more_frames) = daemons[False].end(), daemons[True].end()
                pairs.append((plain, recorded_ms))
                print(f"{plain:.2f} -> {recorded_ms:.2f} ms a frame, {frames} and {more_frames} frames", flush=True)
    print(f"milliseconds a frame: {compared(pairs)}")


if __name__ == "__main__":
    main()
