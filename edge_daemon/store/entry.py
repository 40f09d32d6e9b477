"""What is stored: the JSON of an event's phase, a track's end, counts or a mark, and what the index has of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from edge_daemon.errors import WireError
from edge_daemon.store.marks import Hold, Mark

Kept = Literal["alerts", "events", "tracks", "counts", "marks"]
"""Classes of entries, each of which is kept for a time of its own; marks stay as long as what they mark."""


class About(NamedTuple):
    """What an entry is about.

    `key` is the same for the same content, which is stored once. `subject` names the event, the track (camera, model
    and number) or the stream (camera and model). `words` are what events are found by, such as `class:person`.
    """

    kind: str
    kept: Kept
    key: str
    subject: str
    camera: str
    model: str
    at_s: float
    phase: str = ""
    words: frozenset[str] = frozenset()
    still: str | None = None
    clip: str | None = None
    still_sha256: str | None = None
    clip_sha256: str | None = None
    still_seq: int | None = None


class Entry(NamedTuple):
    """A message as it is stored, at its position, in a line of the journal's file `file`, by the run `run`."""

    position: int
    run: int
    file: str
    about: About
    body: bytes

    @property
    def line(self) -> bytes:
        """Its line in the journal."""
        return b'{"position":%d,"run":%d,"message":%s}\n' % (self.position, self.run, self.body)


class _Class(msgspec.Struct):
    class_name: str


class _Event(msgspec.Struct):
    id: str
    phase: str
    camera: str
    model: str
    rule: str
    alert: bool
    at: str
    tracks: list[_Class] = []
    facts: list[dict[str, Any]] = []
    still: str | None = None
    clip: str | None = None
    still_sha256: str | None = None
    clip_sha256: str | None = None
    still_seq: int | None = None


class _Track(msgspec.Struct):
    camera: str
    model: str
    phase: str
    epoch: int
    tracker_id: int
    last_at: str


class _Counts(msgspec.Struct, rename={"from_": "from"}):
    camera: str
    model: str
    from_: str
    to: str


class _Type(msgspec.Struct):
    type: str


def about(body: bytes) -> About:
    """What the JSON of a message is about.

    Raises:
        WireError: it is none that is stored.
    """
    try:
        match msgspec.json.decode(body, type=_Type).type:
            case "event":
                return _of_event(msgspec.json.decode(body, type=_Event))
            case "track":
                return _of_track(msgspec.json.decode(body, type=_Track))
            case "counts":
                return _of_counts(msgspec.json.decode(body, type=_Counts))
            case "mark":
                return _of_mark(msgspec.json.decode(body, type=Mark))
            case "hold":
                return _of_hold(msgspec.json.decode(body, type=Hold))
            case other:
                raise WireError(f"a message of type {other} is not stored")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise WireError(f"a message that cannot be stored: {error}") from error


def seconds_of(at: str) -> float:
    """Seconds since the Unix epoch of a time as messages have it.

    Raises:
        ValueError: it is none.
    """
    return datetime.fromisoformat(at).timestamp()


def _of_event(event: _Event) -> About:
    key = f"event/{event.id}/{event.phase}/{event.at}"
    if event.still or event.clip:  # an update that brings them
        key += f"/{event.still or ''}/{event.clip or ''}"
        key += f"/{event.still_sha256[:16]}" if event.still_sha256 else ""
    return About(
        "event",
        "alerts" if event.alert else "events",
        key,
        event.id,
        event.camera,
        event.model,
        seconds_of(event.at),
        event.phase,
        frozenset(_words(event)),
        event.still,
        event.clip,
        event.still_sha256,
        event.clip_sha256,
        event.still_seq,
    )


def _words(event: _Event) -> Iterator[str]:
    yield f"camera:{event.camera}"
    yield f"rule:{event.rule}"
    yield from (f"class:{track.class_name}" for track in event.tracks)
    yield from (f"zone:{fact['zone']}" for fact in event.facts if isinstance(fact.get("zone"), str))


def _of_track(track: _Track) -> About:
    subject = f"{track.camera}/{track.model}/{track.tracker_id}"
    key = f"track/{subject}/{track.epoch}/{track.phase}"
    return About("track", "tracks", key, subject, track.camera, track.model, seconds_of(track.last_at), track.phase)


def _of_counts(counts: _Counts) -> About:
    subject = f"{counts.camera}/{counts.model}"
    key = f"counts/{subject}/{counts.from_}/{counts.to}"
    return About("counts", "counts", key, subject, counts.camera, counts.model, seconds_of(counts.to))


def _of_mark(mark: Mark) -> About:
    key = f"mark/{mark.event}/{mark.at}/{mark.keep}/{mark.wrong}"
    return About("mark", "marks", key, mark.event, mark.camera, "", seconds_of(mark.at))


def _of_hold(hold: Hold) -> About:
    key = f"hold/{hold.camera}/{hold.at}/{hold.since_s}/{hold.until_s}/{hold.keep}"
    return About("hold", "marks", key, f"hold/{hold.camera}", hold.camera, "", seconds_of(hold.at))
