"""The line of messages to a receiver: in order per camera, tried again until they are acknowledged."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import UNSET

from edge_daemon.bridge.lanes import Lane, Lanes
from edge_daemon.bridge.live import Live
from edge_daemon.bridge.receiver import CLOSED, Receiver, Undelivered
from edge_daemon.bridge.stored import Stored
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.retry import Failure, next_try_s
from edge_daemon.delivery.settings import BridgeSettings
from edge_daemon.messages.hints import hint_for_receiver
from edge_daemon.messages.status import BridgeReport
from edge_daemon.rules.during import During, Place
from edge_daemon.store.entry import seconds_of
from edge_daemon.store.reader import HeldReader, StoreAway

logger = logging.getLogger(__name__)
AWAY_S = 10.0
"""Time of failures after which the receiver counts as away."""
STORE_S = 1.0
"""Time until a store that cannot be read is tried again."""
NEWS_S = 0.02
"""Shortest time between two looks for something new: what happens meanwhile is read at once."""
FEW = 64
"""Room for messages below which the store is not read while others are under way."""
SHOWN_S, SHOWN_AGAIN_S = 0.1, 1.0
"""Shortest time between two looks at what a receiver shows, and the longest one."""


class Bridge:
    """Delivers to `receiver` until it is stopped. `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        settings: BridgeSettings,
        receiver: Receiver,
        live: Live | None = None,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings, self._receiver, self._live, self._chance = settings, receiver, live, chance
        self._reader = HeldReader(Path(settings.storage.folder))
        self._stored: Stored | None = None
        self._store_due_s = 0.0
        self._lanes = Lanes(settings, receiver)
        self._during = During(settings.during, Place(ZoneInfo(settings.time_zone))) if settings.during else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = self._is_opening = False
        self._failures, self._failing_since_s, self._due_s = 0, 0.0, 0.0
        self._why, self._logged = "", set[str]()
        self._has_news = self._has_room = True
        self._is_showing, self._shown_s, self._is_stale = False, float("-inf"), False
        self._error: BaseException | None = None
        self._awake = asyncio.Event()
        self._noticed: asyncio.TimerHandle | None = None
        self.delivered = self.retried = 0

    @property
    def is_paused(self) -> bool:
        """True while nothing is to be delivered."""
        return bool(self._stored and self._stored.cursor.paused)

    @property
    def is_resting(self) -> bool:
        """True while nothing is delivered, since it is paused, or at this time of day."""
        return self.is_paused or bool(self._during and not self._during.find(datetime.now(UTC)))

    @property
    def is_idle(self) -> bool:
        """True if nothing is left that could be delivered now."""
        if self._tasks:
            return False
        return self.is_resting or self._failures > 0 or not (self._has_news or self._rest_s(1.0) == 0.0)

    def wake(self, *, news: bool = False) -> None:
        """Look for something to do; with `news`, also into the store."""
        if news:
            self._has_news = self._has_room = self._is_stale = True
        self._awake.set()

    def notice(self) -> None:
        """Something was stored: look into the store when that is due."""
        self._has_news = self._has_room = self._is_stale = True
        wait_s = self._store_due_s - time.monotonic()
        if wait_s <= 0:
            self._awake.set()
        elif self._noticed is None or self._noticed.when() <= asyncio.get_running_loop().time():
            self._noticed = asyncio.get_running_loop().call_later(wait_s, self._awake.set)

    async def step(self, most_s: float) -> None:
        """Wait up to `most_s` for something to do, and begin with it."""
        try:
            async with asyncio.timeout(self._rest_s(most_s)):
                await self._awake.wait()
        except TimeoutError:
            pass
        self._awake.clear()
        if self._error:
            raise self._error
        self._read()
        if self._is_open and (why := self._receiver.trouble):
            self._fail(Failure(why))
        self._begin()
        self._begin_to_show()
        if self._stored:
            self._stored.write()

    async def close(self) -> None:
        """Stop, and write how far it has got."""
        if self._noticed:
            self._noticed.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._stored:
            self._stored.write(now=True)
        self._reader.close()
        await self._receiver.close()

    def pause(self, paused: bool) -> None:
        """Deliver nothing, or go on now.

        Raises:
            StoreAway: that cannot be kept, since there is no store yet.
        """
        stored = self._there()
        stored.note(paused=paused)
        stored.write(now=True)
        self.retry()

    def replay(self, since: str) -> None:
        """Deliver again what was stored since a time (ISO 8601, with a time zone).

        Raises:
            StoreAway: the store cannot be read now.
            ValueError: this is no time.
        """
        stored = self._there()
        stored.go_to(stored.position_before(since))
        self._lanes.drop("stored")
        self.wake(news=True)

    def raise_dead(self) -> int:
        """Deliver the dead letters again; return how many there are.

        Raises:
            StoreAway: there is no store yet.
        """
        number = self._there().raise_dead()
        self.wake(news=True)
        return number

    def retry(self) -> None:
        """Try now what is waited with after a failure."""
        self._due_s = 0.0
        self._lanes.retry()
        self.wake(news=True)

    @property
    def state(self) -> str:
        """A word or two for `status/`."""
        if self.is_paused:
            return "paused"
        if self.is_resting:
            return "resting"
        why = self._reason
        since_s = self._failing_since_s = (self._failing_since_s or time.monotonic()) if why else 0.0
        return f"away ({why})" if why and time.monotonic() - since_s >= AWAY_S else "up"

    def report(self) -> BridgeReport:
        """The figures for `status/`."""
        now, stored = time.monotonic(), self._stored
        waiting = self._lanes.messages
        unread = (stored.unread if stored else 0) + (self._live.waiting if self._live else 0)
        why = self._reason
        oldest = min((message.at for message in waiting if message.at), default="")
        return BridgeReport(
            kind=self._settings.kind,
            to=self._receiver.to,
            position=stored.position if stored else 0,
            waiting=len(waiting) + unread,
            lag_s=round(max(0.0, time.time() - seconds_of(oldest)), 1) if oldest else 0.0,
            delivered=self.delivered,
            retried=self.retried,
            dead=stored.buried if stored else 0,
            lost=self._live.lost if self._live else 0,
            tries=self._failures,
            next_try_s=round(max(0.0, self._due_s - now), 1) if self._failures else UNSET,
            reason=why or UNSET,
            hint=hint_for_receiver(why) or UNSET,
        )

    @property
    def _reason(self) -> str:
        """Why nothing can be delivered at present; empty if it can, or that is not known yet."""
        return self._why or (self._receiver.trouble if self._is_open else "")

    def _rest_s(self, most_s: float) -> float:
        """Time until something is due."""
        now = time.monotonic()
        if self._has_news and self._has_room:
            most_s = max(0.0, min(most_s, self._store_due_s - now))
        if self._is_open and self._is_stale and self._receiver.shows_states and not self._is_showing:
            most_s = max(0.0, min(most_s, self._shown_s + SHOWN_S - now))
        if self.is_resting or self._is_opening or (self._is_open and self._lanes.is_full):
            return most_s
        if self._failures and now < self._due_s:
            return min(most_s, self._due_s - now)
        if not self._is_open:
            return 0.0
        return min([most_s, *map(self._lanes.wait_s, self._lanes.ready())])

    def _read(self) -> None:
        """Take from the store and from what is published, as far as there is room."""
        now = time.monotonic()
        if self._has_news and self._has_room and now >= self._store_due_s:
            try:
                self._read_store()
                self._store_due_s = now + (0.0 if self._has_news else NEWS_S)
            except StoreAway as error:
                self._store_due_s = now + STORE_S
                logger.debug("%s", error)
        if self._live:
            self._live.receive()
            self._lanes.put("live", self._live.read(self._lanes.room("live")))

    def _read_store(self) -> None:
        """Take messages from the store.

        Raises:
            StoreAway: it cannot be read now.
        """
        stored = self._there()
        self._lanes.sent_at_s = stored.cursor.sent_at_s
        room = self._lanes.room("stored", stored.outstanding)
        found = stored.read(room)
        self._lanes.put("stored", found)
        self._has_news = stored.unread > 0
        self._has_room = len(found) < room  # and what was read was not wanted, if there is more

    def _there(self) -> Stored:
        """What is stored, which is looked for if it was not there before.

        Raises:
            StoreAway: it is not there, or cannot be read.
        """
        if self._stored is None:
            self._stored = Stored(self._settings, self._reader)
            self._stored.write(now=True)
        return self._stored

    def _begin(self) -> None:
        """Begin what can be begun now: opening, or deliveries of lanes that wait."""
        now = time.monotonic()
        if self.is_resting or (self._failures and now < self._due_s):
            return
        if not self._is_open:
            if not self._is_opening:
                self._is_opening = True
                self._run(self._open())
            return
        for lane in self._lanes.ready():
            if self._lanes.is_full:
                return
            if not self._lanes.wait_s(lane):
                lane.is_busy = True
                self._run(self._deliver(lane, self._lanes.batch(lane)))

    def _run(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        outstanding = self._stored.outstanding if self._stored else 0
        self._has_room = self._has_room or not self._tasks or self._lanes.room("stored", outstanding) >= FEW
        if not task.cancelled():
            self._error = self._error or task.exception()
        self.wake()

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(self._receiver.timeout_s):
                await self._receiver.open()
        except Undelivered as error:
            self._fail(error.failure)
        except TimeoutError:
            self._fail(Failure("no answer"))
        else:
            self._is_open = True
            if not self._lanes.messages:
                self._succeed()
        finally:
            self._is_opening = False

    def _begin_to_show(self) -> None:
        """Have the receiver show what has changed, if that is due."""
        if not (self._is_open and self._receiver.shows_states) or self._is_showing:
            return
        if time.monotonic() >= self._shown_s + (SHOWN_S if self._is_stale else SHOWN_AGAIN_S):
            self._is_showing, self._is_stale, self._shown_s = True, False, time.monotonic()
            self._run(self._show())

    async def _show(self) -> None:
        try:
            async with asyncio.timeout(self._receiver.timeout_s):
                await self._receiver.show()
        except Undelivered as error:
            self._fail(error.failure)
        except TimeoutError:
            self._fail(Failure("no answer"))
        finally:
            self._is_showing = False

    async def _deliver(self, lane: Lane, batch: list[Message]) -> None:
        """Deliver the first messages of a lane."""
        acknowledged, failure = 0, None
        lane.tried = True
        try:
            async with asyncio.timeout(self._receiver.timeout_s):
                await self._receiver.deliver(batch)
            acknowledged = len(batch)
        except Undelivered as error:
            acknowledged, failure = error.acknowledged, error.failure
        except TimeoutError:
            failure = Failure("no answer")
        finally:
            lane.is_busy = False
        self._lanes.sent()
        self._acknowledge(lane, batch[:acknowledged])
        if failure is None:
            self._succeed()
        elif failure.rejected:
            self._reject(lane, failure, batch[acknowledged:])
        else:
            lane.single = max(lane.single, int(self._receiver.streams))
            self._fail(failure)

    def _acknowledge(self, lane: Lane, messages: list[Message]) -> None:
        """Note that the first messages of a lane are delivered."""
        for message in messages:
            self.delivered += 1
            self._finish(lane, message)
            lane.single = max(0, lane.single - 1)
        if messages and self._settings.every_s and self._stored:
            self._lanes.sent_at_s = time.time()
            self._stored.note(sent_at_s=self._lanes.sent_at_s)

    def _finish(self, lane: Lane, message: Message) -> None:
        """Go on with the next message of a lane, unless this is not its first any more, since it goes on elsewhere."""
        if lane.messages and lane.messages[0] is message:
            lane.messages.popleft()
            lane.rejections, lane.tried = 0, False
            if self._stored:
                self._stored.finish(message)

    def _succeed(self) -> None:
        if self._failures:
            logger.info("delivered again, after %d failures", self._failures)
        self._failures, self._why, self._failing_since_s = 0, "", 0.0
        self._logged.clear()

    def _fail(self, failure: Failure) -> None:
        """Note that the receiver is away: everything waits for the next try."""
        self.retried += 1
        self._is_open = False
        if failure.why == CLOSED or (self._failures and time.monotonic() < self._due_s):
            return  # another delivery has failed before, by the same
        self._failures += 1
        if failure.why not in self._logged:
            hint = hint_for_receiver(failure.why)
            logger.warning("cannot deliver (%s): it is tried again until it succeeds. %s", failure.why, hint)
            self._logged.add(failure.why)
        self._why = failure.why
        self._due_s = time.monotonic() + (next_try_s(self._failures, failure, self._chance()) or 0.0)

    def _reject(self, lane: Lane, failure: Failure, rest: list[Message]) -> None:
        """Note that the first of these messages, or one of them, was rejected."""
        self.retried += 1
        self._succeed()
        if len(rest) > 1:
            lane.single = len(rest)
            return
        lane.rejections += 1
        wait_s = next_try_s(lane.rejections, failure, self._chance())
        if wait_s is not None:
            lane.due_s = time.monotonic() + wait_s
            return
        logger.warning("message %s is a dead letter: it was rejected (%s)", rest[0].id, failure.why)
        if self._stored:
            self._stored.bury(rest[0], failure.why)
        self._finish(lane, rest[0])
