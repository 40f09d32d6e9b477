"""Real components that tests need and a machine may lack."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Never

import pytest

RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"


def _rtsp_server() -> bool:
    if not Path(SYSTEM_PYTHON).exists():
        return False
    command = [SYSTEM_PYTHON, str(RTSP_SERVER), "--check"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def _systemd_machine() -> bool:
    programs = all(shutil.which(program) for program in ("systemd-nspawn", "systemd-analyze", "dbus-daemon"))
    command = [SYSTEM_PYTHON, "-c", "import ensurepip, venv"]
    return programs and subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


# Those that are more than a program on PATH: how to find out, and what to type.
_CHECKS: dict[str, tuple[Callable[[], bool], str]] = {
    "rtsp-server": (_rtsp_server, "tools/components.sh installs it"),
    "chromium": (lambda: shutil.which("chromium") is not None, "tools/components.sh installs it"),
    "promtool": (lambda: shutil.which("promtool") is not None, "tools/components.sh installs it"),
    "systemd-machine": (_systemd_machine, "tools/components.sh installs it"),
}


@cache
def _present(name: str) -> bool:
    return _CHECKS[name][0]() if name in _CHECKS else shutil.which(name) is not None


def require_component(name: str) -> None:
    """Skip the test when `name` (of `_CHECKS`, or a program on PATH) is missing; fail it where CI=true."""
    if not _present(name):
        hint = _CHECKS[name][1] if name in _CHECKS else "it is not on PATH"
        missing(f"needs {name}: {hint}")


def missing(reason: str) -> Never:
    """Skip the running test with `reason`, or fail it where CI=true: there everything should be present."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
