"""Subscribers with and without keys, at a daemon that asks for them."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import zmq

from edge_daemon.client import Subscriber
from edge_daemon.messages.published import Result
from edge_daemon.transport.curve import ClientKeys, KeyPair, generate, write
from edge_daemon.transport.zeromq import subscriber
from tests.acceptance.harness import START_S, Daemon, Listener, free_port, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

REFUSED_S = 1.0
"""Long enough for several results, were they to come."""


def config(folder: Path, address: str, *clients: str) -> str:
    return f"""
cameras: {{a: {{source: "scene:?fps=20&size=320x180"}}}}
models: {{m: {{path: {colour_model(folder / "m.onnx")}}}}}
publish:
  bind: ["{address}", "ipc://{folder}/local"]
  secret_key: {folder}/daemon.key
  clients: [{", ".join(clients)}]
"""


def hears(address: str, server: str | None = None, secret: str | None = None) -> bool:
    timeout_s = START_S if (server, secret) != (None, None) else REFUSED_S
    with Subscriber(address, timeout_s=timeout_s, server_key=server, secret_key=secret) as subscriber:
        return any(isinstance(message, Result) for message in subscriber)


def is_refused(address: str, server: str, secret: str | None = None) -> bool:
    with Subscriber(address, timeout_s=REFUSED_S, server_key=server, secret_key=secret) as subscriber:
        return not list(subscriber)


def tail(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_daemon", "tail", "--connect", address, "--count", "2", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)


def listed(daemon: Daemon) -> list[str]:
    """All that anybody on this machine can read of its processes."""
    processes = daemon.processes().values()
    return [*(" ".join(p.cmdline()) for p in processes), *(str(p.environ()) for p in processes), daemon.log]


def test_only_those_are_let_in_whose_keys_are_known(tmp_path: Path) -> None:
    daemon_keys, office, stranger = generate(), generate(), generate()
    write(daemon_keys, tmp_path / "daemon")
    _, public = write(office, tmp_path / "office")
    address = f"tcp://127.0.0.1:{free_port()}"
    with running(tmp_path, config(tmp_path, address, str(public)), publish=False) as daemon:
        assert hears(address, daemon_keys.public, office.secret)
        assert not hears(address), "no keys"
        assert is_refused(address, daemon_keys.public, stranger.secret)
        assert is_refused(address, stranger.public, office.secret), "another daemon's key"
        assert stranger.public in daemon.log
        with Listener(f"ipc://{tmp_path}/local", "result/") as local:
            assert local.receive()[0]["camera"] == "a", "who is on this machine needs none"
        printed = tail(address, "--server-key", str(tmp_path / "daemon.pub"), "--key", str(tmp_path / "office.key"))
        assert printed.returncode == 0, printed.stderr
        assert printed.stdout.count('"camera":"a"') == 2
        plain = KeyPair(office.public, office.secret)
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:  # as any ZeroMQ program can
            socket.curve_serverkey = daemon_keys.public.encode()
            socket.curve_publickey, socket.curve_secretkey = plain.public.encode(), plain.secret.encode()
            socket.connect(address)
            socket.subscribe("result/")
            assert socket.poll(int(START_S * 1000))
        assert not [text for text in listed(daemon) if daemon_keys.secret in text]
        assert daemon.stop() == 0


def test_a_reload_lets_others_in_and_another_key_wants_a_restart(tmp_path: Path) -> None:
    daemon_keys, first, second = generate(), generate(), generate()
    write(daemon_keys, tmp_path / "daemon")
    address = f"tcp://127.0.0.1:{free_port()}"
    with running(tmp_path, config(tmp_path, address, f"'{first.public}'"), publish=False) as daemon:
        assert hears(address, daemon_keys.public, first.secret)
        assert is_refused(address, daemon_keys.public, second.secret)
        assert second.public in daemon.log
        told = config(tmp_path, address, f"'{first.public}'", f"'{second.public}'")
        assert daemon.reload(told).returncode == 0
        assert hears(address, daemon_keys.public, second.secret)
        (tmp_path / "daemon.key").write_text(f"{first.secret}\n")
        refused = daemon.reload(told)
        assert refused.returncode == 3
        assert "needs a restart" in refused.stderr
        assert daemon.reload(config(tmp_path, address, "any")).returncode == 3, "still another key"
        (tmp_path / "daemon.key").write_text(f"{daemon_keys.secret}\n")
        assert daemon.reload(config(tmp_path, address, "any")).returncode == 0
        assert hears(address, daemon_keys.public), "anybody who knows the daemon's key"
        eventually(lambda: hears(address, daemon_keys.public, first.secret), START_S)
        assert daemon.stop() == 0


def test_a_key_that_is_taken_away_receives_nothing_more_and_the_others_go_on(tmp_path: Path) -> None:
    daemon_keys, stays, goes = generate(), generate(), generate()
    write(daemon_keys, tmp_path / "daemon")
    address = f"tcp://127.0.0.1:{free_port()}"
    with zmq.Context() as context, contextlib.ExitStack() as sockets:
        both = config(tmp_path, address, f"'{stays.public}'", f"'{goes.public}'")
        with running(tmp_path, both, publish=False) as daemon:
            office, thief = (
                sockets.enter_context(subscriber(context, address, 1000, ClientKeys(daemon_keys.public, keys)))
                for keys in (stays, goes)
            )
            for socket in (office, thief):
                socket.subscribe(b"result/")
                assert socket.poll(int(START_S * 1000))
            assert daemon.reload(config(tmp_path, address, f"'{stays.public}'")).returncode == 0
            until = time.monotonic() + 1.0
            while time.monotonic() < until and thief.poll(100):
                thief.recv_multipart()
            for socket in (office, thief):
                drained(socket)
            assert office.poll(int(START_S * 1000)), "it connects again by itself"
            assert not thief.poll(int(REFUSED_S * 1000))
            assert daemon.stop() == 0


def drained(socket: "zmq.Socket[bytes]") -> None:
    while socket.poll(0):
        socket.recv_multipart()


def test_keygen(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_daemon", "keygen", str(tmp_path / "door")]
    made = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    assert made.returncode == 0
    assert (tmp_path / "door.pub").read_text().strip() in made.stdout
    assert (tmp_path / "door.key").read_text().strip() not in made.stdout
    assert subprocess.run(command, capture_output=True, timeout=START_S, check=False).returncode == 3
