"""Limits of connections, in number and in time. Knows no sockets and no clock."""

from collections.abc import Container
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from math import inf
from typing import Generic, TypeVar

C = TypeVar("C")


@dataclass
class _Group(Generic[C]):
    most: int
    count: int = 0
    waiting: dict[C, None] = field(default_factory=dict)
    """Connections without a request, the one that has waited longest first."""


class Connections(Generic[C]):
    """The open connections: at most `most`, and at most `most_of_one` of an address, except those of `proxies`.

    A connection that is between two requests, or has not sent its first one, makes room for a new one.
    """

    def __init__(self, most: int, most_of_one: int, proxies: Container[str] = ()) -> None:
        self._all: _Group[C] = _Group(most)
        self._most_of_one, self._proxies = most_of_one, proxies
        self._groups: dict[str, _Group[C]] = {}
        self._network: dict[C, str] = {}

    def __len__(self) -> int:
        return len(self._network)

    def open(self, connection: C, address: str) -> list[C]:
        """Add a connection, which waits for its first request, and return those that are closed for it: none, others,
        or itself.
        """
        network = network_of(address)
        own = self._groups.get(network) or _Group(self._all.most if address in self._proxies else self._most_of_one)
        closed: list[C] = []
        for group in (own, self._all):
            if group.count >= group.most:
                victim = next(iter(group.waiting), connection)
                closed.append(victim)
                if victim is connection:
                    return [connection]
                self.close(victim)
        self._groups[network] = own
        self._network[connection] = network
        for group in (own, self._all):
            group.count += 1
            group.waiting[connection] = None
        return closed

    def wait(self, connection: C) -> None:
        """A connection waits for its next request."""
        for group in self._groups_of(connection):
            group.waiting.pop(connection, None)
            group.waiting[connection] = None

    def work(self, connection: C) -> None:
        """A connection has a request."""
        for group in self._groups_of(connection):
            group.waiting.pop(connection, None)

    def close(self, connection: C) -> None:
        """Remove a connection, unless it is removed already."""
        for group in self._groups_of(connection):
            group.count -= 1
            group.waiting.pop(connection, None)
        if (network := self._network.pop(connection, None)) and not self._groups[network].count:
            del self._groups[network]

    def _groups_of(self, connection: C) -> tuple[_Group[C], ...]:
        network = self._network.get(connection)
        return () if network is None else (self._groups[network], self._all)


def network_of(address: str) -> str:
    """The client that has an address: an IPv4 address, or the /64 network of an IPv6 address, which one host has."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


@dataclass(frozen=True)
class Phase:
    """A part of a request in which the client is waited for: at least `least` bytes are expected in `period_s`.

    One that is too slow is answered with the HTTP `status` and `why`, if it still can be answered.
    """

    name: str
    period_s: float
    least: float
    status: int = 0
    why: str = ""


PERIOD_S, LEAST = 10.0, 64 << 10
HEAD = Phase("head", PERIOD_S, inf, 408, f"no complete request head within {PERIOD_S:g} s")
BODY = Phase("body", PERIOD_S, LEAST, 408, f"less than {LEAST >> 10} KB of the body within {PERIOD_S:g} s")
ANSWER = Phase("answer", PERIOD_S, LEAST)


class Pace:
    """Judges the progress of one connection from samples."""

    def __init__(self) -> None:
        self._of: tuple[Phase | None, int] = None, 0
        self._since, self._bytes = 0.0, 0

    def is_late(self, phase: Phase | None, number: int, count: int, now: float) -> bool:
        """True if the client is too slow in this phase (None: it is not waited for) of its request `number`, in which
        it has sent or taken `count` bytes until now.
        """
        if (phase, number) != self._of or (phase and count - self._bytes >= phase.least):
            self._of, self._since, self._bytes = (phase, number), now, count
        return phase is not None and now - self._since > phase.period_s
