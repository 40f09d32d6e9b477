"""The page in a real browser. What it looks like is kept in build/screenshots."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, clip, free_port, running
from tests.components import require_component
from tests.conftest import CHECKOUT
from tests.onnx_models import colour_model
from tests.rtsp import RtspServer
from tests.waiting import eventually

SCREENSHOTS = CHECKOUT / "build" / "screenshots"
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1440, "height": 900}
ALONE = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
PATIENT_MS = START_S * 1000
DOOR = "door: {source: 'scene:?fps=10&size=320x180'}"
YARD = "двор-庭: {source: 'scene:?fps=10&size=320x180&seed=2'}"
# Of the picture that is shown, the pixel at these shares of its width and height.
PIXEL = """(picture, [x, y]) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  return [...context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data].slice(0, 3);
}"""
DROP = """(bytes) => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(bytes)], "red.png", { type: "image/png" }));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_component("chromium")
    expect.set_options(timeout=PATIENT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ALONE.split())
        yield browser
        browser.close()


class Visitor:
    """Somebody who looks at the page, and what the browser complains of."""

    def __init__(self, browser: Browser, port: int, **how: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESK, "color_scheme": "dark"} | how)
        self.page, self.url, self.complaints = self.context.new_page(), f"http://127.0.0.1:{port}/", list[str]()
        self.page.set_default_timeout(PATIENT_MS)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(self.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def shoot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@contextmanager
def serving(folder: Path, *cameras: str, web: str = "") -> Iterator[tuple[int, Daemon]]:
    """A daemon that serves the page: its port, and itself."""
    port = free_port()
    listed = "".join(f"  {camera}\n" for camera in cameras)
    models = f"models: {{m: {{path: {colour_model(folder / 'm.onnx')}}}}}\n"
    with running(folder, f"cameras:\n{listed}{models}web: {{listen: '127.0.0.1:{port}'{web}}}\n") as daemon:
        eventually(lambda: "processes are up" in daemon.log and daemon.lines(), START_S, what="results")
        yield port, daemon
        assert daemon.process.poll() == 0 or daemon.stop() == 0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the page is, of cameras that are up, of which one sees nothing but red, and of one that is not there."""
    folder = tmp_path_factory.mktemp("page")
    red = f"red: {{source: {clip(folder / 'red.mp4', 3000, fps=10, colour=(0, 0, 255))}, delivery: live}}"
    with serving(folder, DOOR, YARD, red, "gone: {source: 'rtsp://127.0.0.1:1/x'}") as (port, _):
        yield port


def camera(page: Page, name: str) -> Locator:
    """A camera's place in the grid."""
    return page.locator("#grid .camera", has_text=name)


def sticking_out(page: Page) -> list[str]:
    """What is not all on the page, and cannot be scrolled to inside its table."""
    found: list[str] = page.evaluate("""() => [...document.querySelectorAll("body *")]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll"))
      .map((one) => one.outerHTML.slice(0, 80))""")
    return found


def shows_another(picture: Locator) -> None:
    """Wait until it shows a picture, and then another."""
    expect(picture).to_have_js_property("complete", True)
    eventually(lambda: picture.evaluate("picture => picture.naturalWidth"), START_S, what="a picture")
    first = picture.get_attribute("src")
    eventually(lambda: picture.get_attribute("src") != first, START_S, what="the next picture")


def test_cameras_are_seen_and_one_large_with_its_results(browser: Browser, port: int) -> None:
    with Visitor(browser, port) as visitor:
        page = visitor.page
        expect(page.locator("#summary")).to_contain_text("3 of 4 cameras up")
        expect(camera(page, "gone").locator(".state")).to_contain_text("down")
        expect(camera(page, "gone").locator(".veil")).to_be_visible()
        for name in ("door", "двор-庭"):
            shows_another(camera(page, name).locator("img"))
            expect(camera(page, name).locator("dl")).to_contain_text("fps")
        visitor.shoot("cameras-dark")
        camera(page, "двор-庭").get_by_role("button").press("Enter")
        expect(page.locator("#results li").first).to_contain_text("m: ")
        shows_another(page.locator("#large-camera img"))
        visitor.shoot("camera-large")
        page.keyboard.press("Escape")
        expect(camera(page, "door")).to_be_visible()
        page.get_by_role("link", name="System").click()
        expect(page.locator("#processes tbody tr")).to_have_count(8)
        expect(page.locator("#chart-fps path")).to_have_count(1 + 4)
        visitor.shoot("system-dark")
        assert visitor.complaints == []


def test_red_is_red_on_the_page(browser: Browser, port: int) -> None:
    with Visitor(browser, port) as visitor:
        picture = camera(visitor.page, "red").locator("img")
        shows_another(picture)
        red, green, blue = eventually(lambda: picture.evaluate(PIXEL, [0.95, 0.95]), START_S)
        assert red > 200
        assert max(green, blue) < 60


def test_a_picture_that_is_dropped_gets_boxes(browser: Browser, port: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (320, 200), (255, 0, 0)).save(file, "PNG")
    with Visitor(browser, port, color_scheme="light") as visitor:
        page = visitor.page
        page.evaluate(DROP, list(file.getvalue()))
        expect(page.locator("#try-said")).to_contain_text("1 found in 320×200 pixels")
        box, item = page.locator("#try-boxes rect"), page.locator("#try-list li")
        expect(item).to_contain_text("person 0.90")
        expect(page.locator("#try-picture")).to_have_js_property("naturalWidth", 320)
        assert page.locator("#try-picture").evaluate(PIXEL, [0.5, 0.9]) == [255, 0, 0]
        item.hover()
        expect(box).to_have_class("on")
        visitor.shoot("try-light")
        expect(page.locator("#try-shown")).to_have_text("the model’s own")
        page.locator("#try-confidence").fill("0.95")
        page.locator("#try-confidence").dispatch_event("input")
        page.locator("#try-confidence").dispatch_event("change")
        expect(page.locator("#try-said")).to_contain_text("nothing found")
        page.locator("#try-file").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
        expect(page.locator("#try-said")).to_contain_text("not a picture in a supported format")
        assert [one for one in visitor.complaints if "415" not in one] == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_sticks_out_on_a_phone(browser: Browser, port: int, scheme: str) -> None:
    with Visitor(browser, port, viewport=PHONE, color_scheme=scheme) as visitor:
        for view in ("cameras", "cameras/door", "try", "system"):
            visitor.page.goto(f"{visitor.url}#{view}")
            expect(visitor.page.locator("#summary")).to_contain_text("cameras up")
            visitor.shoot(f"phone-{view.replace('/', '-')}-{scheme}")
            assert sticking_out(visitor.page) == [], view


@pytest.mark.parametrize("count", [1, 16])
def test_few_cameras_and_many(browser: Browser, tmp_path: Path, count: int) -> None:
    cameras = [f"camera-{n}: {{source: 'scene:?fps=2&size=320x180&seed={n}'}}" for n in range(count)]
    with serving(tmp_path, *cameras) as (port, _), Visitor(browser, port) as visitor:
        expect(visitor.page.locator("#summary")).to_contain_text(f"{count} of {count} cameras up", timeout=60_000)
        shows_another(camera(visitor.page, f"camera-{count - 1}").locator("img"))
        visitor.shoot(f"cameras-{count}")
        assert sticking_out(visitor.page) == []


def test_a_camera_that_goes_down_and_comes_back_is_shown(
    browser: Browser, tmp_path: Path, start_rtsp: Callable[[RtspServer], RtspServer]
) -> None:
    server = start_rtsp(RtspServer())
    with serving(tmp_path, f"c: {{source: '{server.url}'}}") as (port, _), Visitor(browser, port) as visitor:
        state, veil = camera(visitor.page, "c").locator(".state"), camera(visitor.page, "c").locator(".veil")
        expect(state).to_have_text("up")
        expect(veil).to_be_hidden()
        server.stop()
        expect(veil).to_be_visible()
        expect(state).not_to_have_text("up")
        visitor.shoot("camera-down")
        server.start()
        expect(state).to_have_text("up", timeout=60_000)
        shows_another(camera(visitor.page, "c").locator("img"))


def test_nothing_looks_alive_when_the_daemon_is_gone(browser: Browser, tmp_path: Path) -> None:
    gone = "gone: {source: 'rtsp://127.0.0.1:1/x'}"
    with serving(tmp_path, DOOR, gone) as (port, daemon), Visitor(browser, port) as visitor:
        page = visitor.page
        shows_another(camera(page, "door").locator("img"))
        expect(page).to_have_title("(1 down) edge-daemon")
        expect(page.locator("#lost")).to_be_hidden()
        daemon.processes()["sink"].suspend()
        expect(page.locator("#lost")).to_contain_text("Nothing below is live")
        daemon.processes()["sink"].resume()
        expect(page.locator("#lost")).to_be_hidden()
        expect(camera(page, "door").locator(".state")).to_have_text("up")
        assert daemon.stop() == 0
        expect(page.locator("#lost")).to_contain_text("Connection lost")
        expect(camera(page, "door").locator(".state")).to_have_text("unknown")
        expect(camera(page, "door").locator(".veil")).to_contain_text("last seen")
        visitor.shoot("lost")


def test_a_token_is_asked_for_and_remembered(browser: Browser, tmp_path: Path) -> None:
    token = new_token()
    with serving(tmp_path, DOOR, web=f", tokens: {{office: '{digest(token)}'}}") as (port, daemon):
        with Visitor(browser, port) as visitor:
            page = visitor.page
            expect(page.get_by_role("dialog", name="Enter your token")).to_be_visible()
            visitor.shoot("token")
            page.get_by_role("textbox", name="Token").fill("wrong")
            page.get_by_role("textbox", name="Token").press("Enter")
            expect(page.get_by_role("alert")).not_to_be_empty()
            page.get_by_role("textbox", name="Token").fill(token)
            page.get_by_role("textbox", name="Token").press("Enter")
            expect(page.get_by_role("dialog")).to_be_hidden()
            shows_another(camera(page, "door").locator("img"))
            page.reload()
            expect(page.locator("#summary")).to_contain_text("1 of 1 cameras up")
            expect(page.get_by_role("dialog")).to_be_hidden()
            assert page.evaluate("document.cookie") == "", "no script can read it"
        assert token not in daemon.log
