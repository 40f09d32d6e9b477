"""The keys of rules."""

from typing import Literal

from pydantic import Field

from edge_daemon.config.places import Filtered
from edge_daemon.config.section import Section
from edge_daemon.config.values import ClockTimes, Duration, Pause, Word, Words
from edge_daemon.settings import (
    Absent,
    Appears,
    ConditionSettings,
    ConfirmSettings,
    Count,
    Covers,
    Crosses,
    Deposited,
    Enters,
    HasState,
    Leaves,
    RuleSettings,
    Speed,
    Stays,
    Taken,
    Then,
)

CONDITIONS = (
    "enters", "leaves", "appears", "stays", "covers", "count", "absent", "left", "taken", "crosses", "speed", "scene",
    "camera", "system",
)  # fmt: skip
"""Keys of a rule of which it has one."""


class StaysIn(Section):
    """A zone, and a time in it."""

    zone: Word
    """Name of a zone."""
    for_: Duration = Field(alias="for", examples=["30s"])
    """Time looked at."""


class CoversIn(Section):
    """A zone that covers a whole box."""

    zone: Word
    """Name of a zone."""
    for_: Duration = Field(default="500ms", alias="for", validate_default=True)
    """Time looked at."""


class SpeedIn(Section):
    """A zone, and a speed in it."""

    zone: Word
    """Name of a zone with lengths."""
    above: float = Field(gt=0, le=1000, examples=[50])
    """Kilometres an hour."""


class CountIn(Section):
    """A zone, and how many are in it."""

    zone: Word
    """Name of a zone."""
    above: int | None = Field(default=None, ge=0, le=1000, examples=[3])
    """More than this many: above 3 are 4 or more."""
    below: int | None = Field(default=None, ge=1, le=1000, examples=[1])
    """Fewer than this many."""
    for_: Duration | None = Field(default=None, alias="for", examples=["10s"])
    """Time looked at for which this has been so; at once if left out."""


class LeftIn(Section):
    """A zone in which something was left."""

    zone: Word
    """Name of a zone."""
    for_: Duration = Field(alias="for", examples=["60s"])
    """Time looked at for which it has been at rest."""
    furniture: Duration = Field(default="30min", validate_default=True)
    """Time after which it belongs there."""
    owner: list[Word] = Field(default=["person"])
    """Classes of those who may have brought it: it is not left while the one that did is near. [] for none."""
    near: float = Field(default=1.0, ge=0, le=10)
    """How near that is, in heights of the owner."""


class ThenCrossing(Section):
    """Another line that is crossed afterwards."""

    line: Word
    """Name of a line."""
    direction: Literal["in", "out"] | None = None
    """Direction that counts; both if left out."""
    within: Duration = Field(examples=["10s"])
    """Longest time between the two crossings."""


class LineCrossing(Section):
    """A line that is crossed."""

    line: Word
    """Name of a line."""
    direction: Literal["in", "out"] | None = None
    """Direction that counts; both if left out."""
    then: ThenCrossing | None = Field(default=None, examples=[{"line": "door", "within": "10s"}])
    """Another line that the same track has to cross afterwards: one event for both."""


class Confirm(Section):
    """Another model that looks at the tracks before there is an event."""

    model: Word
    """Name of the model. It runs after the one that is tracked (`after`)."""
    classes: Words | None = Field(default=None, examples=[["person"]])
    """Classes by which it confirms; those of the rule if left out."""
    within: Duration = Field(default="2s", validate_default=True)
    """Time after which the event begins without an answer."""

    @property
    def settings(self) -> ConfirmSettings:
        """The model for those that ask it."""
        classes = tuple(self.classes) if self.classes else None
        return ConfirmSettings(model=self.model, classes=classes, within_s=self.within)


