"""The state of each stream on disk, for the next sink if sink and dispatcher die together.

A file in the run's folder: for each step in which streams moved, their states, those of their tracks, counts and rules,
and the lengths of the files that results and events are written to. What was written to those after the last step is
taken back by the next sink, which delivers it again.
"""

import errno
import logging
import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge_daemon.errors import WireError
from edge_daemon.messages.accounting import StreamKey, StreamState
from edge_daemon.messages.codec import Decoder, Message, encode
from edge_daemon.messages.recording import Record

logger = logging.getLogger(__name__)
_HEAD = struct.Struct("<I")
"""Length of the step that follows, in bytes."""
LIMIT_BYTES = 256 << 10
"""Length beyond the states themselves at which the file is written again with the last ones only."""


class Step(Message, frozen=True, kw_only=True, tag="step.1"):
    """The states of streams that have moved, and of what is made of their results; `lengths` of the files in bytes (-1:
    none); the `records` that were made meanwhile, and the number of the last one that the recorder has.
    """

    streams: list[StreamState]
    analyses: list[tuple[str, str, bytes]]
    lengths: list[int]
    records: Sequence[Record] = ()
    kept: int = 0


class Checkpoint:
    """Keeps the last state of every stream, also in a file. If that cannot be written, it is removed, which is logged
    once.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._fd = path, -1
        self._states: dict[StreamKey, StreamState] = {}
        self._analyses: dict[StreamKey, bytes] = {}
        self._records: dict[int, Record] = {}
        self._kept = 0
        self.lengths: list[int] = []
        self._read()
        self._rewrite()

    @property
    def states(self) -> list[StreamState]:
        """Last state of each stream."""
        return list(self._states.values())

    @property
    def analyses(self) -> Mapping[StreamKey, bytes]:
        """Last state of what is made of the results of each stream."""
        return self._analyses

    @property
    def records(self) -> list[Record]:
        """What the recorder does not have, in order."""
        return list(self._records.values())

    @property
    def last_record(self) -> int:
        """Number of the last record that there ever was; 0: none."""
        return max(self._kept, *self._records, 0)

    def note(
        self,
        streams: Sequence[StreamState],
        analyses: Mapping[StreamKey, bytes],
        lengths: Sequence[int],
        records: Sequence[Record] = (),
        kept: int = 0,
    ) -> None:
        """Keep the states of streams that have moved, when the files have these lengths and the recorder has what is
        `kept`, with the records that were made meanwhile.
        """
        step = Step(
            streams=list(streams),
            analyses=[(*key, state) for key, state in analyses.items()],
            lengths=[*lengths],
            records=list(records),
            kept=kept,
        )
        self._keep(step)
        if self._fd < 0:
            return
        record = _record(step)
        try:
            if os.write(self._fd, record) < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._length += len(record)
        except OSError as error:
            self._give_up(error)
        if self._length > LIMIT_BYTES:
            self._rewrite()

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _keep(self, step: Step) -> None:
        self._states |= {state.key: state for state in step.streams}
        self._analyses |= {(camera, model): state for camera, model, state in step.analyses}
        self.lengths = step.lengths
        self._records |= {record.number: record for record in step.records}
        self._kept = max(self._kept, step.kept)
        for number in [number for number in self._records if number <= self._kept]:
            del self._records[number]

    def _read(self) -> None:
        """Read the file as far as it is whole."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return
        place, decode = 0, Decoder[Step](Step, max_bytes=len(data))
        while place + _HEAD.size <= len(data):
            (length,) = _HEAD.unpack_from(data, place)
            try:
                self._keep(decode(data[place + _HEAD.size : place + _HEAD.size + length]))
            except WireError:  # torn: the sink was killed here
                break
            place += _HEAD.size + length

    def _rewrite(self) -> None:
        """Write the file again, with the last states only."""
        self.close()
        analyses = [(*key, state) for key, state in self._analyses.items()]
        new = self._path.with_suffix(".new")
        try:
            step = Step(
                streams=self.states, analyses=analyses, lengths=self.lengths, records=self.records, kept=self._kept
            )
            new.write_bytes(_record(step))
            new.replace(self._path)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            self._give_up(error)
        self._length = 0

    def _give_up(self, error: OSError) -> None:
        logger.warning("cannot write %s: %s; it matters only if sink and dispatcher die together", self._path, error)
        self.close()
        with suppress(OSError):  # its states get old
            self._path.unlink(missing_ok=True)


def _record(step: Step) -> bytes:
    encoded = encode(step)
    return _HEAD.pack(len(encoded)) + encoded
