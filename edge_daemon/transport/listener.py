"""Accepts connections, also at the limit of open files."""

import contextlib
import errno
import os
import socket


class Listener:
    """A listening socket. At the limit of open files a connection is closed at once; left in the queue, it would keep
    the socket readable and its process busy. Not a single file can be opened then, so one is kept open in advance.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self._socket.setblocking(False)
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def fileno(self) -> int:
        """File descriptor to poll."""
        return self._socket.fileno()

    def accept(self) -> socket.socket | None:
        """The next connection; None if there is none, it is gone again, or there can be no more open files."""
        try:
            return self._socket.accept()[0]
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._refuse()
            return None

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        os.close(self._spare)

    def _refuse(self) -> None:
        os.close(self._spare)
        with contextlib.suppress(OSError):
            self._socket.accept()[0].close()
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
