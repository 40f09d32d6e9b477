"""One contender in a process of its own.

`python -m benchmarks.contenders.one NAME CLIP MODEL` prints its run as JSON.
"""

import importlib
import json
import sys

import psutil

from benchmarks.contenders import limit
from benchmarks.contenders.gauge import gauge
from benchmarks.contenders.subject import Subject

LIMIT = "limit"
MODULES = {
    "bare loop, 1 thread": ("bare", "one_thread", None),
    "bare loop, default threads": ("bare", "default_threads", None),
    "capture and inference thread": ("bare", "two_threads", None),
    "supervision": ("supervision", "results", "supervision"),
    "imagezmq": ("imagezmq", "raw", "imagezmq"),
    "imagezmq, JPEG": ("imagezmq", "jpeg", "imagezmq"),
    "NetGear": ("netgear", "results", "vidgear"),
}
"""By name, the module and function that give results, and the package that has to be installed for it."""


def main() -> None:
    """Run it."""
    name, *paths = sys.argv[1:]
    subject = Subject(*paths)
    if name == LIMIT:
        told: object = limit.measure(subject)
    else:
        module, function, _ = MODULES[name]
        results = getattr(importlib.import_module(f"benchmarks.contenders.{module}"), function)
        told = gauge(psutil.Process(), results(subject))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
