"""Checks from outside that everything a daemon publishes adds up."""

from dataclasses import dataclass, field

from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import Status, StreamCounts


@dataclass
class _Account:
    """State of one camera and model: `delivered` and `dropped` of the last status, and `results` since."""

    epoch: int = -1
    seq: int = -1
    ended: bool = False
    delivered: int | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    captured: int = 0
    results: int = 0


class Audit:
    """Checks published messages in order, and reports the first error.

    Results must be in order, without repetition, and account for the frames between them. The totals of a status must
    add up, and agree with the results since the last status. The totals of an end must agree with both.
    """

    def __init__(self, cameras: list[str] | None = None) -> None:
        self._cameras = cameras
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._sink: object = None
        self.results = self.statuses = 0

    def contradiction(self, message: Result | End | Status) -> str | None:
        """The error in a message, given those before it; None if there is none."""
        if isinstance(message, Status):
            self.statuses += 1
            return self._status(message)
        account = self._accounts.setdefault((message.camera, message.model), _Account())
        if isinstance(message, Result):
            self.results += 1
            wrong = self._result(message, account)
        else:
            wrong = self._end(message, account)
        return f"{message.camera} / {message.model}: {wrong}" if wrong else None

    @staticmethod
    def _result(result: Result, account: _Account) -> str | None:
        before, known = account.seq, account.epoch == result.epoch
        if account.epoch > result.epoch or (known and before >= result.seq):
            return f"frame {result.seq} of epoch {result.epoch} follows frame {before} of epoch {account.epoch}"
        ended, first = account.ended and known, account.epoch == -1
        account.epoch, account.seq, account.ended = result.epoch, result.seq, False
        account.results += 1
        between, accounted = result.seq - (before if known else -1) - 1, sum(result.dropped.values())
        if ended:
            return f"frame {result.seq} follows the end"
        # Frames before the first received, in this epoch, were published before subscribing.
        if accounted > between or (known and not first and accounted < between):
            return f"{between} frames are missing before frame {result.seq}, but {accounted} are accounted for"
        return None

    @staticmethod
    def _end(end: End, account: _Account) -> str | None:
        account.ended = True
        if end.captured != end.delivered + sum(end.dropped.values()):
            return f"at the end {_sum(end.captured, end.delivered, end.dropped)}"
        if account.delivered is not None and end.delivered != account.delivered + account.results:
            return f"{end.delivered} results in total, but {account.delivered} plus {account.results} were received"
        return None

    def _status(self, status: Status) -> str | None:
        # A new sink may publish unacknowledged results of the last one again: skip this comparison.
        sink = [process.pid for process in status.processes if process.role == "sink"]
        same, self._sink = sink == self._sink, sink
        watched = {c: of for c, of in status.cameras.items() if self._cameras is None or c in self._cameras}
        listed = {(camera, model): counts for camera, of in watched.items() for model, counts in of.models.items()}
        self._accounts = {key: account for key, account in self._accounts.items() if key in listed}
        for key, counts in listed.items():
            account = self._accounts.setdefault(key, _Account())
            wrong = _wrong_counts(counts) or (_wrong_since(counts, account) if same else None)
            if wrong:
                return f"{' / '.join(key)}: {wrong}"
            account.captured, account.delivered = counts.captured, counts.delivered
            account.dropped, account.results = counts.dropped, 0
        return None


def _wrong_counts(counts: StreamCounts) -> str | None:
    fates = counts.delivered + sum(counts.dropped.values()) + counts.in_flight
    if counts.captured != fates or min(counts.in_flight, counts.delivered) < 0:
        return f"{_sum(counts.captured, counts.delivered, counts.dropped)} and {counts.in_flight} in flight"
    return None


def _wrong_since(counts: StreamCounts, account: _Account) -> str | None:
    """The disagreement with the last status and the results since, if any."""
    if account.delivered is None:
        return None
    if counts.delivered != account.delivered + account.results:
        return f"{counts.delivered} delivered, but {account.delivered} plus {account.results} were received"
    shrunk = [reason for reason, count in account.dropped.items() if counts.dropped.get(reason, 0) < count]
    if shrunk or counts.captured < account.captured:
        return f"{shrunk[0] if shrunk else 'captured'} is less than before"
    return None


def _sum(captured: int, delivered: int, dropped: dict[str, int]) -> str:
    losses = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "none"
    return f"{captured} captured do not equal {delivered} delivered plus dropped: {losses}"
