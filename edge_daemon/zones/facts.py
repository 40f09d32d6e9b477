"""Facts: what happened at a zone or line, for counts and rules."""

from typing import Literal

import msgspec

Direction = Literal["in", "out"]


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that a track did at `time_s` of camera time.

    It was certain once it had been `settled_s` on the other side. It is not `certain` if nobody looked meanwhile, or if
    the track began or ended too close to the border.
    """

    tracker_id: int
    class_name: str
    time_s: float
    settled_s: float = 0.0
    certain: bool = True


class Entered(Fact, frozen=True, kw_only=True, tag="entered"):
    """A track is in a zone. `began_inside` if it was not seen outside before."""

    zone: str
    began_inside: bool = False


class Left(Fact, frozen=True, kw_only=True, tag="left"):
    """A track has left a zone after a visit of `dwell_s`. `ended_inside` if it was not seen outside afterwards."""

    zone: str
    dwell_s: float
    ended_inside: bool = False


class Crossed(Fact, frozen=True, kw_only=True, tag="crossed"):
    """A track has crossed a line: `in` is from the left hand to the right hand of someone who looks along the line."""

    line: str
    direction: Direction
