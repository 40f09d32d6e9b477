"""Ids of events: derived from what they are about, so that the same event from a replay has the same one."""

import hashlib
import uuid
from typing import NamedTuple


class Origin(NamedTuple):
    """What an event is about: the look at which its condition began, and the track, 0 where the rule has none."""

    box: str
    camera: str
    model: str
    rule: str
    epoch: int
    seq: int
    tracker_id: int
    part: int = 1


def event_id(start_s: float, origin: Origin) -> str:
    """UUID of version 7: 48 bits of the start in milliseconds since the Unix epoch, the rest from SHA-256."""
    text = "\0".join(map(str, origin if origin.part > 1 else origin[:-1]))
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10])
    value = (int(start_s * 1000) & (1 << 48) - 1) << 80 | digest
    value = value & ~(0xF << 76) | 7 << 76
    return str(uuid.UUID(int=value & ~(0x3 << 62) | 2 << 62))
