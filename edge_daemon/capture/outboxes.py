"""The ways from a capture to the workers: a ZeroMQ socket to each, and shared memory to those on this machine."""

import zmq

from edge_daemon.capture.window import Encoded
from edge_daemon.messages.codec import encode
from edge_daemon.messages.frames import Frame, SharedBuffer
from edge_daemon.transport import zeromq
from edge_daemon.transport.shared_memory import Pools

COPIED_BYTES = 1 << 20
"""Smaller pictures are copied by ZeroMQ, which costs less than its notice that the bytes may be released."""


class Outbox:
    """The way to a worker that reads frames at `inbox`; `reader` is its number among the readers of shared memory."""

    def __init__(self, inbox: str, socket: zmq.Socket[bytes], reader: int | None) -> None:
        self.inbox, self.socket, self._reader = inbox, socket, reader
        self.last: tuple[Frame, Encoded] | None = None
        """The picture that was sent last, until the next one: the worker may die of it."""

    def lend(self, picture: Encoded) -> SharedBuffer | None:
        """Lend the picture to the worker, if both share memory."""
        return None if picture.slot is None or self._reader is None else picture.slot.lend(self._reader)

    def send(self, frame: Frame, picture: Encoded) -> None:
        """Send the frame, with its bytes unless they are lent."""
        header = encode(frame)
        self.last = frame, picture
        if frame.shared and frame.shared.slot is not None:
            self.socket.send(header)
        else:
            copied = picture.slot is not None or len(picture.data) < COPIED_BYTES
            self.socket.send_multipart([header, picture.data], copy=copied)


class Outboxes:
    """The outbox of each worker, opened when it is first needed. Bare pixels are in `pools`."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], pools: Pools) -> None:
        self._context, self._pools = context, pools
        self._open: dict[str, Outbox] = {}
        self._dead: tuple[Frame, Encoded] | None = None  # the last picture of a worker that was replaced

    def sent(self, seq: int) -> tuple[Frame, Encoded] | None:
        """Frame `seq`, if it is the last one that some worker was sent."""
        lasts = [self._dead, *(outbox.last for outbox in self._open.values())]
        return next((last for last in lasts if last and last[0].seq == seq), None)

    def forget(self) -> None:
        """Release the pictures that were sent last: they may show what must not be sent any more."""
        self._dead = None
        for outbox in self._open.values():
            outbox.last = None

    def to(self, worker: str, inbox: str) -> Outbox:
        """The outbox of a worker; one that was restarted has a new `inbox`."""
        outbox = self._open.get(worker)
        if outbox is None or outbox.inbox != inbox:
            if outbox is not None:
                outbox.socket.close(0)
                self._dead = outbox.last
            reader = self._pools.reader(worker) if inbox.startswith("ipc://") else None
            outbox = self._open[worker] = Outbox(inbox, zeromq.outbox(self._context, inbox), reader)
        return outbox

    def close(self) -> None:
        """Close all sockets once they have sent what is under way."""
        for outbox in self._open.values():
            outbox.socket.close()
