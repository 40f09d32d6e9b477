"""`deliver`: receivers, how far they have got, test messages, and what steers a running daemon."""

import asyncio
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from edge_daemon.bridge.links import Links
from edge_daemon.bridge.receiver import Context, Receiver, Undelivered, connect
from edge_daemon.cli.reload import ask
from edge_daemon.cli.store import since_s
from edge_daemon.config.load import load
from edge_daemon.config.problems import unknown
from edge_daemon.config.schema import Config
from edge_daemon.config.storing import storage_settings
from edge_daemon.delivery.message import TEST, Message
from edge_daemon.delivery.payload import Composer
from edge_daemon.delivery.presets import WITH_LINKS
from edge_daemon.delivery.settings import STORED, BridgeSettings
from edge_daemon.errors import ConfigError, EdgeError
from edge_daemon.messages.hints import hint_for_receiver
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import DeliveryAction, Requester, SteerDelivery
from edge_daemon.runtime.state import daemon_folder
from edge_daemon.store.cursor import CursorFile
from edge_daemon.store.media import path_of
from edge_daemon.store.reader import Query, Reader, StoreAway
from edge_daemon.supervisor.kinds.bridge import Bridge
from edge_daemon.supervisor.kinds.run import Run

RULE = "test"
"""The rule of test messages."""
LOOKED_AT = 50
"""Events among which one with a still is looked for."""


def listed(config: Path) -> Iterator[str]:
    """Yield a line for each receiver: what waits for it, since when, and its dead letters.

    Raises:
        ConfigError: there are no receivers.
    """
    loaded, settings = _bridges(config)
    width = max(len(name) for name in settings)
    for name, one in settings.items():
        words = " ".join(_progress(one))
        yield f"{name:<{width}}  {loaded.deliver[name].kind:<9}  {words}"  # type: ignore[index]


def test(config: Path, name: str) -> str:
    """Send a receiver a test message, with the newest still that is stored, or a generated one; return what was sent.

    Raises:
        EdgeError: it was not acknowledged.
    """
    settings = _one(config, name)
    reader = Reader(Path(settings.storage.folder))
    composer = Composer(settings.payload, settings.box, settings.time_zone, Links(settings.links))
    context = Context(settings, composer, reader, lambda _: None, is_test=True)
    with tempfile.TemporaryDirectory() as folder:
        message, words = _message(settings, reader, Path(folder))
        try:
            receiver = asyncio.run(_send(context, message))
        except Undelivered as error:
            hint = hint_for_receiver(error.failure.why)
            raise EdgeError(f"{name}: {error.failure.why}{'. ' if hint else ''}{hint}") from None
    has_picture = receiver.shows_stills and (message.event or settings.kind not in WITH_LINKS)
    return f"{name}: {receiver.to} has acknowledged a test message {words if has_picture else 'without a picture'}"


def steer(name: str, action: DeliveryAction, since: str | None, config: Path | None, place: Path | None) -> str:
    """Pause, resume or repeat the delivery of a running daemon; return its answer.

    Raises:
        EdgeError: there is no such receiver, or no daemon.
    """
    by = Requester(via="control-socket")
    return ask(config, place, SteerDelivery(by=by, receiver=name, action=action, since=_moment(since)))


def dead(config: Path, name: str, *, as_json: bool) -> Iterator[str]:
    """Yield a line for each message that a receiver has rejected.

    Raises:
        ConfigError: there is no such receiver.
    """
    settings = _one(config, name)
    for letter in CursorFile(Path(settings.storage.folder), name).dead():
        if as_json:
            yield msgspec.json.encode(letter).decode()
        else:
            of = letter.message
            about = [str(of.get(key)) for key in ("type", "camera", "rule", "phase") if of.get(key)]
            yield f"{letter.at}  {letter.id}  {' '.join(about)}  {letter.why}"


def _progress(settings: BridgeSettings) -> Iterator[str]:
    """Words on how far a receiver has got."""
    folder = Path(settings.storage.folder)
    file, kinds = CursorFile(folder, settings.name), [STORED[one] for one in settings.send if one in STORED]
    cursor = file.read()
    if cursor is None:
        yield "has not begun"
        return
    try:
        waiting, oldest = Reader(folder).after(cursor.position, kinds)
    except StoreAway as error:
        yield str(error)
        return
    yield "paused:" if cursor.paused else ""
    if oldest is None:
        yield "has everything"
    else:
        since = datetime.fromtimestamp(oldest).astimezone()
        yield f"{waiting} message{'s'[: waiting != 1]} not delivered, the oldest of {since:%Y-%m-%d %H:%M:%S}"
    if letters := len(file.dead()):
        yield f"({letters} dead letter{'s'[: letters != 1]})"


