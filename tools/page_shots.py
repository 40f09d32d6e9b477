"""Takes pictures of every view of the page: `python -m tools.page_shots [FOLDER]` writes build/shots/.

Five states (all well, some cameras in trouble, all down, the daemon gone, 64 cameras), three widths, light and dark. It
prints what sticks out of the page. To be looked at by people: what a test can hold is in tests/acceptance/test_page.py.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.acceptance.harness import Daemon, clip, free_port, listens, running
from tests.acceptance.test_page import ALONE, sticking_out
from tests.http_camera import HttpCamera, jpeg, serving
from tests.waiting import eventually

WIDTHS, SCHEMES = {1440: 900, 768: 1024, 360: 740}, ("light", "dark")
NAMES = ("front-door", "yard", "street", "gate", "car-park", "shop")
VIEWS = ("#cameras", "#cameras/yard", "#cameras/yard/about", "#events", "#try", "#system", "docs")
START_S = 120.0
SETTLE_MS = 2500


@contextmanager
def daemon(cameras: Mapping[str, str], *, model: str = "builtin:person") -> Iterator[tuple[Daemon, int]]:
    """A daemon of these cameras, and the port of its page."""
    listed = "".join(f"  {name}: {source}\n" for name, source in cameras.items())
    with tempfile.TemporaryDirectory(prefix="ed-") as folder:
        port = free_port()
        config = f"cameras:\n{listed}models: {{person: {{path: '{model}'}}}}\nweb: {{listen: '127.0.0.1:{port}'}}\n"
        with running(Path(folder), config) as process:
            eventually(lambda: "processes are up" in process.log and listens(port), START_S, what="a start")
            yield process, port
            if process.process.poll() is None:
                process.stop()


def scenes(names: Sequence[str], fps: float = 2, size: str = "640x360") -> dict[str, str]:
    """Generated streets by name."""
    return {name: f"{{source: 'scene:?fps={fps:g}&size={size}&seed={seed}'}}" for seed, name in enumerate(names, 3)}


def shoot(browser: Browser, port: int, folder: Path, state: str, views: tuple[str, ...]) -> None:
    """Take pictures of some views in all widths, light and dark."""
    for width, height in WIDTHS.items():
        page = browser.new_page(viewport={"width": width, "height": height})
        for view in views:
            page.goto(f"http://127.0.0.1:{port}/{view}")
            page.wait_for_timeout(SETTLE_MS)
            keep(page, folder, f"{state}-{view.strip('#').replace('/', '-')}-{width}")
        page.close()


def keep(page: Page, folder: Path, name: str) -> None:
    """Keep what a page looks like, light and dark."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_timeout(300)
        page.screenshot(path=folder / f"{name}-{scheme}.png")
    if found := sticking_out(page):
        print(f"{name}: sticks out: {found[:3]}")


def troubled(stack: ExitStack, folder: Path) -> dict[str, str]:
    """Cameras of which one is down, one stalls, one is frozen and one asleep."""
    greys = [jpeg(grey, 640, 360) for grey in (60, 90)]
    stalling = stack.enter_context(serving(HttpCamera(greys, pause_s=0.2, silent_after=30)))
    frozen = stack.enter_context(serving(HttpCamera([jpeg(120, 640, 360)], pause_s=0.2)))
    quiet = clip(folder / "quiet.mp4", 3000, fps=5)
    return scenes(NAMES[:2]) | {
        "lift": "{source: 'rtsp://127.0.0.1:1/stream1'}",
        "stairs": f"{{source: '{stalling.url()}', read_timeout: 300s}}",
        "cellar": f"{{source: '{frozen.url()}'}}",
        "attic": f"{{source: {quiet}, delivery: live, motion: {{}}}}",
    }


def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as files:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ALONE.split())
        with daemon(scenes(NAMES)) as (process, port):
            shoot(browser, port, folder, "well", VIEWS)
            pages = [browser.new_page(viewport={"width": width, "height": high}) for width, high in WIDTHS.items()]
            for page in pages:
                page.goto(f"http://127.0.0.1:{port}/#cameras")
                page.wait_for_timeout(SETTLE_MS)
            process.stop()
            for page, width in zip(pages, WIDTHS, strict=True):
                page.wait_for_timeout(SETTLE_MS)
                keep(page, folder, f"dead-cameras-{width}")
                page.close()
        with ExitStack() as stack, daemon(troubled(stack, Path(files))) as (_, port):
            browser.new_page().wait_for_timeout(15_000)  # until a picture that stays the same is suspicious
            views = ("#cameras", "#cameras/lift", "#cameras/stairs", "#cameras/cellar", "#cameras/attic", "#system")
            shoot(browser, port, folder, "trouble", views)
        gone = {name: f"{{source: 'rtsp://127.0.0.1:{n}/s'}}" for n, name in enumerate(NAMES, 1)}
        with daemon(gone) as (_, port):
            shoot(browser, port, folder, "down", ("#cameras", "#cameras/yard", "#system"))
        with daemon(scenes([f"camera-{n:02}" for n in range(64)], 0.5, "320x180")) as (_, port):
            shoot(browser, port, folder, "many", ("#cameras", "#cameras/camera-07", "#system"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/shots"))
