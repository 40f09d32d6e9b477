"""The state of each stream on disk, for the next sink if sink and dispatcher die together.

A file in the run's folder: for each step in which streams moved, the length of the result file at that time, and the
states of those streams. Results and ends that were written after the last step are made up for from their lines.
"""

import errno
import logging
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_daemon.errors import WireError
from edge_daemon.messages.accounting import Acks, StreamState
from edge_daemon.messages.codec import Decoder, encode
from edge_daemon.messages.fates import Dropped

logger = logging.getLogger(__name__)
_HEAD = struct.Struct("<Iq")
"""Length of the states that follow, and of the result file (-1: none), in bytes."""
LIMIT_BYTES = 256 << 10
"""Length at which the file is written again with the last states only."""


class ResultLine(msgspec.Struct, frozen=True, tag_field="type", tag="result"):
    """The part of a result in the result file that concerns its stream."""

    camera: str
    model: str
    epoch: int
    seq: int
    dropped: Dropped


class EndLine(msgspec.Struct, frozen=True, tag_field="type", tag="end"):
    """The end of a stream in the result file: totals over all epochs."""

    camera: str
    model: str
    epoch: int
    captured: int
    dropped: Dropped


Line = ResultLine | EndLine


class Checkpoint:
    """Keeps the last state of every stream, also in a file. If that cannot be written, it is removed, which is logged
    once. The file `results` has `length` bytes of this run.
    """

    def __init__(self, path: Path, results: Path | None = None, length: int = -1) -> None:
        self._path, self._fd = path, -1
        self._states: dict[tuple[str, str], StreamState] = {}
        written = self._read()
        if results and 0 <= written < length:
            self._states = {s.key: s for s in caught_up(self._states.values(), _lines(results, written))}
        self._rewrite(length)

    @property
    def states(self) -> list[StreamState]:
        """Last state of each stream."""
        return list(self._states.values())

    def note(self, acks: Acks, written: int) -> None:
        """Keep the states of streams that have moved; the result file has `written` bytes now."""
        self._states |= {state.key: state for state in acks.streams}
        if self._fd < 0:
            return
        encoded = encode(acks)
        record = _HEAD.pack(len(encoded), written) + encoded
        try:
            if os.write(self._fd, record) < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._length += len(record)
        except OSError as error:
            self._give_up(error)
        if self._length > LIMIT_BYTES:
            self._rewrite(written)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> int:
        """Read the file as far as it is whole; return the length that the result file had."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return -1
        place, written, decode = 0, -1, Decoder[Acks](Acks)
        while place + _HEAD.size <= len(data):
            length, at = _HEAD.unpack_from(data, place)
            try:
                acks = decode(data[place + _HEAD.size : place + _HEAD.size + length])
            except WireError:  # torn: the sink was killed here
                break
            self._states |= {state.key: state for state in acks.streams}
            written, place = at, place + _HEAD.size + length
        return written

    def _rewrite(self, written: int) -> None:
        """Write the file again, with the last state of each stream."""
        self.close()
        encoded = encode(Acks(streams=self.states))
        new = self._path.with_suffix(".new")
        try:
            new.write_bytes(_HEAD.pack(len(encoded), written) + encoded)
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


def caught_up(states: Iterable[StreamState], lines: Iterable[Line]) -> list[StreamState]:
    """The states after these lines were published too."""
    by_key = {state.key: state for state in states}
    for line in lines:
        key = line.camera, line.model
        state = by_key.get(key) or StreamState(camera=line.camera, model=line.model, epoch=line.epoch)
        by_key[key] = _after_result(state, line) if isinstance(line, ResultLine) else _after_end(state, line)
    return list(by_key.values())


def _after_result(state: StreamState, line: ResultLine) -> StreamState:
    if (line.epoch, line.seq) <= (state.epoch, state.published):
        return state
    new = Counter(line.dropped) - Counter(state.gap if line.epoch == state.epoch else {})
    return StreamState(
        camera=line.camera,
        model=line.model,
        epoch=line.epoch,
        resolved=line.seq,
        published=line.seq,
        delivered=state.delivered + 1,
        dropped=dict(Counter(state.dropped) + new),
    )


def _after_end(state: StreamState, line: EndLine) -> StreamState:
    """The state at the end of its epoch. The end of another one, of which nothing is known, is left to be repeated."""
    if line.epoch != state.epoch or state.finished:
        return state
    before = state.delivered + sum(state.dropped.values()) - (state.resolved + 1)
    gap = Counter(state.gap) + (Counter(line.dropped) - Counter(state.dropped))
    return msgspec.structs.replace(
        state, resolved=line.captured - before - 1, gap=dict(gap), dropped=line.dropped, finished=True
    )


def _lines(results: Path, start: int) -> Iterator[Line]:
    """The whole lines of the result file from byte `start` on, without those of other programs."""
    try:
        with results.open("rb") as file:
            file.seek(start)
            tail = file.read()
    except FileNotFoundError:
        return
    for line in tail[: tail.rfind(b"\n") + 1].splitlines():
        try:
            yield msgspec.json.decode(line, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
