"""The interface between a bridge and its receiver.

A kind of receiver is a module `edge_daemon/bridge/KIND.py` with

    def connect(settings: KindSettings, context: Context) -> Receiver

where KIND is the tag of its settings (`delivery/settings.py`). Only that module imports the client library, so that
only the bridges of this kind load it. The bridge does the rest: reading the store, selecting, order, retries, dead
letters, the cursor, limits, digests, state and metrics.

- `open` is called at the start, after a failure that was not a rejection, and when the receiver is in `trouble`,
  such as without its connection, even if there is nothing to deliver.
- `deliver` is called with messages of one lane (`lane_of`), in order, and returns once the receiver has acknowledged
  them all. Up to `lanes` calls run at a time, never two of one lane. It raises `Undelivered`, with the number of first
  messages that were acknowledged all the same. A message that is delivered again has the same id.
- All run in one asyncio event loop, and must not block it: a library that blocks runs in `asyncio.to_thread`. A call
  that takes longer than `timeout_s` is cancelled, and counts as a failure.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from edge_daemon.bridge.live import Live
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.payload import Composer
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import AnyReceiver, BridgeSettings
from edge_daemon.errors import StartError
from edge_daemon.messages.requests import AnyRequest
from edge_daemon.store.reader import Reader

CLOSED = "closed"
"""Why deliveries fail that were under way when the receiver was opened again after the failure of another one."""


class Undelivered(Exception):
    """A try that failed. `failure.why` is shown to everybody, so it must not contain secrets."""

    def __init__(self, failure: Failure, acknowledged: int = 0) -> None:
        super().__init__(failure.why)
        self.failure, self.acknowledged = failure, acknowledged


@dataclass(frozen=True)
class Context:
    """Things that receivers may use: `composer` makes payloads of messages, `reader` is the store, and `ask` sends a
    request to the supervisor, such as one that switches a rule. `live` has the last status, if the receiver shows
    states. With `is_test`, a test message is all that is delivered, while the bridge itself may be connected.
    """

    settings: BridgeSettings
    composer: Composer
    reader: Reader
    ask: Callable[[AnyRequest], object]
    live: Live | None = None
    is_test: bool = False


class Receiver:
    """A receiver without a connection; those that keep one override `open`, `close` and `trouble`."""

    to = ""
    """Where it is, for people: host and port, without secrets."""
    lanes = 1
    """Deliveries that may be under way at a time."""
    batch = 1
    """Most messages of a delivery."""
    timeout_s = 30.0
    """Longest time for opening or a delivery."""
    shows_stills = False
    """True if a message waits a few seconds for the still of its event."""
    streams = False
    """True if messages delivered together stay messages of their own: `batch` of the settings is for others."""
    shows_states = False
    """True if it shows the present beside what happened."""

    @property
    def trouble(self) -> str:
        """Why nothing can be delivered any more, as far as that is known without trying, so that it has to be opened
        again; empty if it can. It is asked while this is open.
        """
        return ""

    def lane_of(self, message: Message) -> str:
        """The lane of a message: those of one lane are delivered one after the other."""
        return message.camera

    def rank(self, message: Message) -> int:
        """Lanes whose first message has a lower rank go first."""
        return 0

    async def open(self) -> None:
        """Connect.

        Raises:
            Undelivered: that failed.
        """

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Deliver messages of one lane.

        Raises:
            Undelivered: not all of them were acknowledged.
        """
        raise NotImplementedError

    async def show(self) -> None:
        """Show what has changed: called while it is open, when something was stored, and once a second.

        Raises:
            Undelivered: that failed.
        """

    async def close(self) -> None:
        """Disconnect."""


class _Module(Protocol):
    def connect(self, settings: AnyReceiver, context: Context) -> Receiver:
        """Make a receiver."""
        ...


def connect(context: Context) -> Receiver:
    """The receiver of a bridge, from the module of its kind.

    Raises:
        StartError: its client library is not installed.
    """
    receiver = context.settings.receiver
    kind = receiver.__struct_config__.tag
    try:
        module = importlib.import_module(f"edge_daemon.bridge.{kind}")
    except ModuleNotFoundError as error:
        raise StartError(f"{error.name} is not installed: pip install 'edge-daemon[{kind}]'") from None
    return cast("_Module", module).connect(receiver, context)
