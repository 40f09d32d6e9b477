"""The files that the sink writes: results, and tracks, counts and events."""

from collections.abc import Collection, Sequence
from pathlib import Path

from edge_daemon.messages.accounting import StreamKey
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.topics import OfCamera
from edge_daemon.settings import SinkSettings
from edge_daemon.sink.result_file import ResultFile


class Files:
    """Writes each message to the file that it belongs to, if there is one.

    Raises:
        StartError: a file cannot be opened.
    """

    def __init__(self, settings: SinkSettings) -> None:
        self._cameras = settings.cameras
        marker = Path(settings.replaced) if settings.replaced else None
        self._results = ResultFile(settings.results, marker) if settings.results else None
        beside = marker.with_name("events-replaced") if marker else None
        self._events = ResultFile(settings.events, beside, what="events") if settings.events else None
        self._all = [file for file in (self._results, self._events) if file]

    @property
    def waits(self) -> bool:
        """True while lines cannot be written, but may be later."""
        return any(file.waits for file in self._all)

    @property
    def trouble(self) -> str:
        """What cannot be written and why; empty if all is well."""
        return ", ".join(f"{file.what} ({file.trouble.strerror})" for file in self._all if file.trouble)

    @property
    def lengths(self) -> list[int]:
        """Length of each file in bytes; -1 of a pipe."""
        return [file.length for file in self._all]

    def take_back(self, lengths: Sequence[int], ours: Collection[StreamKey]) -> None:
        """Shorten the files to `lengths`: what follows about the streams `ours` is delivered again."""
        for file, length in zip(self._all, lengths, strict=False):
            file.take_back(length, ours)

    def write(self, message: OfCamera, body: bytes) -> None:
        """Add a message, encoded as JSON."""
        file = self._results if isinstance(message, Result | End) else self._events
        if file:
            file.write(body, keep=self._cameras[message.camera].delivery == "lossless")

    def change(self, settings: SinkSettings) -> None:
        """Apply new cameras."""
        self._cameras = settings.cameras

    def flush(self) -> None:
        """Write all that was added."""
        for file in self._all:
            file.flush()

    def close(self) -> None:
        """Write all that was added, to the disk itself."""
        for file in self._all:
            file.close()
