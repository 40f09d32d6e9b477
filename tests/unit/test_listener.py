"""Connections at the limit of open files: refused at once, so that nobody waits in vain and no loop turns in vain."""

import contextlib
import os
import resource
import select
import socket
from pathlib import Path

from edge_daemon.supervisor.control_socket import NAME, ControlSocket
from edge_daemon.transport.channel import Channel
from edge_daemon.transport.hub import Hub


def test_at_the_limit_of_open_files_callers_are_refused_and_later_ones_are_not(tmp_path: Path) -> None:
    callers = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(4)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    filling: list[int] = []
    with Hub(f"ipc://{tmp_path}/hub") as hub, ControlSocket(tmp_path, None) as control:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (os.dup(0) + 20, hard))
            with contextlib.suppress(OSError):
                while True:
                    filling.append(os.dup(0))
            for caller, name in zip(callers[:2], ("hub", NAME), strict=True):
                caller.connect(str(tmp_path / name))
            hub.wait(1000)
            assert control.accept() is None
            assert [caller.recv(10) for caller in callers[:2]] == [b"", b""], "they learn of it"
            assert not any(select.select([end.fileno()], [], [], 0)[0] for end in (hub, control)), (
                "there is nothing left to wake up for"
            )
        finally:
            for fd in filling:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        callers[2].connect(str(tmp_path / NAME))
        accepted = control.accept()
        assert accepted
        accepted.close()
        callers[3].connect(str(tmp_path / "hub"))
        Channel(callers[3]).send(b"late")
        hub.wait(1000)
        hub.wait(1000)
        assert list(hub.receive()) == []  # its name
        Channel(callers[3]).send(b"hello")
        hub.wait(1000)
        assert list(hub.receive()) == [("late", b"hello")]
    for caller in callers:
        caller.close()
