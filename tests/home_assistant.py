"""The real Home Assistant, a real broker and a real daemon: what happens is shown, also after restarts.

    python -m tests.home_assistant DIR

as root, on Debian. DIR gets a system of its own with Home Assistant (1 GB), unless it has one. Prints what was seen,
and ends with 1 if something was not.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import httpx

from edge_daemon.demo.scene.scene import Scene
from tests.acceptance.harness import free_port, running
from tests.mqtt_broker import Mosquitto, broker, watching
from tests.waiting import eventually

START_S, WAIT_S = 180.0, 60.0
SECONDS, FPS = 12, 25
CLIENT = "http://127.0.0.1/"
MODULES = (
    "home-assistant-frontend", "PyTurboJPEG", "av", "numpy", "hassil", "home-assistant-intents", "hass-nabucasa",
    "mutagen", "ha-ffmpeg", "paho-mqtt", "SQLAlchemy", "zlib-ng", "isal",
)  # fmt: skip
"""What Home Assistant would install when it starts."""
CONFIG = """
name: test box
cameras:
  street:
    source: '%(clip)s'
    loop: true
    fps: 10
    zones: {walk: {points: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]}}
    lines: {middle: {points: [[0.5, 0], [0.5, 1]]}}
models: {person: {path: builtin:person}}
record: true
modes: [home, away]
rules: {visitor: {enters: walk, cooldown: 1s, linger: 2s}%(more)s}
counts: {every: 2s}
deliver: {home: {mqtt: '%(url)s', discovery: homeassistant, commands: true}}
"""
MORE = ", crowd: {count: {zone: walk, above: 0}}"


def street(path: Path) -> Path:
    """Write a clip of the generated street: with people, and then without any."""
    busy, empty = Scene(seed=3, width=320, height=180, people=4), Scene(seed=3, width=320, height=180, people=0)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "x264-params": "keyint=25"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index in range(2 * SECONDS * FPS):
            scene = busy if index < SECONDS * FPS else empty
            frame = av.VideoFrame.from_ndarray(scene.frame(index, FPS)[0], "bgr24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def install(root: Path) -> None:
    """Make a system with Home Assistant in a folder."""
    if (root / "ha/bin/hass").exists():
        return
    mirror = subprocess.run(
        ["sh", "-c", "cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    address = next(word for word in mirror.split() if word.startswith(("http://", "https://")))
    packages = "python3,python3-venv,python3-dev,gcc,g++,ca-certificates"
    _run("debootstrap", "--variant=minbase", f"--include={packages}", "trixie", str(root), address)
    for file in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"):
        if Path(file).exists():
            shutil.copyfile(file, root / file.removeprefix("/"))
    _inside(root, "python3 -m venv /ha && /ha/bin/pip install uv")
    uv = "cd / && UV_NATIVE_TLS=1 /ha/bin/uv pip install --python /ha/bin/python"
    _inside(root, f"{uv} homeassistant")
    limits = next((root / "ha/lib").glob("python3*/site-packages/homeassistant/package_constraints.txt"))
    _inside(root, f"{uv} -c /{limits.relative_to(root)} {' '.join(MODULES)}")


def _inside(root: Path, command: str) -> None:
    _run("chroot", str(root), "sh", "-c", command)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


class Home:
    """A Home Assistant in the system `root`, with a new configuration."""

    def __init__(self, root: Path) -> None:
        self.root, self.port, self.token = root, free_port(), ""
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30.0)
        folder = root / "conf"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        http = f"http: {{server_host: 127.0.0.1, server_port: {self.port}}}"
        (folder / "configuration.yaml").write_text(f"{http}\napi:\nconfig:\nwebsocket_api:\nonboarding:\nhistory:\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is up."""
        command = ["chroot", str(self.root), "/ha/bin/hass", "-c", "/conf", "--skip-pip"]
        with (self.root / "conf/log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(self._is_up, START_S, what="Home Assistant", every_s=0.5)

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def set_up(self, serving: Mosquitto) -> None:
        """Make a user, and connect to the broker."""
        who = {"client_id": CLIENT, "name": "test", "username": "test", "password": "test", "language": "en"}
        code = self._post("/api/onboarding/users", who)["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT}
        self.token = self.http.post("/auth/token", data=form).raise_for_status().json()["access_token"]
        flow = self._post("/api/config/config_entries/flow", {"handler": "mqtt"})
        answer = self._post(
            f"/api/config/config_entries/flow/{flow['flow_id']}", {"broker": "127.0.0.1", "port": serving.port}
        )
        assert answer["type"] == "create_entry", answer

    def states(self) -> dict[str, dict[str, Any]]:
        """The entities of the box, by id."""
        found = self.http.get("/api/states", headers=self._head).raise_for_status().json()
        return {
            one["entity_id"]: one for one in found if ".street_" in one["entity_id"] or ".test_" in one["entity_id"]
        }

    def state(self, entity: str) -> str:
        """The state of an entity; empty without it."""
        return str(self.states().get(entity, {}).get("state", ""))

    def call(self, service: str, entity: str, **data: Any) -> None:
        """Call a service, as a person does by the page."""
        self._post(f"/api/services/{service}", {"entity_id": entity, **data})

    def get(self, path: str) -> bytes:
        """A file, such as a picture."""
        return self.http.get(path, headers=self._head).raise_for_status().content

    @property
    def _head(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _post(self, path: str, data: dict[str, Any]) -> Any:
        answer = self.http.post(path, json=data, headers=self._head)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def _is_up(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.root / "conf/log").read_text()
        try:
            if not self.token:
                return self.http.get("/api/onboarding").is_success
            return bool(self.http.get("/api/config", headers=self._head).json()["state"] == "RUNNING")
        except (httpx.TransportError, ValueError, KeyError):
            return False


@contextmanager
def home(root: Path) -> Iterator[Home]:
    """A Home Assistant that runs."""
    one = Home(root)
    one.start()
    try:
        yield one
    finally:
        one.stop()
        one.http.close()


def show(text: str, began_s: float) -> None:
    """Print a line of the report."""
    print(f"{time.monotonic() - began_s:6.1f} s  {text}", flush=True)


def scenario(folder: Path, serving: Mosquitto, at: Home, began_s: float) -> None:
    """Everything that a person would see."""

    def seen(what: str, predicate: Callable[[], Any]) -> Any:
        value = eventually(predicate, WAIT_S, what=what, every_s=0.2)
        show(what, began_s)
        return value

    at.set_up(serving)
    show("set up, connected to the broker", began_s)
    rule, values = "binary_sensor.street_visitor", {"url": serving.url, "clip": street(folder / "street.mp4")}
    with (
        watching(serving.port) as watcher,
        running(folder, CONFIG % (values | {"more": MORE}), publish=False) as daemon,
    ):
        events = "edge/test box/event/street/visitor"
        seen("the daemon has published an event", lambda: watcher.at(events))
        seen("the rule is on", lambda: at.state(rule) == "on")
        shown = at.states()[rule]
        ids = {one.json["id"] for one in watcher.at(events)}
        assert shown["attributes"]["id"] in ids, shown
        show(f"with the event {shown['attributes']['id']}: {shown['attributes']['because']}", began_s)
        seen("zone is occupied", lambda: at.state("binary_sensor.street_walk") == "on")
        seen("somebody is counted", lambda: at.state("sensor.street_walk_entered").strip("0").isdigit())
        picture = seen("the last still is there", lambda: _still(at))
        assert picture == watcher.last("edge/test box/camera/street/still") or picture[:2] == b"\xff\xd8"
        for entity, state in sorted(at.states().items()):
            print(f"          {entity}: {state['state']}")
        seen("the rule is off when its events have ended", lambda: at.state(rule) == "off")
        at.call("switch/turn_off", "switch.street_visitor_enabled")
        seen("switched off by Home Assistant", lambda: watcher.last("edge/test box/rule/visitor/state") == b"OFF")
        seen("and shown as off", lambda: at.state("switch.street_visitor_enabled") == "off")
        at.call("switch/turn_on", "switch.street_visitor_enabled")
        seen("switched on again", lambda: at.state("switch.street_visitor_enabled") == "on")
        at.call("select/select_option", "select.test_box_mode", option="away")
        seen("the mode is away", lambda: at.state("select.test_box_mode") == "away")
        at.call("button/press", "button.street_take_snapshot")
        seen(
            "a snapshot was published", lambda: watcher.last("edge/test box/camera/street/snapshot")[:2] == b"\xff\xd8"
        )
        at.stop()
        at.start()
        show("Home Assistant was restarted", began_s)
        seen("the rule is shown again", lambda: at.state(rule) in ("on", "off"))
        seen("it is on for an event after the restart", lambda: at.state(rule) == "on")
        seen("the last still is there again", lambda: _still(at))
        serving.kill()
        seen("unavailable when the broker was killed", lambda: at.state(rule) == "unavailable")
        serving.start()
        seen("and on again", lambda: at.state(rule) == "on")
        wills = watcher.payloads("edge/test box/status").count(b"offline")
        daemon.processes()["bridge home"].kill()
        seen("last will of a bridge", lambda: watcher.payloads("edge/test box/status").count(b"offline") > wills)
        seen("and available again", lambda: at.state(rule) in ("on", "off"))
        assert at.state("binary_sensor.street_crowd"), "the second rule"
        done = daemon.reload(CONFIG % (values | {"more": ""}))
        assert done.returncode == 0, done
        seen("a rule that is not configured any more is gone", lambda: not at.state("binary_sensor.street_crowd"))
        assert daemon.stop() == 0
    seen("unavailable after the daemon has stopped", lambda: at.state(rule) == "unavailable")


def _still(at: Home) -> bytes:
    try:
        return at.get("/api/image_proxy/image.street_last_event")
    except httpx.HTTPStatusError:
        return b""


def main() -> int:
    """Run it."""
    if len(sys.argv) != 2 or os.getuid() != 0:
        print(__doc__, file=sys.stderr)
        return 2
    root, began_s = Path(sys.argv[1]).absolute(), time.monotonic()
    install(root)
    work = root.parent / f"{root.name}-run"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    with broker(work / "broker") as serving, home(root) as at:
        version = json.loads(at.get("/api/onboarding") and (root / "conf/.HA_VERSION").read_text().join('""'))
        show(f"Home Assistant {version} is up", began_s)
        try:
            scenario(work, serving, at, began_s)
        except AssertionError as error:
            print(f"not seen: {error}", file=sys.stderr)
            return 1
    print("all was seen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
