"""One server as a worker sees it: up or down and why, how much it has in flight, and when to try it again. No sockets,
no clock.
"""

from typing import Literal

from edge_daemon.backoff import delay_s
from edge_daemon.messages.status import ServerReport
from edge_daemon.models.remote.credit import Credit

FIRST_S, LONGEST_S = 0.25, 5.0
"""Time before a server that is down is tried again, doubled with each failure, and its limit."""
IDLE_S = 2.0
"""Time without a request after which a server that is up is asked whether it still serves the model."""
CALM_S = 30.0
"""Time without a failure after which earlier ones are forgotten: a server that comes and goes is trusted later."""
ERRORS = 3
"""Failed requests in a row after which a server that answers counts as down."""
PATIENCE_S, LATENCIES = 0.7, 4.0
"""A request may take this long, or this many times the usual latency, but not longer than configured: then another
server, or the model here, takes over.
"""
LONE_PATIENCE_S = 2.0
"""The least while the usual latency is not known, or nothing else could take over."""

State = Literal["down", "trying", "up"]


class Server:
    """The state of the server called `name`, which has at most `timeout_s` for an answer."""

    def __init__(self, name: str, timeout_s: float) -> None:
        self.name, self.timeout_s = name, timeout_s
        self.state: State = "down"
        self.reason = ""
        self.credit = Credit()
        self.in_flight = 0
        self.served = self.failed = self.switches = 0
        self._failures, self._errors = 0, 0
        self._next_at, self._failed_at, self._heard_at = 0.0, float("-inf"), float("-inf")

    @property
    def has_room(self) -> bool:
        """True if it takes another request."""
        return self.state == "up" and self.in_flight < self.credit.limit

    def patience_s(self, *, alone: bool = False) -> float:
        """Longest time for an answer; longer if the server is `alone`, with nothing that could take over."""
        credit = self.credit
        least_s = LONE_PATIENCE_S if alone or not credit.latency_s else PATIENCE_S
        return min(self.timeout_s, max(least_s, LATENCIES * credit.latency_s, credit.late_s))

    def is_due(self, now: float) -> bool:
        """True if it is down and to be tried now."""
        return self.state == "down" and now >= self._next_at

    def is_idle(self, now: float) -> bool:
        """True if it counts as up, but has had nothing to answer for a while."""
        return self.state == "up" and not self.in_flight and now >= self._heard_at + IDLE_S

    def tried(self) -> None:
        """Note that it is being tried."""
        self.state = "trying"

    def came_up(self, now: float) -> None:
        """Note that it serves the model."""
        self.state, self.reason, self._errors, self._heard_at = "up", "", 0, now
        self.credit.lost()

    def checked(self, now: float) -> None:
        """Note the end of a request that asked only whether it serves the model."""
        self.in_flight -= 1
        self._heard_at = now

    def went_down(self, reason: str, now: float) -> None:
        """Note that it does not answer, or not as it should."""
        if self.state == "up":
            self.switches += 1
        if now - self._failed_at > CALM_S:
            self._failures = 0
        self._failures += 1
        self._failed_at = now
        self._next_at = now + delay_s(self._failures, FIRST_S, LONGEST_S)
        self.state, self.reason = "down", reason

    def sent(self) -> int:
        """Note a request; the number of requests in flight."""
        self.in_flight += 1
        return self.in_flight

    def answered(self, latency_s: float, in_flight: int, now: float) -> None:
        """Note an answer to a request that was number `in_flight` when it was sent."""
        self.in_flight -= 1
        self.served += 1
        self._errors, self._heard_at = 0, now
        self.credit.answered(latency_s, in_flight, now)

    def gave_up(self) -> None:
        """Note a request without an answer."""
        self.in_flight -= 1
        self.failed += 1

    def erred(self, now: float) -> None:
        """Note a request that it answered with an error."""
        self.gave_up()
        self._errors += 1
        if self._errors >= ERRORS and self.state == "up":
            self.went_down("errors", now)

    def report(self) -> ServerReport:
        """Its figures for `status/`."""
        return ServerReport(
            server=self.name,
            state=f"down ({self.reason})" if self.state != "up" and self.reason else self.state,
            latency_ms=round(1e3 * self.credit.latency_s, 1),
            in_flight=self.in_flight,
            most_in_flight=self.credit.limit if self.state == "up" else 0,
            served=self.served,
            failed=self.failed,
        )


def freest(servers: "list[Server]") -> Server | None:
    """The server with room that has least in flight; of equals the quickest."""
    free = [server for server in servers if server.has_room]
    return min(free, key=lambda one: (one.in_flight, one.credit.latency_s), default=None)
