"""The container: what its files say, and, where buildah is, the image that they make."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from edge_daemon.config.load import load
from tests.acceptance.harness import START_S, Listener, free_port, running
from tests.conftest import CHECKOUT
from tests.waiting import eventually

BUILD_S = 600.0
UID = 990
"""The user in the image."""
BASE = os.environ.get("CONTAINER_BASE", "debian:bookworm-slim")
"""The image to build on."""
HERE = [Path("/etc/pip.conf"), Path("/etc/ssl/certs/ca-certificates.crt")]
"""Where this machine's own settings for downloads are, if it has any."""


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Containerfile, with their arguments."""
    text = (CHECKOUT / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def test_it_runs_as_a_user_with_a_volume_and_a_health_check() -> None:
    found = dict(instructions())
    assert found["USER"] == "edge-daemon"
    assert found["VOLUME"] == "/var/lib/edge-daemon"
    assert "/v2/health/live" in found["HEALTHCHECK"]
    assert found["CMD"] == '["run", "/etc/edge-daemon/config.yaml"]'
    images = [argument for name, argument in instructions() if name in ("FROM", "ARG")]
    assert not [name for name in images if re.search(r"\w\.\w+/", name)], "no host of a registry"


def test_what_is_copied_is_in_the_build_and_nothing_secret() -> None:
    allowed = {line[1:] for line in (CHECKOUT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    copied = [words for name, argument in instructions() if name == "COPY" for words in argument.split()[:-1]]
    assert {word for word in copied if not word.startswith(("--", "/"))} <= allowed
    assert not allowed & {".git", "shared"}


def test_compose_runs_a_configuration_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    compose: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    binds = dict(volume.split(":")[:2] for volume in service["volumes"])
    (config,) = (CHECKOUT / here for here, there in binds.items() if there == "/etc/edge-daemon/config.yaml")
    assert binds[next(iter(compose["volumes"]))] == dict(instructions())["VOLUME"]
    monkeypatch.setenv("CAMERA_PASSWORD", "secret")
    assert list(load(config).cameras) == ["front-door"]


def test_the_health_check_follows_the_daemon_here(tmp_path: Path) -> None:
    """The commands of the image, on this machine: no container is needed for them."""
    said, port = dict(instructions()), free_port()
    python, flag, program = json.loads(said["HEALTHCHECK"].partition(" CMD ")[2])
    assert (python, json.loads(said["ENTRYPOINT"])) == ("python", ["edge-daemon"])
    assert "8080" in program
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def health() -> int:
        command = [python, flag, program.replace("8080", str(port))]
        return subprocess.run(command, env=env, timeout=START_S, check=False).returncode

    assert health() != 0
    config = f"""
cameras: {{street: {{source: "scene:?fps=5&size=320x180"}}, gone: {{source: "rtsp://127.0.0.1:1/x"}}}}
models: {{person: {{path: builtin:person}}}}
web: {{listen: "127.0.0.1:{port}"}}
"""
    with running(tmp_path, config) as daemon:
        eventually(lambda: health() == 0, 3 * START_S, what="health, although a camera is down", every_s=0.2)
        assert daemon.stop() == 0
    assert health() != 0


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container of the image."""
    if not shutil.which("buildah"):
        pytest.skip("needs buildah, which builds and runs the container: apt-get install buildah")
    if os.geteuid() != 0:
        pytest.skip("needs root, to run buildah without a user namespace")
    have = subprocess.run(["buildah", "pull", "--policy", "missing", BASE], capture_output=True, text=True, check=False)
    if have.returncode:
        pytest.skip(f"the image {BASE} cannot be had here (CONTAINER_BASE names another): {have.stderr.strip()[-200:]}")
    links = [Path(word.removeprefix("file://")) for word in pip_places()]
    mounts = [f"--volume={path}:{path}:ro" for path in {*HERE, *links} if path.exists()]
    image = "edge-daemon-test"
    build = ["buildah", "bud", "--isolation", "chroot", "--network", "host", "--build-arg", f"BASE={BASE}", *mounts]
    built = subprocess.run(
        [*build, "-t", image, str(CHECKOUT)], capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    name = buildah("from", image)
    yield name
    buildah("rm", name)
    buildah("rmi", image)


def buildah(*arguments: str) -> str:
    return subprocess.run(
        ["buildah", *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def pip_places() -> list[str]:
    """Folders from which this machine's pip takes packages."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return re.findall(r"(?:file://)?/[\w./-]+", listed)


@pytest.mark.timeout(900)
def test_the_image_runs_the_daemon_as_its_user_and_is_healthy(container: str, tmp_path: Path) -> None:
    assert _size_mb(container) < 600, "beside the base"
    port, publish = free_port(), f"tcp://127.0.0.1:{free_port()}"
    config = tmp_path / "config.yaml"
    config.write_text(
        "cameras: {street: {source: 'scene:?fps=10&size=320x180'}}\nmodels: {person: {path: builtin:person}}\n"
        f"web: {{listen: '127.0.0.1:{port}'}}\npublish: {{bind: ['{publish}']}}\n"
    )
    tmp_path.chmod(0o755)
    run = ["buildah", "run", "--isolation", "chroot", "--network", "host", f"--volume={config}:/config.yaml:ro"]
    with subprocess.Popen([*run, container, "--", "edge-daemon", "run", "/config.yaml"]) as daemon:
        try:
            with Listener(publish, "result/street/") as results:
                results.receive(START_S)
            eventually(lambda: answer(port) == 200, START_S, what="health")
            ours = [child for child in psutil.Process(daemon.pid).children(recursive=True) if _title(child)]
            assert {child.uids().effective for child in ours} == {UID}
            state = Path("/proc", str(ours[0].pid), "root", "var/lib/edge-daemon/epochs.json")
            eventually(state.exists, START_S, what="state in the volume")
        finally:
            for child in psutil.Process(daemon.pid).children(recursive=True):
                if _title(child) == "supervisor":
                    child.terminate()
            daemon.wait(START_S)
    assert daemon.returncode == 0


def answer(port: int) -> int:
    """Status of the request that the health check makes."""
    site = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        site.request("GET", "/v2/health/live")
        return site.getresponse().status
    except OSError:
        return 0
    finally:
        site.close()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip().partition("edge-daemon: ")[2]
    except psutil.Error:
        return ""


def _size_mb(container: str) -> int:
    """Size of the program in the container."""
    return int(buildah("run", "--isolation", "chroot", container, "--", "du", "-sm", "/opt/edge-daemon").split()[0])
