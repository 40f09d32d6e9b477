"""Many people at once beside live cameras: what they get of the workers, and what the cameras keep.

    python -m benchmarks.sharing MODEL PICTURE [--clients 32] [--seconds 60]

Two workers. First they are fed by a folder of pictures alone (lossless, JPEG), then by clients, each of whom posts a
picture of a size of its own, while two cameras run live at 5 fps: pictures and camera frames a second, as a ratio to
what the same workers did before; wrong answers; and of the cameras fps, latency and drops.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import httpx

from benchmarks.web import WORKERS, Service, daemon

FPS = 5
CAMERAS = "{one: {source: 'scene:?fps=5&size=640x360'}, two: {source: 'scene:?fps=5&size=640x360&seed=2'}}"
FILES = 100


def fed_by_files(model: str, picture: Path, folder: Path, seconds: float) -> float:
    """Pictures a second."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(FILES):
        (pictures / f"{number:05}.jpg").hardlink_to(_copied(picture, folder))
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        results = folder / "results.jsonl"
        config = folder / "files.yaml"
        config.write_text(
            f"cameras: {{f: {{source: '{pictures}'}}}}\nmodels: {{m: {{path: '{model}', workers: {WORKERS}}}}}\n"
            f"publish: {{bind: ['ipc://{folder}/p']}}\n"
        )
        command = [sys.executable, "-m", "edge_daemon", "run", str(config), "--results", str(results)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        done = [json.loads(line) for line in results.read_text().splitlines()]
        captured = [_at(one) for one in done if one["type"] == "result"]
        took.append((captured[-1] - captured[WORKERS * 2]) / (len(captured) - 1 - WORKERS * 2))
    return 1 / sorted(took)[len(took) // 2]


def _at(result: dict[str, object]) -> float:
    """When it was captured: with a window of frames in flight, as often as they are done."""
    return datetime.fromisoformat(str(result["captured_at"])).timestamp()


def _copied(picture: Path, folder: Path) -> Path:
    copy = folder / "picture.jpg"
    if not copy.exists():
        copy.write_bytes(picture.read_bytes())
    return copy


def fed_by_people(service: Service, picture: Path, clients: int, seconds: float) -> tuple[int, int]:
    """Answers, and wrong ones among them."""
    bgr = cv2.imread(str(picture))
    assert bgr is not None
    until = time.monotonic() + seconds

    def client(number: int) -> tuple[int, int]:
        height, width = bgr.shape[0] - number, bgr.shape[1] - number
        data = cv2.imencode(".jpg", bgr[:height, :width])[1].tobytes()
        count = wrong = 0
        with httpx.Client(base_url=service.url, timeout=60) as http:
            while time.monotonic() < until:
                body = service.ask(http, data).json()
                count += 1
                wrong += (body["width"], body["height"]) != (width, height)
        return count, wrong

    with ThreadPoolExecutor(clients) as people:
        done = list(people.map(client, range(clients)))
    return sum(count for count, _ in done), sum(wrong for _, wrong in done)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    model = str(Path(arguments.model).absolute())
    with tempfile.TemporaryDirectory(prefix="s") as temporary:
        folder = Path(temporary)
        files = fed_by_files(model, arguments.picture, folder, arguments.seconds / 2)
        print(f"fed by files: {files:.1f} a second")
        with daemon(model, temporary, cameras=CAMERAS) as service:
            before = _cameras(service)
            count, wrong = fed_by_people(service, arguments.picture, arguments.clients, arguments.seconds)
            after = _cameras(service)
        pictures = count / arguments.seconds
        frames = sum(after[name]["delivered"] - before[name]["delivered"] for name in after) / arguments.seconds
        print(
            f"fed by people: {pictures:.1f} pictures and {frames:.1f} camera frames a second, {wrong} of {count} wrong"
        )
        print(f"ratio: {(pictures + frames) / files:.2f}")
        for name, counts in after.items():
            fps = (counts["delivered"] - before[name]["delivered"]) / arguments.seconds
            print(f"camera {name}: {fps:.2f} of {FPS} fps, latency {counts['latency_ms']}, dropped {counts['dropped']}")


def _cameras(service: Service) -> dict[str, dict[str, Any]]:
    status = httpx.get(service.url + "/api/status").json()
    return {name: camera["models"]["m"] for name, camera in status["cameras"].items()}


if __name__ == "__main__":
    main()
