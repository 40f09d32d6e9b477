"""What the recorder is to store, kept until it has: part of the sink's state, so that nothing is lost or doubled."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from edge_daemon.errors import WireError
from edge_daemon.messages.codec import Decoder, pack
from edge_daemon.messages.recording import Brought, FromRecorder, Kept, Record
from edge_daemon.transport.peer import Peer

logger = logging.getLogger(__name__)
WINDOW, WINDOW_BYTES = 64, 64_000
"""Records, and their bytes, that may be on their way: less than a socket holds, so that sending never waits."""
MOST_BYTES = 4 << 20
"""Bytes kept while the recorder is away. Beyond that the oldest are lost, those that are not precious first."""
BURST = 16
Key = tuple[str, str]
"""Camera and model."""


class Outbox:
    """Records in the order in which they were made, from those that the previous sink left. The last one that there
    ever was had the number `last`: the checkpoint knows by their numbers which of them the recorder has.

    A message is first `add`ed, then taken into the state of its stream (`take`) and only then sent: the recorder never
    has what the next sink would make again.
    """

    def __init__(self, address: str, records: Sequence[Record] = (), last: int = 0) -> None:
        self._peer = Peer(address, "sink")
        self._decode: Decoder[list[FromRecorder]] = Decoder(list[FromRecorder])
        self._made: dict[Key, list[tuple[bytes, bool]]] = {}
        self._records = deque(records)
        self._bytes = sum(len(one.body) for one in records)
        self._number = last
        self._sent = 0
        self._passed = 0  # number of first records that are known to be precious
        self.kept = 0
        """Number of the last record that the recorder has."""
        self.lost = 0
        """Records that were given up, since the recorder was away for too long."""

    def fileno(self) -> int:
        """File descriptor that is readable when the recorder has answered."""
        return self._peer.fileno()

    @property
    def is_empty(self) -> bool:
        """True if the recorder has all that was taken."""
        return not self._records

    @property
    def rejected(self) -> int:
        """Messages that could not be read."""
        return self._decode.rejected

    def add(self, key: Key, body: bytes, *, precious: bool) -> None:
        """Add a message about a stream, encoded as JSON."""
        self._made.setdefault(key, []).append((body, precious))

    def take(self, keys: Iterable[Key] | None = None) -> list[Record]:
        """Number what was added about these streams (None: all), and send it from now on. It belongs to the state."""
        taken: list[Record] = []
        for key in list(self._made) if keys is None else keys:
            for body, precious in self._made.pop(key, ()):
                self._number += 1
                taken.append(Record(number=self._number, body=body, precious=precious))
        self._records += taken
        self._bytes += sum(len(one.body) for one in taken)
        while self._bytes > MOST_BYTES:
            self._give_up()
        return taken

    def exchange(self) -> Iterator[bytes]:
        """Send what the recorder can take; yield what it brings, to be published."""
        if self._peer.renewed():
            self._sent = 0
        for data in self._peer.receive(BURST):
            yield from self._receive(data)
        while batch := self._next():
            self._peer.send(pack(batch))

    def close(self) -> None:
        """Disconnect."""
        if self._records:
            logger.warning("%d messages were not stored, since the recorder is away", len(self._records))
        self._peer.close()

    def _receive(self, data: bytes) -> Iterator[bytes]:
        try:
            messages = self._decode(data)
        except WireError as error:
            logger.warning("dropped a message from the recorder: %s", error)
            return
        for message in messages:
            match message:
                case Kept():
                    self._forget(message.number)
                case Brought():
                    yield message.body

    def _forget(self, number: int) -> None:
        while self._records and self._records[0].number <= number:
            self._bytes -= len(self._records.popleft().body)
            self._sent, self._passed = max(0, self._sent - 1), max(0, self._passed - 1)
            self.kept = number

    def _next(self) -> list[Record]:
        """The next records to send, if any: at least one may always be on its way."""
        if not self._peer.connected or self._sent >= min(WINDOW, len(self._records)):
            return []
        under_way = sum(len(self._records[i].body) for i in range(self._sent))
        batch: list[Record] = []
        while self._sent < min(WINDOW, len(self._records)):
            record = self._records[self._sent]
            under_way += len(record.body)
            if under_way > WINDOW_BYTES and self._sent:
                break
            batch.append(record)
            self._sent += 1
        return batch

    def _give_up(self) -> None:
        """Lose the oldest record that is not precious, or else the oldest."""
        while self._passed < len(self._records) and self._records[self._passed].precious:
            self._passed += 1
        at = self._passed if self._passed < len(self._records) else 0
        self._bytes -= len(self._records[at].body)
        del self._records[at]
        self._sent -= at < self._sent
        self._passed -= at < self._passed
        if not self.lost:
            logger.error("the recorder does not store what happened: the oldest messages are lost")
        self.lost += 1
