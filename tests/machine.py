"""A machine of our own with a real systemd (in nspawn): this one's /usr, and all else new and gone afterwards."""

import os
import platform
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.waiting import eventually

BOOT_S = 60.0
STOP_S = 20.0
COMMAND_S = 60.0
LINUX = tuple(int(number) for number in platform.release().split("-")[0].split(".")[:2])
"""The version of the kernel, which all machines share."""


class Machine:
    """Boots, and runs commands. The network is this machine's, and so is `folder`, as /mnt there, and read-only as the
    folders of `binds` (by where they are there).
    """

    def __init__(self, folder: Path, binds: Mapping[str, Path]) -> None:
        self.folder, self._console = folder, folder / "console"
        folder.chmod(0o755)
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--machine=edge-daemon-{os.getpid()}"]
        command += ["--directory=/", "--volatile=yes"]
        command += [f"--bind-ro={here}:{there}" for there, here in {"/mnt": folder, **binds}.items()]
        command += ["--boot", "--", "systemd.unit=basic.target", "systemd.firstboot=off"]
        command += ["systemd.mask=systemd-firstboot.service"]
        with self._console.open("wb") as said:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            eventually(self._is_up, BOOT_S, what="a booted system", every_s=0.05)
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}; its console says:\n{self._said()}") from None

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as root."""
        enter = ["nsenter", "-t", str(self._leader()), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        done = subprocess.run([*enter, *command], capture_output=True, text=True, timeout=COMMAND_S, check=False)
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def write(self, path: str, text: str, mode: str = "0644", owner: str = "root:root") -> None:
        """Write a file in there."""
        where = f"/proc/{self._leader()}/root{path}"
        Path(where).parent.mkdir(parents=True, exist_ok=True)
        Path(where).write_text(text)
        self.run("chmod", mode, path)
        self.run("chown", owner, path)

    def close(self) -> None:
        """Switch it off."""
        if self._nspawn.poll() is None:
            self._nspawn.send_signal(signal.SIGTERM)  # asks the system in there to power off
            try:
                self._nspawn.wait(STOP_S)
            except subprocess.TimeoutExpired:
                for process in psutil.Process(self._nspawn.pid).children():
                    process.kill()
                self._nspawn.kill()
                self._nspawn.wait()

    def _leader(self) -> int:
        children = psutil.Process(self._nspawn.pid).children()
        assert children, f"it does not run:\n{self._said()}"
        return int(children[0].pid)

    def _said(self) -> str:
        return self._console.read_text(errors="replace")

    def _is_up(self) -> bool:
        assert self._nspawn.poll() is None, "it ended"
        if not psutil.Process(self._nspawn.pid).children():
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")
