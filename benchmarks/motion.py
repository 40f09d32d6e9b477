"""What the motion gate costs a frame, and what it holds back of a clip.

python benchmarks/motion.py CLIP...
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from edge_daemon.capture.motion import MotionGate
from edge_daemon.capture.picture import Picture
from edge_daemon.settings import MotionSettings


def main() -> None:
    """Print a line for each clip: of its pixels, and of its frames as JPEG bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+")
    cv2.setNumThreads(1)
    print(f"{'':36} {'size':>10} {'passed':>7} {'ms of pixels':>13} {'ms of JPEG':>11}")
    for clip in parser.parse_args().clips:
        capture = cv2.VideoCapture(clip, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
        gates = [MotionGate(MotionSettings()) for _ in range(2)]
        times: list[list[float]] = [[], []]
        shape: tuple[int, ...] = ()
        while (frame := capture.read())[0]:
            bgr = np.asarray(frame[1], np.uint8)
            shape, time_s = bgr.shape, len(times[0]) / fps
            bytes_of = bytes(cv2.imencode(".jpg", bgr)[1])
            pictures = [Picture(time_s, lambda bgr=bgr: bgr), Picture(time_s, lambda bgr=bgr: bgr, jpeg=bytes_of)]  # type: ignore[misc]
            for gate, picture, spent in zip(gates, pictures, times, strict=True):
                began = time.perf_counter()
                gate.admit(picture, 0)
                spent.append(1e3 * (time.perf_counter() - began))
        size = f"{shape[1]}x{shape[0]}" if shape else "none"
        passed = gates[0].passed / max(1, gates[0].seen)
        costs = [float(np.median(spent or [0.0])) for spent in times]
        print(f"{Path(clip).name[:36]:36} {size:>10} {passed:7.0%} {costs[0]:13.2f} {costs[1]:11.2f}")


if __name__ == "__main__":
    main()
