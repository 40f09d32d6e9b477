"""The bridge's process: news from the recorder on one side, a receiver outside on the other."""

import asyncio
import logging
import os
import time
from pathlib import Path

from edge_daemon.bridge.bridge import Bridge
from edge_daemon.bridge.links import Links
from edge_daemon.bridge.live import Live
from edge_daemon.bridge.receiver import Context, connect
from edge_daemon.delivery.payload import Composer
from edge_daemon.delivery.settings import BridgeSettings
from edge_daemon.errors import EdgeError, WireError
from edge_daemon.messages.codec import Decoder
from edge_daemon.messages.recording import Stored
from edge_daemon.messages.requests import Reply, SteerDelivery
from edge_daemon.runtime.control import HEARTBEAT_S, Control, Replied, RetryNow, Serve
from edge_daemon.store.reader import HeldReader, StoreAway
from edge_daemon.transport.peer import Peer

logger = logging.getLogger(__name__)
LOOK_S = 5.0
"""Time after which the store is looked at even if the recorder has not reported anything new."""
LAST_S = 3.0
"""Time for the last messages when this process is to stop."""
BURST = 64


def serve(control: Control) -> None:
    """Deliver until the supervisor stops this process."""
    settings = control.settings(BridgeSettings)
    os.umask(0o077)
    asyncio.run(_deliver(control, settings))


async def _deliver(control: Control, settings: BridgeSettings) -> None:
    composer = Composer(settings.payload, settings.box, settings.time_zone, Links(settings.links))
    live = Live(settings, settings.published) if settings.published else None
    reader = HeldReader(Path(settings.storage.folder))
    bridge = Bridge(settings, connect(Context(settings, composer, reader, control.ask, live)), live)
    news = _News(settings, bridge)
    loop = asyncio.get_running_loop()
    loop.add_reader(control.fileno(), lambda: _follow(control, bridge))
    if live:
        loop.add_reader(live.fileno(), bridge.wake)
    control.ready()
    looked_s = 0.0
    try:
        while not control.stopping:
            news.renew()
            if time.monotonic() - looked_s > LOOK_S:
                looked_s = time.monotonic()
                bridge.notice()
            await bridge.step(HEARTBEAT_S)
            if control.is_due(state := bridge.state):
                control.report(state, bridge.report())
        await _finish(bridge)
    finally:
        loop.remove_reader(control.fileno())
        if live:
            loop.remove_reader(live.fileno())
            live.close()
        news.close()
        await bridge.close()
        reader.close()


async def _finish(bridge: Bridge) -> None:
    """Deliver what is there, if that can be done soon; the rest waits in the store."""
    end_s = time.monotonic() + LAST_S
    bridge.wake(news=True)
    await bridge.step(0.0)
    while not bridge.is_idle and time.monotonic() < end_s:
        await bridge.step(end_s - time.monotonic())


def _follow(control: Control, bridge: Bridge) -> None:
    """Do what the supervisor asks for."""
    for command in control.commands():
        match command:
            case RetryNow():
                bridge.retry()
            case Serve(id=id, request=SteerDelivery() as request):
                control.served(id, _steered(bridge, request))
            case Replied(reply=reply) if reply.exit_code:
                logger.warning("a command was not carried out: %s", reply.text)
    bridge.wake()


def _steered(bridge: Bridge, request: SteerDelivery) -> Reply:
    """Do what somebody asks for; the reply says what was done, or why it was not."""
    try:
        done = _steer(bridge, request)
    except (StoreAway, ValueError) as error:
        return Reply(exit_code=EdgeError.exit_code, text=f"{request.receiver}: {error}")
    return Reply(text=f"{request.receiver}: {done}")


def _steer(bridge: Bridge, request: SteerDelivery) -> str:
    """Do what somebody asks for, and say what was done.

    Raises:
        StoreAway: there is no store, or it cannot be read now.
        ValueError: `since` is no time.
    """
    match request.action:
        case "pause":
            bridge.pause(True)
            return "nothing is delivered until it is resumed; what happens is kept"
        case "resume":
            bridge.pause(False)
            return "delivery goes on"
        case "replay":
            bridge.replay(request.since or "")
            return f"what was stored since {request.since} is delivered again"
    number = bridge.raise_dead()
    return f"{number} dead letter{'s'[: number != 1]} {'is' if number == 1 else 'are'} delivered again"


class _News:
    """The connection to the recorder, which reports that something was stored: the bridge is woken then."""

    def __init__(self, settings: BridgeSettings, bridge: Bridge) -> None:
        self._bridge, self._peer = bridge, Peer(settings.recorder, f"bridge/{settings.name}")
        self._decode: Decoder[list[Stored]] = Decoder(list[Stored])
        self._fd = self._peer.fileno()
        asyncio.get_running_loop().add_reader(self._fd, self._receive)

    def renew(self) -> None:
        """Connect if necessary."""
        if self._peer.renewed():
            self._bridge.notice()

    def close(self) -> None:
        """Disconnect."""
        asyncio.get_running_loop().remove_reader(self._fd)
        self._peer.close()

    def _receive(self) -> None:
        found = False
        for data in self._peer.receive(BURST):
            try:
                found |= bool(self._decode(data))
            except WireError as error:
                logger.warning("dropped a message from the recorder: %s", error)
        if found:
            self._bridge.notice()
        elif not self._peer.connected:
            self._bridge.wake()  # to connect again
