"""A real RTSP server as a test starts, kills and restarts it."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.components import RTSP_SERVER, SYSTEM_PYTHON

READY_S = 20.0
STOP_S = 5.0


class RtspServer:
    """Serves one stream on 127.0.0.1; a restart keeps the port. `options` go to tests/rtsp_server.py, which is run with
    the command `inside` before it.
    """

    def __init__(
        self, *options: str, path: str = "cam", user: str = "", password: str = "", inside: Sequence[str] = ()
    ) -> None:
        self.port = 0
        self._inside = inside
        self._path = path
        self._credentials = f"{user}:{password}@" if user else ""
        self._options = [*options, *(["--user", user, "--password", password] if user else [])]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it serves, with user and password when it asks for them."""
        return f"rtsp://{self._credentials}127.0.0.1:{self.port}/{self._path}"

    def start(self) -> None:
        """Return when clients can connect."""
        if self._process is not None:
            raise RuntimeError("the RTSP server is running already")
        self._process = subprocess.Popen(
            [
                *self._inside,
                SYSTEM_PYTHON,
                str(RTSP_SERVER),
                str(self.port),
                self._path,
                "--with-parent",
                *self._options,
            ],
            stdin=subprocess.PIPE,  # closes when this process dies, however it dies
            stdout=subprocess.PIPE,
        )
        try:
            self.port = self._read_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it, politely first; nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Leave the connections open and silent, as a hung camera does."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("the RTSP server is not running")
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # a paused one would not see SIGTERM
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    @staticmethod
    def _read_ready(process: subprocess.Popen[bytes]) -> int:
        """The port from the line `ready PORT`."""
        assert process.stdout is not None
        line = b""
        deadline = time.monotonic() + READY_S
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"the RTSP server was not ready within {READY_S:g} s")
                chunk = os.read(process.stdout.fileno(), 1024)
                if not chunk:
                    raise ChildProcessError("the RTSP server ended before it was ready; see its stderr")
                line += chunk
        word, port = line.split()
        if word != b"ready":
            raise ChildProcessError(f"the RTSP server said {line!r}")
        return int(port)


def serve_file(file: Path, *, codec: str = "h264", sound: str = "", user: str = "", password: str = "") -> RtspServer:
    """A server, not started yet, that plays `file` once to each client; `codec` and `sound` as of rtsp_server.py."""
    options = ["--file", str(file), "--codec", codec, *(["--sound", sound] if sound else [])]
    return RtspServer(*options, user=user, password=password)
