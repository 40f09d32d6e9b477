"""What recording costs: CPU time and memory of captures, sink and recorder with and without `record`, and all the time.

    python -m benchmarks.recording [--cameras 4] [--seconds 40] [--size 1280x720] [--only continuous,none]

The generated street as an H.264 clip, played in a loop as cameras are, with events one after another, so that packets
are sent all the time; `continuous` and `none` are without events. The runs follow one another.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import av
import psutil

from edge_daemon.demo.scene.scene import Scene
from tests.acceptance.harness import START_S, free_port, running
from tests.waiting import eventually

FPS, CLIP_S = 25, 12
ZONE = "{points: [[0, 0], [1, 0], [1, 1], [0, 1]]}"
WITHOUT_RULES = "continuous", "none"
RULES = "rules: {visitor: {appears: all, cooldown: 1s, per: track}}"


def street(path: Path, width: int, height: int) -> int:
    """Write a clip with B-frames and a key frame every two seconds; return its bits a second."""
    scene = Scene(seed=3, width=width, height=height, people=6)
    with av.open(str(path), "w") as file:
        options = {"x264-params": "bframes=2:keyint=50:scenecut=0", "preset": "veryfast", "b": "4M"}
        stream = file.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 4_000_000
        for index in range(CLIP_S * FPS):
            frame = av.VideoFrame.from_ndarray(scene.frame(index, FPS)[0], "bgr24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return 8 * path.stat().st_size // CLIP_S


def measured(source: Path, cameras: int, seconds: float, record: str, rules: str) -> dict[str, tuple[float, float]]:
    """CPU time as a share of a core in percent, and PSS in MB, of each process."""
    listed = "\n".join(
        f"  c{number}: {{source: '{source}', loop: true, fps: 2, zones: {{all: {ZONE}}}}}" for number in range(cameras)
    )
    model, web = "models: {person: {path: builtin:person}}", f"web: {{listen: '127.0.0.1:{free_port()}'}}"
    config = "\n".join(("cameras:", listed, model, rules, record, web))
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), config) as daemon:
        eventually(lambda: "processes are up" in daemon.log, 3 * START_S)
        time.sleep(8)
        before = {title: _cpu_s(one) for title, one in daemon.processes().items()}
        time.sleep(seconds)
        found = {
            title: (100 * (_cpu_s(one) - before.get(title, 0.0)) / seconds, one.memory_full_info().pss / 1e6)
            for title, one in daemon.processes().items()
        }
        clips = list(Path(folder).rglob("*.mp4"))
        print(f"{record or 'without'}: {len(clips)} clips of {sum(one.stat().st_size for one in clips) / 1e6:.1f} MB")
        daemon.stop()
    return found


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--only", default="off,events,clips,continuous,none", help="runs, in this order")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "street.mp4"
        width, height = map(int, options.size.split("x"))
        print(f"{street(source, width, height) / 1e6:.1f} Mbit/s a camera")
        runs = {
            what: measured(source, options.cameras, options.seconds, record, "" if what in WITHOUT_RULES else RULES)
            for what, record in (
                ("off", "storage: false"),
                ("events", ""),
                ("clips", "record: {before: 3s, after: 3s}"),
                ("continuous", "record: {continuous: true}"),
                ("none", ""),
            )
            if what in options.only.split(",")
        }
    print(
        json.dumps(
            {what: {t: [round(v, 2) for v in of] for t, of in run.items()} for what, run in runs.items()}, indent=1
        )
    )


if __name__ == "__main__":
    main()
