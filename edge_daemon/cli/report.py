"""`edge-daemon report`: what a bug report needs, in one file and without secrets."""

import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import msgspec

from edge_daemon import __version__
from edge_daemon.cli.target import Target
from edge_daemon.config.load import load
from edge_daemon.config.near import near
from edge_daemon.errors import EdgeError, StartError
from edge_daemon.log import redact
from edge_daemon.runtime.state import state_folder

STATUS_S = 3.0
LINES = 2000
JOURNAL = ["journalctl", "--unit", "edge-daemon", "--lines", str(LINES), "--output", "short-iso", "--no-pager"]
PACKAGES = (
    "av",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python",
    "opencv-python-headless",
    "pyzmq",
    "uvicorn",
)
COMMAND_S = 60.0
_SECRET = re.compile(
    r"(?P<key>\b\w*(?:secret|token|password)\w*\b[\"']?\s*:\s*)(?![\[{]|\$\{|\s)[^,}\n#]+", re.IGNORECASE
)
"""Values of keys that may hold secrets, unless they are references (`${NAME}`) or lists and mappings."""


def write(file: Path, config: Path, target: Target, *, probe: bool) -> None:
    """Write the report to `file` (.tar.gz): versions, the machine, the configuration without secrets, the status, the
    last lines of the log; and with `probe`, a look at each camera.

    Raises:
        StartError: the file cannot be written.
    """
    parts: dict[str, Callable[[], str]] = {
        "versions.txt": _versions,
        "machine.txt": _machine,
        "config.yaml": lambda: _SECRET.sub(r"\g<key>***", config.read_text(errors="replace")),
        "check.txt": lambda: _output(sys.executable, "-m", "edge_daemon", "check", str(config)),
        "status.json": lambda: _status(target),
        "log.txt": lambda: _output(*JOURNAL),
        "state.txt": _state,
    }
    if probe:
        parts |= {f"probe-{camera}.txt": _prober(source) for camera, source in _cameras(config)}
    try:
        with tarfile.open(file, "x:gz") as bundle:
            for name, content in parts.items():
                _add(bundle, name, redact(_content(content)).encode(errors="replace"))
    except OSError as error:
        raise StartError(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error
    if not config.exists():
        print(f"{config}: there is no such file{near(config)}; the report has no configuration", file=sys.stderr)
    print(f"{file}: {', '.join(parts)}. Look through it before you send it to anybody.")


def _content(content: Callable[[], str]) -> str:
    """The content, or why there is none."""
    try:
        return content()
    except (OSError, EdgeError, subprocess.SubprocessError) as error:
        return f"not available: {error}\n"


def _add(bundle: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(f"edge-daemon-report/{name}")
    entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
    bundle.addfile(entry, io.BytesIO(content))


def _versions() -> str:
    found = [f"edge-daemon {__version__}", f"Python {sys.version}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return "\n".join(found) + "\n"


def _machine() -> str:
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    lines = [system, platform.platform(), f"{cores} cores", f"{memory_gb:.1f} GB of memory"]
    lines += [f"load {' '.join(f'{load:.2f}' for load in os.getloadavg())}"]
    for folder in ("/", tempfile.gettempdir(), str(state_folder() or "/")):
        free = shutil.disk_usage(folder).free if Path(folder).exists() else 0
        lines.append(f"{folder}: {free / 1e9:.1f} GB free")
    return "\n".join(lines) + "\n"


def _status(target: Target) -> str:
    with target.subscriber(results=False, status=True, timeout_s=STATUS_S) as subscriber:
        try:
            return msgspec.json.format(msgspec.json.encode(subscriber.receive())).decode()
        except TimeoutError:
            return f"no status from {target.address} within {STATUS_S:g} s\n"


def _state() -> str:
    """The names and sizes of the files in the state folder, without their contents."""
    folder = state_folder()
    if folder is None or not folder.is_dir():
        return "no state folder\n"
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return "".join(f"{file.stat().st_size:12} {file}\n" for file in files)


def _cameras(config: Path) -> Iterator[tuple[str, str]]:
    try:
        yield from ((name, str(camera.source)) for name, camera in load(config).cameras.items())
    except EdgeError:  # the report says so in check.txt
        return


def _prober(source: str) -> Callable[[], str]:
    def look() -> str:
        with tempfile.TemporaryDirectory() as folder:  # the picture itself is left out
            picture = str(Path(folder, "picture.jpg"))
            return _output(sys.executable, "-m", "edge_daemon", "probe", source, "--json", "--picture", picture)

    return look


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=COMMAND_S, check=False)
    return done.stdout + done.stderr
