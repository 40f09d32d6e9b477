"""Strangers at the publisher's address, who have no key and say nothing."""

import contextlib
import socket
from pathlib import Path

from tests.acceptance.harness import START_S, Listener, free_port, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

FILES = 300
"""Open files that a process may have."""


def config(folder: Path, port: int) -> str:
    return f"""
cameras: {{a: {{source: "scene:?fps=20&size=320x180"}}}}
models: {{m: {{path: {colour_model(folder / "m.onnx")}}}}}
publish: {{bind: ["tcp://127.0.0.1:{port}"]}}
web: {{listen: "127.0.0.1:{free_port()}"}}
"""


def test_connections_beyond_the_limit_of_open_files_end_nothing(tmp_path: Path) -> None:
    port = free_port()
    limit = ("prlimit", f"--nofile={FILES}:{FILES}")
    with running(tmp_path, config(tmp_path, port), publish=False, inside=limit) as daemon:
        with Listener(f"tcp://127.0.0.1:{port}", "frame/") as viewer, contextlib.ExitStack() as strangers:
            viewer.receive()
            sink = daemon.processes()["sink"]
            for _ in range(FILES + 100):
                stranger = strangers.enter_context(socket.socket())
                stranger.setblocking(False)
                stranger.connect_ex(("127.0.0.1", port))
            daemon.kill("worker m-0")  # the next one and the web connect to the sink, amid all this
            daemon.kill("web")
            seen = viewer.receive()[0]["seq"]
            viewer.until(lambda frame: frame["seq"] > seen + 20)
            assert daemon.processes()["sink"].pid == sink.pid, daemon.log
            eventually(lambda: sink.num_fds() < FILES / 2, START_S, what="an end of those who say nothing")
        assert daemon.log.count("refused another") < 20, "a bounded log"
        assert daemon.stop() == 0