class Rule(Filtered):
    """A condition, when it counts, and which events it makes. It has one of the conditions enters to system."""

    cameras: Words | None = Field(default=None, examples=[["yard"]])
    """Names of the cameras; all that have the zone or line if left out."""
    model: Word | None = None
    """Name of the model whose tracks count; needed if a camera has several."""
    enters: Word | None = Field(default=None, examples=["drive"])
    """Zone that is entered, or in which something is first seen."""
    leaves: Word | None = Field(default=None, examples=["drive"])
    """Zone that is left."""
    appears: Word | None = Field(default=None, examples=["drive"])
    """Zone inside which something is first seen."""
    stays: StaysIn | None = Field(default=None, examples=[{"zone": "door", "for": "30s"}])
    """Zone, and for how long something stays in it."""
    covers: CoversIn | None = Field(default=None, examples=[{"zone": "bay", "for": "10s"}])
    """Zone in which the whole box of something lies."""
    count: CountIn | None = Field(default=None, examples=[{"zone": "door", "above": 3, "for": "10s"}])
    """Zone, and how many are in it."""
    absent: StaysIn | None = Field(default=None, examples=[{"zone": "door", "for": "5min"}])
    """Zone, and for how long nobody is in it."""
    left: LeftIn | None = Field(default=None, examples=[{"zone": "door", "for": "60s"}])
    """Zone in which an object was left."""
    taken: StaysIn | None = Field(default=None, examples=[{"zone": "door", "for": "60s"}])
    """Zone from which an object is taken, and for how long it was at rest before."""
    crosses: LineCrossing | None = Field(default=None, examples=[{"line": "gate", "direction": "out"}])
    """Line that is crossed."""
    speed: SpeedIn | None = Field(default=None, examples=[{"zone": "road", "above": 50}])
    """Zone with lengths, and a speed that is exceeded in it, in kilometres an hour."""
    scene: list[Literal["covered", "moved", "dark"]] | None = Field(default=None, min_length=1, examples=[["covered"]])
    """States of the picture."""
    camera: list[Literal["down", "frozen"]] | None = Field(default=None, min_length=1, examples=[["down", "frozen"]])
    """States of the camera."""
    system: list[Literal["disk", "storage", "receiver", "restarts"]] | None = Field(
        default=None, min_length=1, examples=[["disk"]]
    )
    """Troubles of this machine."""
    for_: Duration | None = Field(default=None, alias="for", examples=["1min"])
    """With scene, camera or system: how long it has been so; at once if left out."""
    during: Word | None = Field(default=None, examples=["22:00-06:00", "mon-fri 08:00-18:00", "sunset-sunrise"])
    """Ranges of local time, separated by commas; always if left out."""
    modes: Words | None = Field(default=None, examples=[["away"]])
    """Modes in which the rule is on; all if left out."""
    cooldown: Pause = Field(default="30s", validate_default=True)
    """Time after an event in which there is no other; what falls into it is counted in the next one."""
    per: Literal["camera", "track"] = "camera"
    """track: each track makes an event and has a cool-down of its own."""
    linger: Pause = Field(default="5s", validate_default=True)
    """Time looked at for which the condition has to be false before an event ends."""
    quiet: bool = False
    """The events make no alert."""
    confirm: Confirm | None = Field(default=None, examples=[{"model": "is-person", "within": "2s"}])
    """Another model that has to confirm."""

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the zones that the rule is about."""
        given = (self.stays, self.covers, self.count, self.absent, self.left, self.taken, self.speed)
        names = (self.enters, self.leaves, self.appears, *(one.zone for one in given if one))
        return tuple(name for name in names if name)

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines that the rule is about."""
        crosses = self.crosses
        return tuple(one.line for one in (crosses, crosses.then) if one) if crosses else ()

    @property
    def needs_tracks(self) -> bool:
        """True if the rule is about tracks, not about the camera or the machine."""
        return bool(self.zones or self.lines)

    @property
    def settings(self) -> RuleSettings:
        """The rule for those that evaluate it."""
        return RuleSettings(
            condition=self._condition,
            filter=self.filter,
            during=self.during,
            modes=tuple(self.modes) if self.modes else None,
            cooldown_s=self.cooldown,
            per=self.per,
            linger_s=self.linger,
            quiet=self.quiet,
            confirm=self.confirm.settings if self.confirm else None,
        )

    @property
    def _condition(self) -> ConditionSettings:
        if self.enters:
            return Enters(zone=self.enters)
        if self.leaves:
            return Leaves(zone=self.leaves)
        if self.appears:
            return Appears(zone=self.appears)
        if self.stays:
            return Stays(zone=self.stays.zone, for_s=self.stays.for_)
        if self.count:
            counted = self.count
            return Count(zone=counted.zone, above=counted.above, below=counted.below, for_s=counted.for_ or 0.0)
        if self.absent:
            return Absent(zone=self.absent.zone, for_s=self.absent.for_)
        if self.left:
            left = self.left
            return Deposited(
                zone=left.zone, for_s=left.for_, furniture_s=left.furniture, owners=tuple(left.owner), near=left.near
            )
        if self.taken:
            return Taken(zone=self.taken.zone, for_s=self.taken.for_)
        if self.crosses:
            then = self.crosses.then
            second = Then(line=then.line, within_s=then.within, direction=then.direction) if then else None
            return Crosses(line=self.crosses.line, direction=self.crosses.direction, then=second)
        if self.covers:
            return Covers(zone=self.covers.zone, for_s=self.covers.for_)
        if self.speed:
            return Speed(zone=self.speed.zone, above=self.speed.above)
        return self._state

    @property
    def _state(self) -> HasState:
        for_s = self.for_ or 0.0
        if self.scene:
            return HasState(of="scene", states=tuple(self.scene), for_s=for_s)
        if self.camera:
            return HasState(of="camera", states=tuple(self.camera), for_s=for_s)
        return HasState(of="system", states=tuple(self.system or ()), for_s=for_s)


class Location(Section):
    """Where this machine is: for local time, sunrise and sunset."""

    latitude: float | None = Field(default=None, ge=-90, le=90, examples=[52.5])
    """Degrees north."""
    longitude: float | None = Field(default=None, ge=-180, le=180, examples=[13.4])
    """Degrees east."""
    time_zone: Word | None = Field(default=None, examples=["Europe/Berlin"])
    """Time zone; that of the machine if left out."""


class Counts(Section):
    """Reports of what zones and lines count."""

    every: Duration = Field(default="1min", validate_default=True)
    """Time between two reports."""
    reset: ClockTimes = Field(default="00:00", validate_default=True, examples=["00:00", ["06:00", "18:00"], []])
    """Local times, one or several, at which the counts since the reset begin again; [] for never."""
