"""The servers of one model: which of them is up, who gets the next request, and what becomes of it."""

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.messages.status import ServerReport
from edge_daemon.models.model import Model
from edge_daemon.models.remote.connection import AwayError
from edge_daemon.models.remote.engine import named
from edge_daemon.models.remote.lane import Checked, Lane, Returned, Ticket
from edge_daemon.models.remote.reading import Copy, Identity, Looked, look
from edge_daemon.models.remote.server import Server, freest
from edge_daemon.models.tensors import Answer, Arrays, Metadata
from edge_daemon.server_address import Address
from edge_daemon.settings import ModelSettings

logger = logging.getLogger(__name__)
W = TypeVar("W")


@dataclass(frozen=True)
class Done(Generic[W]):
    """Outputs (any shape and type), in the order that was asked for, made by a server, `took_s` after the request."""

    what: W
    arrays: Sequence[NDArray[np.generic]]
    server: str
    took_s: float


@dataclass(frozen=True)
class Back(Generic[W]):
    """Work that a server did not do: another one may."""

    what: W


@dataclass(frozen=True)
class Refused(Generic[W]):
    """Work on which the model failed."""

    what: W
    error: ModelError


class _Place(Generic[W]):
    """A server, its address, and the lane to it while it is up."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.address = Address.parse(url)
        self.server = Server(str(self.address), timeout_s)
        self.lane: Lane[W] | None = None
        self.version = ""
        self.said = ""


class Fleet(Generic[W]):
    """The servers of a model, whose way of being read is `model` once one has answered. `copy` is a file here that may
    be the same model. Poll `fileno()`, then take the `events`.
    """

    def __init__(
        self, settings: ModelSettings, copy: Copy | None = None, state: str | None = None, *, log: bool = True
    ) -> None:
        assert settings.remote
        self._level = logging.INFO if log else logging.DEBUG
        self._settings, self._copy, self._state = settings, copy, state
        self._places: list[_Place[W]] = [_Place(url, settings.remote.timeout_s) for url in settings.remote.urls]
        self._returned: deque[tuple[_Place[W], Lane[W], Returned[W] | Checked]] = deque()
        self._looked: deque[tuple[_Place[W], Looked | ModelError]] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._identity: Identity | None = None
        self.model: Model | None = None
        self.refusal: ModelError | None = None
        """Why the model of a server cannot be used, if one has answered, and none could be used yet."""

    def fileno(self) -> int:
        """File descriptor to poll."""
        return self._wake

    @property
    def is_up(self) -> bool:
        """True if a server is up."""
        return any(place.lane for place in self._places)

    @property
    def is_settled(self) -> bool:
        """True if every server was tried."""
        return all(place.server.state != "trying" for place in self._places)

    @property
    def limit(self) -> int:
        """Requests that may be in flight to all servers together."""
        return sum(place.server.credit.limit for place in self._places if place.lane)

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return sum(place.server.in_flight for place in self._places)

    def away(self) -> AwayError:
        """Error that no server answers."""
        return AwayError(f"no server answers ({self.absent})", self.reason)

    @property
    def absent(self) -> str:
        """The servers that are not up, and why; empty if all are."""
        away = [place for place in self._places if not place.lane]
        return "; ".join(f"{place.address}: {place.server.reason or 'no answer'}" for place in away)

    def reports(self) -> list[ServerReport]:
        """The figures of each server."""
        return [place.server.report() for place in self._places]

    @property
    def summary(self) -> str:
        """The servers that are up, in a few words; empty if none is."""
        up = [place.address.place for place in self._places if place.lane]
        away = len(self._places) - len(up)
        return (", ".join(up) + (f" ({away} away)" if away else "")) if up else ""

    @property
    def reason(self) -> str:
        """Why no server is up, in a word or two."""
        return next((place.server.reason for place in self._places if place.server.reason), "not tried yet")

    def try_servers(self) -> None:
        """Look at the servers that are due, each in a thread of its own, and ask those that are idle whether they
        still have the model.
        """
        now = time.monotonic()
        for place in self._places:
            if place.server.is_due(now):
                place.server.tried()
                threading.Thread(target=self._look, args=(place,), name="look", daemon=True).start()
            elif place.lane and place.server.is_idle(now):
                place.lane.check(place.server.timeout_s, place.server.sent())

    def wait(self, timeout_s: float) -> bool:
        """Wait until something has happened; true if it has."""
        return bool(select.select([self._wake], [], [], timeout_s)[0])

    def send(self, what: W, feeds: Arrays, outputs: Sequence[str]) -> bool:
        """Send a request for outputs, given `feeds` (arrays of any shape and type), to the server with most room; false
        if none has any.
        """
        server = freest([place.server for place in self._places])
        lane = next((place.lane for place in self._places if place.server is server), None)
        if server is None or lane is None:
            return False
        alone = self._copy is None and sum(place.lane is not None for place in self._places) == 1
        lane.send(Ticket(what, feeds, outputs, server.patience_s(alone=alone), server.sent()))
        return True

    @property
    def has_room(self) -> bool:
        """True if a server takes another request."""
        return any(place.server.has_room for place in self._places if place.lane)

    def events(self) -> Iterator[Done[W] | Back[W] | Refused[W]]:
        """What has become of requests. `model` may be another one afterwards."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        while self._returned:
            place, lane, returned = self._returned.popleft()
            if isinstance(returned, Checked):
                self._checked(place, lane, returned.about)
            else:
                yield self._event(place, lane, returned)
        while self._looked:
            self._take(*self._looked.popleft())

    def close(self) -> None:
        """Close all connections."""
        for place in self._places:
            self._close(place)

    # In other threads

    def _look(self, place: _Place[W]) -> None:
        found: Looked | ModelError
        try:
            found = look(place.address, self._settings, self._identity, self._copy, self._state)
        except ModelError as error:
            found = error
        except Exception as error:
            logger.exception("%s", place.address)
            found = ModelError(f"{type(error).__name__}: {error}")
        self._looked.append((place, found))
        os.eventfd_write(self._wake, 1)

    def _receive(self, place: _Place[W], lane: Lane[W], returned: Returned[W] | Checked) -> None:
        self._returned.append((place, lane, returned))
        os.eventfd_write(self._wake, 1)

    # In this thread

    def _take(self, place: _Place[W], found: Looked | ModelError) -> None:
        """Take what was found at a server."""
        if isinstance(found, AwayError):
            self._down(place, found.reason, str(found))
        elif isinstance(found, ModelError):
            self.refusal = found
            self._down(place, "wrong model", str(found))
        elif self.is_up and not self._is_known(found):
            found.connection.close()
            others = ", ".join(one.address.place for one in self._places if one.lane)
            self._down(place, "another model", f"{place.address} has another model than {others}")
        else:
            if found.model is not None and not self.is_up:
                self.model = found.model
            self._identity, self.refusal = found.identity, None
            self._up(place, found)

    def _is_known(self, found: Looked) -> bool:
        """True if a server has the model that was read: maybe it was looked at before that."""
        known = self._identity
        if found.model is None or known is None:
            return True
        return known.fits(found.identity.about) and known.is_given_by(found.identity.answer)

    def _up(self, place: _Place[W], found: Looked) -> None:
        place.lane = Lane(found.connection, place.address.place, partial(self._receive, place))
        place.version = found.identity.version
        place.server.came_up(time.monotonic())
        place.said = ""
        logger.log(self._level, "model %s: %s serves it", self._settings.name, place.address)

    def _down(self, place: _Place[W], reason: str, sentence: str) -> None:
        place.server.went_down(reason, time.monotonic())
        self._close(place)
        if place.said != reason:
            place.said = reason
            level = logging.WARNING if self._level == logging.INFO else logging.DEBUG
            logger.log(level, "model %s: %s", self._settings.name, sentence)

    def _close(self, place: _Place[W]) -> None:
        if place.lane:
            place.lane.close()
            place.lane = None

    def _checked(self, place: _Place[W], lane: Lane[W], about: Metadata | ModelError) -> None:
        """Take what an idle server says of its model."""
        place.server.checked(time.monotonic())
        if place.lane is not lane:
            return
        if isinstance(about, ModelError):
            self._down(place, about.reason if isinstance(about, AwayError) else "errors", str(about))
        elif self._identity and not self._identity.fits(about):
            self._down(place, "another model", f"{place.address} has another model than before")

    def _event(self, place: _Place[W], lane: Lane[W], returned: Returned[W]) -> Done[W] | Back[W] | Refused[W]:
        ticket, answer, is_current = returned.ticket, returned.answer, place.lane is lane
        if isinstance(answer, Answer):
            try:
                return self._answered(place, returned, answer)
            except ModelError as error:
                answer = AwayError(str(error), "wrong shapes")
        if not is_current:  # whatever it says, its connection is closed
            place.server.gave_up()
            return Back(ticket.what)
        if isinstance(answer, AwayError):
            place.server.gave_up()
            self._down(place, answer.reason, str(answer))
            return Back(ticket.what)
        place.server.erred(time.monotonic())
        if place.server.state == "down":
            self._down(place, "errors", str(answer))
        return Refused(ticket.what, answer)

    def _answered(self, place: _Place[W], returned: Returned[W], answer: Answer) -> Done[W]:
        """An answer of the model that was read.

        Raises:
            ModelError: it is that of another one.
        """
        if answer.version != place.version:
            raise ModelError(f"{place.address} answers with version {answer.version or 'unknown'} of its model")
        arrays = named(answer, returned.ticket.outputs)
        assert self._identity  # it was read before anything was sent
        for name, array in zip(returned.ticket.outputs, arrays, strict=True):
            if not self._identity.suits(name, array):
                shape = "x".join(map(str, array.shape))
                raise ModelError(f"{place.address} answers with another {name} than before: {shape} {array.dtype}")
        place.server.answered(returned.took_s, returned.ticket.in_flight, time.monotonic())
        return Done(returned.ticket.what, arrays, str(place.address), returned.took_s)
