"""A message on its way to a receiver."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge_daemon.delivery.settings import SelectionSettings
from edge_daemon.messages.published import utc

MOST_WORDS = 10
TEST = "test:"
"""Beginning of the ids of test messages."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as it was published (`body`, JSON, and as `data`), under an `id` that it keeps when it is sent again.

    `positions` are those in the store that it delivers; none if it is not from there. `still` is the file of the
    picture of an `event` (its id), if there may be one. `read_s` is the monotonic time at which it was
    read. Messages of a camera stay in order.
    """

    id: str
    body: bytes
    data: dict[str, Any]
    positions: tuple[int, ...] = ()
    still: Path | None = None
    event: str = ""
    read_s: float = field(default_factory=time.monotonic)

    @property
    def type(self) -> str:
        """`event`, `track`, `counts`, `status`, `result`, or `digest`."""
        return str(self.data.get("type", ""))

    @property
    def camera(self) -> str:
        """Its camera; empty if it is about all."""
        return str(self.data.get("camera", ""))

    @property
    def rule(self) -> str:
        """The rule of an event."""
        return str(self.data.get("rule", ""))

    @property
    def at(self) -> str:
        """Time of what it is about, in UTC."""
        return next((str(self.data[key]) for key in ("at", "captured_at", "last_at", "to") if self.data.get(key)), "")

    @property
    def begins(self) -> bool:
        """True for the first phase of an event."""
        return self.data.get("phase") == "start" and self.type == "event"

    def values(self, box: str, time_zone: ZoneInfo) -> dict[str, str]:
        """The values of names in templates."""
        data = self.data
        moment = datetime.fromisoformat(self.at or utc(time.time_ns())).astimezone(time_zone)
        tracks = data.get("tracks") or []
        what = _some([f"{one['class_name']} {one['tracker_id']}" for one in tracks])
        because = "; ".join(map(str, data.get("because") or []))
        subject, summary = f"{self.camera}: {self.rule}", f"{what}, {moment:%H:%M:%S}" if what else because
        if self.type == "digest":
            what = summary = _some([f"{one['camera']} {one['rule']} {one['count']}" for one in data["events"]])
            subject = f"{box}: {data['count']} events"
        plain = {
            key: str(data.get(key) or "") for key in ("camera", "rule", "phase", "id", "incident", "model", "reason")
        }
        return plain | {
            "box": box,
            "type": self.type,
            "at": self.at,
            "date": f"{moment:%Y-%m-%d}",
            "time": f"{moment:%H:%M:%S}",
            "what": what,
            "classes": _some(sorted({one["class_name"] for one in tracks})),
            "because": because,
            "subject": subject,
            "summary": summary,
            "count": str(data.get("count", 1)),
        }


def is_wanted(data: dict[str, Any], selection: SelectionSettings) -> bool:
    """True if a message is to be delivered."""
    if selection.cameras is not None and data.get("camera") not in (None, *selection.cameras):
        return False
    if data.get("type") != "event":
        return True
    if selection.alerts and not data.get("alert"):
        return False
    for key, names in (("rule", selection.rules), ("phase", selection.phases)):
        if names is not None and data.get(key) not in names:
            return False
    classes = {track["class_name"] for track in data.get("tracks") or []}
    return selection.classes is None or bool(classes & set(selection.classes))


def digest(messages: Sequence[Message], box: str) -> Message:
    """One message for several events that began: how many of each camera and rule, from when to when."""
    counts: dict[tuple[str, str], int] = {}
    for message in messages:
        key = message.camera, message.rule
        counts[key] = counts.get(key, 0) + 1
    first, last = messages[0], messages[-1]
    body: dict[str, Any] = {
        "v": 1,
        "type": "digest",
        "box": box,
        "from": first.at,
        "at": last.at,
        "count": len(messages),
        "events": [{"camera": camera, "rule": rule, "count": count} for (camera, rule), count in counts.items()],
        "ids": [message.data.get("id") for message in messages],
    }
    positions = tuple(position for message in messages for position in message.positions)
    id = f"{first.id}-{positions[-1]}" if positions else first.id
    shown = next((one for one in reversed(messages) if one.still), first)
    return Message(
        id=id, body=msgspec.json.encode(body), data=body, positions=positions, still=shown.still, event=shown.event
    )


def _some(words: Sequence[str]) -> str:
    """The first words of a list, and how many more there are."""
    more = [f"and {len(words) - MOST_WORDS} more"] if len(words) > MOST_WORDS else []
    return ", ".join([*words[:MOST_WORDS], *more])
