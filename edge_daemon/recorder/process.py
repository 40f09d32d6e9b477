"""The recorder's process: what the sink sends on one side, the store on the other."""

import logging
import math
import os
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError, WireError
from edge_daemon.messages.codec import Decoder, Message, pack
from edge_daemon.messages.events import Event
from edge_daemon.messages.recording import Brought, Follow, FromCapture, Kept, Record, Rest, Stored
from edge_daemon.messages.requests import Reply, StoreRequest
from edge_daemon.messages.status import RecorderReport
from edge_daemon.recorder.clips import Clips
from edge_daemon.recorder.continuous import Continuous
from edge_daemon.recorder.mover import Mover
from edge_daemon.recorder.sums import Sums
from edge_daemon.runtime.control import Control, Reconfigure, Serve
from edge_daemon.settings import RecorderSettings
from edge_daemon.store import media
from edge_daemon.store.editing import Work, edit
from edge_daemon.store.retention import Retention
from edge_daemon.store.store import Store
from edge_daemon.transport.hub import Hub

logger = logging.getLogger(__name__)
POLL_MS, BUSY_MS, TICK_S = 1000, 100, 1.0
BURST = 64
SINK, CAMERA, BRIDGE = "sink", "camera/", "bridge/"
SPOOL = "spool"
PRIVATE = 0o077
"""Nobody else reads what is stored about people."""
UNFINISHED_S = 86_400.0
"""Age of events whose clips a new recorder makes."""


def serve(control: Control) -> None:
    """Store what happens until the supervisor stops this process."""
    settings = control.settings(RecorderSettings)
    os.umask(PRIVATE)
    with Hub(settings.bind) as hub:
        recorder = Recorder(control, settings, hub)
        try:
            recorder.run()
        finally:
            recorder.close()


