"""Measures what delivery to each kind of receiver costs at a steady rate, and how soon an outage is made up for.

    python -m benchmarks.deliveries [KIND ...] [--rate 500] [--seconds 600] [--outage 600] [--batch 100]

All receivers are on this machine, and have the same events, through a recorder and a bridge each, as in a daemon. After
`--seconds` all of them are away for `--outage`; then one after the other is back, while events go on. A receiver has
made up for it when it is less than a second behind. In the end each event has to be there, in order for each camera.
CPU time and memory (private, least and most) are those of the bridge. `--batch` is the key of the webhook; brokers
and files choose for themselves.
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.deliveries import LAST_S, Line, Site
from tests.ends import ENDS
from tests.waiting import eventually

PATIENCE_S = 900.0
"""Longest time to wait until a receiver has made up for an outage."""
MOST_UNSTORED = 500
"""Events that wait for the recorder, beyond which none are made."""


class Meter:
    """CPU time and memory of a bridge, and how far its receiver is behind, since a moment."""

    def __init__(self, site: Site, line: Line) -> None:
        self._site, self._line, self._process = site, line, psutil.Process(line.bridge.pid)
        self._cpu_s, self._made, self._position = self._used_s(), site.made, line.report.position
        self._since_s, self._first_s = time.monotonic(), 0.0
        self._bytes: list[int] = []
        self._behind = 0

    @property
    def behind(self) -> int:
        """Events that are stored or on their way, and not known to be delivered."""
        return self._site.made - self._line.report.position

    def look(self) -> None:
        """Look at memory and the way to go."""
        self._bytes.append(self._process.memory_full_info().uss)
        self._behind = max(self._behind, self.behind)
        if not self._first_s and self._line.report.position > self._position:
            self._first_s = time.monotonic()

    def words(self, what: str) -> str:
        """What was found, in words."""
        took_s, made = time.monotonic() - self._since_s, self._site.made - self._made
        delivered, wait_s = self._line.report.position - self._position, self._first_s - self._since_s
        used_s = self._used_s() - self._cpu_s
        each = f"{1e6 * used_s / delivered:.0f} us of CPU each, " if delivered else ""
        memory = f"{min(self._bytes) / 1e6:.1f} to {max(self._bytes) / 1e6:.1f} MB"
        first = f" (the first after {wait_s:.1f} s)" if wait_s > 2 else ""
        return (
            f"{self._line.kind}, {what}: {made / took_s:.0f} events/s made, {delivered / took_s:.0f} delivered in"
            f" {took_s:.1f} s{first}, {each}{1e3 * used_s / took_s:.0f} ms a second, {memory},"
            f" at most {self._behind} behind"
        )

    def _used_s(self) -> float:
        used = self._process.cpu_times()
        return float(used.user + used.system)


class Flow:
    """Has events stored at a steady rate, as far as the recorder can take them."""

    def __init__(self, site: Site, rate: float) -> None:
        self._site, self._rate = site, rate

    def run(self, meters: list[Meter], until: Callable[[], bool], most_s: float) -> None:
        """Go on until something is true, at most for a time, with a look at the meters once a second."""
        end_s, look_s, made_s = time.monotonic() + most_s, 0.0, time.monotonic()
        while (now := time.monotonic()) < end_s and not until():
            number = int((now - made_s) * self._rate)
            made_s += number / self._rate
            if self._site.made - self._site.outbox.kept < MOST_UNSTORED:
                self._site.make(min(number, MOST_UNSTORED))
            self._site.step()
            if now >= look_s:
                look_s = now + 1.0
                for meter in meters:
                    meter.look()
            time.sleep(0.01)


def measure(kinds: list[str], rate: float, seconds: float, outage: float, batch: int) -> None:
    """Print what a steady rate and an outage cost."""
    with tempfile.TemporaryDirectory(prefix="deliveries-") as folder:
        site = Site(Path(folder), kinds, 0, batch)
        try:
            flow = Flow(site, rate)
            flow.run([], lambda: False, 2.0)
            _phase(site, flow, "there", seconds)
            if outage:
                for line in site.lines:
                    line.end.away()
                _phase(site, flow, "away", outage)
            for line in site.lines if outage else ():
                line.end.heal()
                meter = Meter(site, line)
                flow.run([meter], lambda: meter.behind < rate, PATIENCE_S)  # noqa: B023
                print(meter.words("back"), flush=True)
            eventually(site.is_delivered, LAST_S, what="all deliveries")
            assert not site.outbox.lost
            for line in site.lines:
                try:
                    found = line.checked(site.made)
                except AssertionError as error:
                    print(f"{line.kind}: {error}", flush=True)
                    continue
                print(f"{line.kind}: {found.stored} events in order, {found.doubled} of them twice", flush=True)
        finally:
            site.stop()


def _phase(site: Site, flow: Flow, what: str, seconds: float) -> None:
    meters = [Meter(site, line) for line in site.lines]
    flow.run(meters, lambda: False, seconds)
    for meter in meters:
        print(meter.words(what), flush=True)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "kinds", nargs="*", choices=[*ENDS, []], metavar="KIND", help=f"{', '.join(ENDS)}; default: all"
    )
    parser.add_argument("--rate", type=float, default=500.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=600.0, help="time at the steady rate")
    parser.add_argument("--outage", type=float, default=600.0, help="time for which receivers are away; 0: never")
    parser.add_argument("--batch", type=int, default=100, help="most messages in a request of the webhook")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(f"{os.cpu_count()} cores, {given.rate:.0f} events/s", flush=True)
    measure(given.kinds or list(ENDS), given.rate, given.seconds, given.outage, given.batch)


if __name__ == "__main__":
    main()
