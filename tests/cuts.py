"""Cuts the network between bridges and their receivers, and holds the deliveries to their promise.

    python -m tests.cuts [KIND ...] [--seconds 30] [--rate 10]

All is in a network namespace, in which packets get lost without a word: first while events happen, then while none do.
For each receiver it is printed after what time that was noticed, and shown as `away`, and after what time everything
was delivered again. In the end each event is there, in order for each camera.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.deliveries import LAST_S, Line, Site
from tests.ends import ENDS
from tests.waiting import eventually

INSIDE = "EDGE_TESTS_INSIDE"
"""In the environment of a process that is in the namespace."""
UP = ["ip", "link", "set", "lo", "up"]
CUT = ["tc", "qdisc", "add", "dev", "lo", "root", "blackhole"]
MEND = ["tc", "qdisc", "del", "dev", "lo", "root"]
STEP_S, QUIET_S = 0.05, 3.0


class Watch:
    """When a bridge noticed that its receiver is away, and said so, in seconds since a moment."""

    def __init__(self, line: Line) -> None:
        self._line, self._since_s = line, time.monotonic()
        self._noticed = self._away = ""

    def look(self) -> None:
        """Look at its report."""
        after_s = time.monotonic() - self._since_s
        if self._line.report.reason and not self._noticed:
            self._noticed = f"noticed after {after_s:.0f} s ({self._line.report.reason})"
        if self._line.bridge.state.startswith("away") and not self._away:
            self._away = f"{self._line.bridge.state} after {after_s:.0f} s"

    @property
    def words(self) -> str:
        """What was seen, in words."""
        return f"{self._noticed or 'not noticed'}, {self._away or 'not away'}"


def run(kinds: list[str], seconds: float, rate: float) -> None:
    """Cut the network twice.

    Raises:
        AssertionError: a promise was broken.
    """
    with tempfile.TemporaryDirectory(prefix="cuts-") as folder:
        site = Site(Path(folder), kinds, 0, batch=20)
        try:
            _flow(site, QUIET_S, rate)
            _cut(site, seconds, rate, "while events happen")
            _flow(site, QUIET_S, 0.0)
            _cut(site, seconds, 0.0, "while none do")
            _flow(site, QUIET_S, rate)
            eventually(site.is_delivered, LAST_S, what="all deliveries")
            for line in site.lines:
                found = line.checked(site.made)
                print(f"{line.kind}: {found.stored} events, {found.doubled} of them twice", flush=True)
        finally:
            site.stop()


def _cut(site: Site, seconds: float, rate: float, when: str) -> None:
    """Cut the network for a time, and mend it."""
    subprocess.run(CUT, check=True)
    watches = [Watch(line) for line in site.lines]
    _flow(site, seconds, rate, watches)
    subprocess.run(MEND, check=True)
    began_s, back = time.monotonic(), dict[str, float]()
    end_s = began_s + LAST_S
    while len(back) < len(site.lines) and time.monotonic() < end_s:
        site.step()
        for line in site.lines:
            if not line.report.reason and line.report.position == site.made:
                back.setdefault(line.kind, time.monotonic() - began_s)
        time.sleep(STEP_S)
    for line, watch in zip(site.lines, watches, strict=True):
        print(f"{line.kind}, cut {when}: {watch.words}, back after {back.get(line.kind, LAST_S):.0f} s", flush=True)


def _flow(site: Site, seconds: float, rate: float, watches: list[Watch] | None = None) -> None:
    """Let events happen for a time."""
    end_s, made_s = time.monotonic() + seconds, time.monotonic()
    while (now := time.monotonic()) < end_s:
        number = int((now - made_s) * rate)
        if number:
            made_s += number / rate
            site.make(number)
        site.step()
        for watch in watches or ():
            watch.look()
        time.sleep(STEP_S)


def main() -> None:
    """Run it in a namespace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(ENDS)}; default: all but files")
    parser.add_argument("--seconds", type=float, default=30.0, help="time for which the network is cut")
    parser.add_argument("--rate", type=float, default=10.0, help="events a second")
    given = parser.parse_args()
    if INSIDE not in os.environ:
        command = ["unshare", "--net", "--", sys.executable, "-m", "tests.cuts", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=os.environ | {INSIDE: "1"}, check=False).returncode)
    subprocess.run(UP, check=True)
    logging.disable(logging.CRITICAL)
    run(given.kinds or [kind for kind in ENDS if kind != "files"], given.seconds, given.rate)


if __name__ == "__main__":
    main()
