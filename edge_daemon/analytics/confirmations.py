"""Models that run after another one, and confirm the events about its tracks."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from edge_daemon.messages.findings import Detection
from edge_daemon.messages.published import Result
from edge_daemon.rules.rule import Question

LOOKS = 64
"""Looks of which the numbers of the detections are kept, for the results of other models in the same frames."""


class Look(NamedTuple):
    """The number of the track of each detection of a frame."""

    epoch: int
    seq: int
    ids: tuple[int | None, ...]


class Answer(NamedTuple):
    """The answer to a question about an event."""

    event: str
    confirmed: bool


class Open(msgspec.Struct):
    """A question that is open: the tracks that it is about, and those that the model has refused."""

    model: str
    classes: tuple[str, ...] | None
    tracks: set[int]
    refused: set[int] = set()


class Confirmations:
    """Keeps the questions that are open, and finds the answers in results of other models.

    An event is confirmed once the model finds one of the wanted classes in one of its tracks, or, if no classes are
    named, the class that the track has anyway. It is not once the model has looked at all of them without.
    """

    def __init__(self, state: Mapping[str, Open] | None = None) -> None:
        self.state: dict[str, Open] = dict(state or {})
        self._looks: deque[Look] = deque(maxlen=LOOKS)

    def ask(self, question: Question) -> None:
        """Keep a question until it is answered."""
        self.state[question.event] = Open(question.model, question.classes, set(question.tracks))

    def close(self, event: str) -> None:
        """Forget a question: its event has begun without an answer, or has ended."""
        self.state.pop(event, None)

    def look(self, result: Result) -> None:
        """Keep the numbers of the detections of a frame."""
        self._looks.append(Look(result.epoch, result.seq, tuple(one.tracker_id for one in result.detections)))

    def number(self, result: Result) -> None:
        """Give the detections of a model that runs after the tracked one the numbers of their tracks."""
        ids = self._ids(result)
        result.detections = [
            one
            if one.parent is None or one.parent >= len(ids) or ids[one.parent] is None
            else msgspec.structs.replace(one, tracker_id=ids[one.parent])
            for one in result.detections
        ]

    def answers(self, result: Result) -> Iterator[Answer]:
        """The questions that a numbered result answers."""
        for event, asked in list(self.state.items()):
            if asked.model != result.model:
                continue
            looked = [one for one in result.detections if one.tracker_id in asked.tracks]
            asked.refused |= {one.tracker_id for one in looked if one.tracker_id}
            if any(_is_confirmed(one, asked.classes) for one in looked):
                del self.state[event]
                yield Answer(event, confirmed=True)
            elif looked and asked.refused >= asked.tracks:
                del self.state[event]
                yield Answer(event, confirmed=False)

    def _ids(self, result: Result) -> Sequence[int | None]:
        for look in reversed(self._looks):
            if (look.epoch, look.seq) == (result.epoch, result.seq):
                return look.ids
        return ()


def _is_confirmed(one: Detection, classes: tuple[str, ...] | None) -> bool:
    found = [one.classes[0].class_name] if one.classes else [inner.class_name for inner in one.detections or ()]
    return any(name in (classes or (one.class_name,)) for name in found)