async def _send(context: Context, message: Message) -> Receiver:
    """Deliver a message; return the receiver that has it."""
    receiver = connect(context)
    try:
        async with asyncio.timeout(2 * receiver.timeout_s):
            await receiver.open()
            await receiver.deliver([message])
        return receiver
    finally:
        await receiver.close()


def _message(settings: BridgeSettings, reader: Reader, folder: Path) -> tuple[Message, str]:
    """A test message, and words on its picture: the newest event that has one, under a name and time of its own."""
    event, still, words = _recent(settings, reader)
    shown = event["id"] if event and still else ""
    if still is None:
        still, words = _drawn(folder), "with a generated picture, since no event has one yet"
    data = (event or _invented()) | {
        "id": str(uuid.uuid4()),
        "rule": RULE,
        "phase": "start",
        "at": utc(time.time_ns()),
        "because": [f"this is a test from {settings.box or socket.gethostname()}"],
    }
    body = msgspec.json.encode(data)
    return Message(id=f"{TEST}{data['id']}", body=body, data=data, still=still, event=shown), words


def _recent(settings: BridgeSettings, reader: Reader) -> tuple[dict[str, Any] | None, Path | None, str]:
    """The newest event with a still, or else the newest, as it was stored."""
    try:
        found = reader.events(Query(), LOOKED_AT)
    except StoreAway:
        found = []
    for event in found:
        try:
            path = path_of(Path(settings.storage.media), event["camera"], event["id"], "still")
        except ValueError:
            continue
        if path.exists():
            return _plain(event), path, f"with the still of the event of {event['began_at']}"
    return (_plain(found[0]) if found else None), None, ""


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key in _invented()}


def _invented() -> dict[str, Any]:
    """An event as there may be one."""
    return {
        "v": 1,
        "type": "event",
        "phase": "start",
        "id": "",
        "rule": RULE,
        "camera": "test",
        "model": "test",
        "incident": "",
        "alert": True,
        "at": "",
        "time_s": 0.0,
        "epoch": 0,
        "seq": 0,
        "tracks": [],
        "facts": [],
        "because": [],
        "confirmed": None,
        "still": None,
        "clip": None,
    }


def _drawn(folder: Path) -> Path:
    """A picture of the generated street."""
    from edge_daemon.demo.scene.scene import Scene
    from edge_daemon.imaging.codecs import encode_bgr

    path = folder / "still.jpg"
    path.write_bytes(encode_bgr(Scene(seed=1, width=640, height=360, people=3).frame(0, 15)[0], "jpeg"))
    return path


def _one(config: Path, name: str) -> BridgeSettings:
    """The settings of a receiver.

    Raises:
        ConfigError: there is no receiver of this name.
    """
    _, settings = _bridges(config)
    if name not in settings:
        raise ConfigError(unknown("receiver", name, settings))
    return settings[name]


def _bridges(config: Path) -> tuple[Config, dict[str, BridgeSettings]]:
    """The configuration, and the settings of the bridges of the daemon that reads it.

    Raises:
        ConfigError: it has no receivers.
    """
    loaded, state = load(config), daemon_folder(config.absolute())
    if not loaded.deliver or not storage_settings(loaded, state):
        raise ConfigError(f"{config} has no receivers: add `deliver`")
    run = Run(loaded, Path(), state=state)
    specs = Bridge().plan(run)
    return loaded, {spec.name: spec.settings for spec in specs if isinstance(spec.settings, BridgeSettings)}


def _moment(since: str | None) -> str | None:
    """A time such as 2h ago, or a date and time, which are local unless they have a zone.

    Raises:
        ConfigError: it is neither.
    """
    if since is None:
        return None
    try:
        found = datetime.fromisoformat(since)
        return utc(round((found if found.tzinfo else found.astimezone()).timestamp() * 1e9))
    except ValueError:
        return utc(round((since_s(since) or 0.0) * 1e9))
