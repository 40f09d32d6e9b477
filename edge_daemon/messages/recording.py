"""Between the recorder and the processes that it records: the sink with what happened, captures with packets."""

from edge_daemon.messages.codec import Message

# sink -> recorder


class Record(Message, frozen=True, kw_only=True, tag="record.1"):
    """A message to be stored, as JSON, with its number in the order of the sink. The sink keeps it until it is `Kept`;
    it is sent again on every new connection.
    """

    number: int
    body: bytes
    precious: bool = False


# recorder -> sink


class Kept(Message, frozen=True, kw_only=True, tag="kept.1"):
    """All records up to this number are stored."""

    number: int


class Brought(Message, frozen=True, kw_only=True, tag="brought.1"):
    """A message of the recorder's own that is stored, and to be published: the update of an event, as JSON."""

    body: bytes


# recorder -> bridge


class Stored(Message, frozen=True, kw_only=True, tag="stored.1"):
    """There is something in the store up to this position. Only the last of several counts."""

    position: int


# capture -> recorder


class Parameters(Message, frozen=True, kw_only=True, tag="parameters.1"):
    """The packets that follow are decoded by these (`media.parameters`)."""

    data: bytes


class SoundParameters(Message, frozen=True, kw_only=True, tag="sound.1"):
    """The same of packets of sound (`media.sound`)."""

    data: bytes


class Coded(Message, frozen=True, kw_only=True, tag="coded.1"):
    """A packet: its number in the order of arrival at this capture (`source`), and what `media.packets.Packet` has.

    `time_s` is on the clock of the epoch, as that of results; `captured_s` is the same moment on CLOCK_MONOTONIC.
    """

    source: str
    number: int
    epoch: int
    time_s: float
    captured_s: float = 0.0
    key: bool
    seq: int | None = None
    stamp_s: float | None = None
    duration_s: float = 0.0
    discarded: bool = False
    sound: bool = False
    main: bool = False
    data: bytes


class Placed(Message, frozen=True, kw_only=True, tag="placed.1"):
    """The picture that models look at, `size` wide and high, shows this part of what is recorded: left, top, right and
    bottom, as shares.
    """

    size: tuple[int, int]
    part: tuple[float, float, float, float]


# recorder -> capture


class Follow(Message, frozen=True, kw_only=True, tag="follow.1"):
    """Send packets from the key frame before `since_s` on (on the clock of `epoch`; of another one: all that there
    are), until `Rest`.
    """

    epoch: int
    since_s: float


class Rest(Message, frozen=True, kw_only=True, tag="rest.1"):
    """Send no more packets."""


FromCapture = Parameters | SoundParameters | Coded | Placed
ToCamera = Follow | Rest
FromRecorder = Kept | Brought
