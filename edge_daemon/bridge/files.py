"""Files of JSON lines, one for each message, in the order of the store."""

import time
from collections.abc import Sequence
from pathlib import Path

from edge_daemon.bridge.drive import Drive
from edge_daemon.bridge.receiver import Context, Receiver
from edge_daemon.bridge.rotation import RotatingFile
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.settings import FilesSettings

SYNC_S = 1.0
"""Time until what is not stored, such as results, is on the disk itself; all else is there at once."""


def connect(settings: FilesSettings, context: Context) -> "Files":
    """The receiver of a bridge."""
    return Files(settings, context)


class Files(Receiver):
    """Appends messages to a file. One that an earlier process has written, without having noted that, is recognised by
    its line, unless `payload` makes lines that may be alike.
    """

    streams = True
    batch = 256

    def __init__(self, settings: FilesSettings, context: Context) -> None:
        self._context, self._file, self._drive = context, RotatingFile(settings), Drive()
        self._written: set[bytes] = set()
        self._synced_s = 0.0
        self.to = Path(settings.path).name

    def lane_of(self, message: Message) -> str:
        """One lane for all."""
        return ""

    async def open(self) -> None:
        """Look at the last lines."""
        lines = await self._drive.run(self._file.mend)
        self._written = set(lines) if self._context.settings.payload is None else set()

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Append lines."""
        lines, is_stored = list[bytes](), False
        for message in messages:
            line = self._context.composer.payload(message).content
            if message.positions:
                is_stored = True
                if line in self._written:
                    continue
                self._written.clear()
            lines.append(line)
        if not lines:
            return
        sync = is_stored or time.monotonic() - self._synced_s > SYNC_S
        await self._drive.run(self._file.write, lines, sync=sync)
        self._synced_s = time.monotonic() if sync else self._synced_s
