"""Takes the documentation's pictures: `python -m tools.pictures` writes docs/pictures/{page,frame}.jpg.

It runs the daemon on six generated streets with the built-in model, takes an annotated frame as subscribers receive it,
and a screenshot of the live page in Chromium.
"""

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from edge_daemon import AnnotatedFrame, Subscriber
from tests.acceptance.harness import free_port

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
CAMERAS = {"front-door": 3, "yard": 11, "street": 5, "gate": 8, "car-park": 2, "shop": 14}
"""Names and seeds of the scenes."""
WINDOW: ViewportSize = {"width": 1280, "height": 700}
WIDTH = 960
"""Width in pixels of what is saved."""
BROWSER = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
LOOK_S = 12
"""Time until every scene has people in it and every figure is known."""


@contextmanager
def daemon(web: int, publish: int) -> Iterator[None]:
    """Run the daemon on the scenes."""
    cameras = "".join(f"  {name}: {{source: 'scene:?seed={seed}&fps=5'}}\n" for name, seed in CAMERAS.items())
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pictures.yaml"
        config.write_text(
            f"cameras:\n{cameras}models: {{person: {{path: 'builtin:person', workers: 2}}}}\n"
            f"publish: {{bind: ['tcp://127.0.0.1:{publish}']}}\nweb: {{listen: '127.0.0.1:{web}'}}\n"
        )
        process = subprocess.Popen([sys.executable, "-m", "edge_daemon", "run", str(config)])
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def frame(publish: int) -> Image.Image:
    """An annotated frame with at least three people in it."""
    with Subscriber(f"tcp://127.0.0.1:{publish}", frames=True) as messages:
        for message in messages:
            if isinstance(message, AnnotatedFrame) and len(message.result.detections) >= 3:
                return Image.fromarray(message.rgb)
    raise RuntimeError("the daemon ended")


def page(web: int) -> Image.Image:
    """The live page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER.split())
        tab = browser.new_page(viewport=WINDOW, color_scheme="light")
        tab.goto(f"http://127.0.0.1:{web}/")
        tab.wait_for_timeout(LOOK_S * 1000)
        picture = tab.screenshot()
        browser.close()
    return Image.open(io.BytesIO(picture)).convert("RGB")


def save(picture: Image.Image, name: str) -> None:
    """Save a picture, scaled to WIDTH."""
    picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    picture.save(FOLDER / f"{name}.jpg", quality=80, optimize=True)


def main() -> None:
    """Take both pictures."""
    FOLDER.mkdir(exist_ok=True)
    web, publish = free_port(), free_port()
    with daemon(web, publish):
        save(frame(publish), "frame")
        save(page(web), "page")


if __name__ == "__main__":
    main()
