"""Real components that tests need and a machine may lack."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Never

import pytest

RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"
SYSTEM_PATH = f"{os.defpath}:/usr/sbin"


def _rtsp_server() -> bool:
    if not Path(SYSTEM_PYTHON).exists():
        return False
    command = [SYSTEM_PYTHON, str(RTSP_SERVER), "--check"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def _systemd_machine() -> bool:
    programs = all(shutil.which(program) for program in ("systemd-nspawn", "systemd-analyze", "dbus-daemon"))
    command = [SYSTEM_PYTHON, "-c", "import ensurepip, venv"]
    return programs and subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


_CHECKS: dict[str, Callable[[], bool]] = {
    "rtsp-server": _rtsp_server,
    "chromium": lambda: shutil.which("chromium") is not None,
    "promtool": lambda: shutil.which("promtool") is not None,
    "systemd-machine": _systemd_machine,
    "mosquitto": lambda: shutil.which("mosquitto", path=SYSTEM_PATH) is not None,
}
"""The components that INSTALLER installs, and how to find out if one is present."""
INSTALLER = "tools/components.sh"


@cache
def _present(name: str) -> bool:
    return _CHECKS[name]() if name in _CHECKS else shutil.which(name) is not None


def require_component(name: str) -> None:
    """Skip the test when `name` (of `_CHECKS`, or a program on PATH) is missing; fail it where CI=true."""
    if not _present(name):
        missing(f"needs {name}: {f'{INSTALLER} installs it' if name in _CHECKS else 'it is not on PATH'}")


def skipped_without(reasons: Iterable[str]) -> str:
    """A line that counts the tests skipped for each component and names what installs them, or an empty one."""
    found = (re.search(rf"needs (\S+): {INSTALLER}", reason) for reason in reasons)
    counts = Counter(match[1] for match in found if match)
    if not counts:
        return ""
    listed = ", ".join(f"{count} for want of {name}" for name, count in counts.most_common())
    return f"skipped: {listed}; as root, {INSTALLER} installs what is missing"


def missing(reason: str) -> Never:
    """Skip the running test with `reason`, or fail it where CI=true: there everything should be present."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
