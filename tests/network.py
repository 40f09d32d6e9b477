"""A network of our own whose only link can be cut, as when somebody pulls the cable."""

import os
import subprocess
import sys

SWITCH = """
import fcntl, socket, struct
UP, GET, SET = 1, 0x8913, 0x8914  # IFF_UP, SIOCGIFFLAGS, SIOCSIFFLAGS: netdevice(7)
with socket.socket() as any_socket:
    asked = struct.pack("16sh14x", b"lo", 0)
    name, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, GET, asked))
    fcntl.ioctl(any_socket, SET, struct.pack("16sh14x", name, flags {change}))
"""
RIGHTS = os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0
"""Whether this user may make one."""


class Network:
    """A namespace with a loopback link, up at first. Run a command in it by putting `inside` before it."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=-1)
        assert self._holder.stdout
        self._holder.stdout.readline()  # it is in there
        self.inside = ["nsenter", "--net", f"--target={self._holder.pid}", "--"]
        self.mend()

    def cut(self) -> None:
        """What is sent from now on gets lost."""
        self._switch("& ~UP")

    def mend(self) -> None:
        """What is sent from now on arrives."""
        self._switch("| UP")

    def close(self) -> None:
        """Give it back, once those in there have ended."""
        self._holder.kill()
        self._holder.communicate()

    def _switch(self, change: str) -> None:
        subprocess.run([*self.inside, sys.executable, "-c", SWITCH.format(change=change)], check=True)
