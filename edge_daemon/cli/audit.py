"""Whether what a daemon publishes adds up, seen from outside."""

from dataclasses import dataclass, field

from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import Status, StreamCounts


@dataclass
class _Account:
    """What is known of one camera and model. `delivered` and `dropped` are the last status's, `results` came since."""

    epoch: int = -1
    seq: int = -1
    ended: bool = False
    delivered: int | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    captured: int = 0
    results: int = 0


class Audit:
    """Takes in the messages of all or some cameras, as they were published, and finds the first that contradicts.

    A result is in order, none comes twice, and the frames since the one before are accounted for. A status's sums are
    right, and agree with the results since the status before. The totals of an end agree with both.
    """

    def __init__(self, cameras: list[str] | None = None) -> None:
        self._cameras = cameras
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._sink: object = None
        self.results = self.statuses = 0

    def contradiction(self, message: Result | End | Status) -> str | None:
        """What is wrong with a message, in view of those before; None if nothing is."""
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
            return f"frame {result.seq} of epoch {result.epoch} comes after frame {before} of epoch {account.epoch}"
        ended, first = account.ended and known, account.epoch == -1
        account.epoch, account.seq, account.ended = result.epoch, result.seq, False
        account.results += 1
        between, told = result.seq - (before if known else -1) - 1, sum(result.dropped.values())
        if ended:
            return f"frame {result.seq} comes after the end"
        # Where this began to listen in mid-epoch, or the model to look, earlier frames are somebody else's.
        if told > between or (known and not first and told < between):
            return f"{between} frames lie before frame {result.seq}, and {told} are accounted for"
        return None

    @staticmethod
    def _end(end: End, account: _Account) -> str | None:
        account.ended = True
        if end.captured != end.delivered + sum(end.dropped.values()):
            return f"at the end {_sum(end.captured, end.delivered, end.dropped)}"
        if account.delivered is not None and end.delivered != account.delivered + account.results:
            return f"{end.delivered} results in all, but {account.delivered} and then {account.results} were seen"
        return None

    def _status(self, status: Status) -> str | None:
        # A new sink may publish again what the one before did not get acknowledged: that second proves nothing.
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
    """What does not follow from the status before and the results since."""
    if account.delivered is None:
        return None
    if counts.delivered != account.delivered + account.results:
        return f"{counts.delivered} delivered, but it were {account.delivered}, and {account.results} came since"
    shrunk = [reason for reason, count in account.dropped.items() if counts.dropped.get(reason, 0) < count]
    if shrunk or counts.captured < account.captured:
        return f"fewer {shrunk[0] if shrunk else 'captured'} than there were"
    return None


def _sum(captured: int, delivered: int, dropped: dict[str, int]) -> str:
    losses = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "none"
    return f"{captured} captured are not {delivered} delivered, dropped: {losses}"