class Recorder:
    """Stores what the sink sends, in its order, and acknowledges it. What cannot be stored now is tried again."""

    def __init__(self, control: Control, settings: RecorderSettings, hub: Hub) -> None:
        self._control, self._settings, self._hub = control, settings, hub
        self._decode: Decoder[list[Record]] = Decoder(list[Record])
        self._from_captures: Decoder[list[FromCapture]] = Decoder(list[FromCapture])
        self._unstored: list[Record] = []
        storage = settings.storage
        self._clips = Clips(Path(storage.folder) / SPOOL, media.made_in(storage), settings.cameras, self._send)
        self._sums = Sums(storage)
        self._mover = Mover(storage) if len(media.folders(storage)) > 1 else None
        self._edits: deque[tuple[int, Work]] = deque()
        self._continuous = Continuous(Path(storage.media), settings.cameras)
        self._store: Store | None = None
        self._updates: list[bytes] = []
        self._is_resumed = False
        self._retention: Retention | None = None
        self._trouble = ""
        self._tick_at = 0.0
        self._bridges: set[str] = set()
        self._announced = 0
        hub.on_connect, hub.on_disconnect = self._greet, self._bridges.discard

    def run(self) -> None:
        """Serve until the supervisor stops this process; then store what has arrived."""
        self._hub.watch(self._control.fileno())
        if self._mover:
            self._mover.start()
        self._control.ready()
        while not self._control.stopping:
            others = self._hub.wait(self._rest_ms())
            if self._control.fileno() in others:
                self._follow_commands()
            self.step()
        self._hub.wait(0)
        self.step()

    def _rest_ms(self) -> int:
        """Longest time to wait for messages: what is due at a tick is not to be late."""
        until_tick_ms = math.ceil(1e3 * (self._tick_at - time.monotonic()))
        return max(0, min(until_tick_ms, self._poll_ms))

    @property
    def _poll_ms(self) -> int:
        if self._edits:
            return 0
        return BUSY_MS if self._clips.is_busy or self._sums.is_busy else POLL_MS

    def step(self) -> None:
        """Store what has arrived, and do what is due."""
        for name, data in self._hub.receive(BURST):
            if name == SINK:
                self._receive(data)
            elif name.startswith(CAMERA):
                self._receive_packets(name.removeprefix(CAMERA), data)
        self._keep()
        self._bring(self._sums.pass_on(self._clips.step()))
        self._edit()
        self._announce()
        if time.monotonic() >= self._tick_at:
            self._tick_at = time.monotonic() + TICK_S
            self._tick()

    def close(self) -> None:
        """Write everything to the disk."""
        self._clips.close()
        self._sums.close()
        if self._mover:
            self._mover.stop()
        self._continuous.close()
        if self._store:
            self._store.close()

    def _greet(self, name: str) -> None:
        """A new connection of the sink begins with all that is not acknowledged, one of a capture with a question, and
        one of a bridge with the last position.
        """
        if name == SINK:
            self._unstored.clear()
        elif name.startswith(BRIDGE):
            self._bridges.add(name)
            self._announced = 0
        else:
            camera = name.removeprefix(CAMERA)
            self._clips.follow(camera)
            if camera in self._continuous:
                epoch, since_s = self._continuous.since(camera)
                self._send(camera, [Follow(epoch=epoch, since_s=since_s)])

    def _announce(self) -> None:
        """Let bridges know that there is something new."""
        position = self._store.position if self._store else 0
        if position == self._announced:
            return
        self._announced = position
        for name in self._bridges:
            self._hub.send(name, pack([Stored(position=position)]))

    def _send(self, camera: str, messages: Sequence[Message]) -> None:
        """Send a capture messages; one that is recorded all the time does not rest."""
        if camera not in self._continuous or not any(isinstance(one, Rest) for one in messages):
            self._hub.send(f"{CAMERA}{camera}", pack(messages))

    def _receive_packets(self, camera: str, data: bytes) -> None:
        try:
            received = self._from_captures(data)
            self._continuous.receive(camera, received)
            self._clips.receive(camera, received)
        except WireError as error:
            logger.warning("dropped a message of camera %s: %s", camera, error)
        except OSError as error:
            self._fail(error)

    def _receive(self, data: bytes) -> None:
        try:
            self._unstored += self._decode(data)
        except WireError as error:
            logger.warning("dropped a message from the sink: %s", error)

    def _keep(self) -> None:
        """Store what the sink has sent, and say so."""
        if not self._unstored:
            return
        try:
            new = self._opened().add(record.body for record in self._unstored)
        except OSError as error:
            self._fail(error)
            return
        self._recover()
        number = self._unstored[-1].number
        self._unstored.clear()
        self._hub.send(SINK, pack([Kept(number=number)]))
        for entry in new:
            wanted = entry.about.kind == "event" and (self._settings.cameras or self._clips.is_busy)
            if wanted and (event := _event(entry.body)):
                self._clips.note(event)

    def _bring(self, updates: Iterable[Event]) -> None:
        """Store the updates of events, and have the sink publish them."""
        self._updates += [msgspec.json.encode(update) for update in updates]
        if not self._updates:
            return
        try:
            new = self._opened().add(self._updates)
        except OSError as error:
            self._fail(error)
            return
        self._updates.clear()
        for entry in new:
            self._hub.send(SINK, pack([Brought(body=entry.body)]))

    def _edit(self) -> None:
        """Go on with what people have asked for."""
        if not self._edits:
            return
        id, work = self._edits[0]
        try:
            next(work)
            return
        except StopIteration as done:
            reply = Reply(text=done.value)
        except EdgeError as error:
            reply = Reply(exit_code=error.exit_code, text=str(error))
        self._edits.popleft()
        self._control.served(id, reply)

    def _edited(self, request: StoreRequest) -> Work:
        """What people have asked for, to be done."""
        storage = self._settings.storage
        after_s = max((camera.after_s for camera in self._settings.cameras.values()), default=0.0)
        try:
            store = self._opened()
        except OSError as error:
            raise EdgeError(f"cannot open the store: {error.strerror or error}") from error
        return (yield from edit(store, storage, request, time.time(), after_s))

    def _tick(self) -> None:
        self._continuous.tick()
        try:
            store = self._opened()
            store.tick()
            self._resume(store)
            if self._retention and (self._mover is None or self._mover.is_there):
                self._retention.step(self._settings.storage, self._settings.receivers)
        except OSError as error:
            self._fail(error)
        else:
            if not self._unstored:
                self._recover()
        self._report()

    def _opened(self) -> Store:
        """The store; opened again if that failed before.

        Raises:
            OSError: it cannot be.
        """
        if self._store is None:
            try:
                self._store = Store(Path(self._settings.storage.folder), beat=self._report)
            except sqlite3.Error as error:
                raise OSError(0, str(error)) from error
            self._retention = Retention(self._store, time.time)
            self._resume(self._store)
        return self._store

    def _resume(self, store: Store) -> None:
        """Go on with the clips that the last recorder has not made, as soon as the index can be read."""
        if self._is_resumed or store.index is None or store.trouble:
            return
        self._is_resumed = True
        if self._settings.cameras:
            left = store.index.clipless(time.time() - UNFINISHED_S)
            read = [(_event(first), _event(last), still) for first, last, still in left]
            self._clips.resume((first, last, still) for first, last, still in read if first and last)

    def _fail(self, error: OSError) -> None:
        if not self._trouble:
            logger.error("cannot write to %s: %s", self._settings.storage.folder, error.strerror)
        self._trouble = error.strerror or str(error)

    def _recover(self) -> None:
        if self._trouble:
            logger.warning("what happens is stored again")
        self._trouble = ""

    def _report(self) -> None:
        store = self._store
        trouble = self._trouble or (store.trouble if store else "") or self._continuous.trouble
        trouble = trouble or (self._mover.trouble if self._mover else "")
        rejected = self._decode.rejected + self._from_captures.rejected
        report = RecorderReport(position=store.position if store else 0, rejected=rejected)
        if kept := self._retention:
            report = msgspec.structs.replace(
                report,
                stored_bytes=kept.stored_bytes,
                free_bytes=kept.free_bytes,
                full_in_s=kept.full_in_s(self._settings.storage),
                forecast=kept.forecast(self._settings.storage),
                removed=kept.removed,
                undelivered=kept.undelivered,
            )
        self._control.heartbeat(f"cannot write the store ({trouble})" if trouble else "up", report)

    def _follow_commands(self) -> None:
        for command in self._control.commands():
            if isinstance(command, Reconfigure):
                self._settings = self._control.new_settings(command, RecorderSettings)
                self._clips.change(self._settings.cameras)
                self._continuous.change(self._settings.cameras)
                self._control.reconfigured()
            elif isinstance(command, Serve) and isinstance(command.request, StoreRequest):
                self._edits.append((command.id, self._edited(command.request)))


def _event(body: bytes) -> Event | None:
    """The message about an event; None if it is of a version that this one does not know."""
    try:
        return msgspec.json.decode(body, type=Event)
    except msgspec.DecodeError as error:
        logger.warning("no clip of an event that cannot be read: %s", error)
        return None
