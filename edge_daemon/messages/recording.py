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


ToRecorder = Record
FromRecorder = Kept | Brought
