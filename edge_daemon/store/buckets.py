"""Counts in buckets of a length: what the reports of intervals add up to."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_daemon.messages.published import utc
from edge_daemon.store.entry import seconds_of

IN_INTERVAL = {"lines": ("in", "out", "uncertain"), "zones": ("entered", "left", "uncertain")}
"""Counts of an interval, which can be added."""
Report = Mapping[str, Any]


def of(
    reports: Sequence[Report],
    since_s: float,
    until_s: float,
    step_s: float,
    zones: Sequence[str] | None = None,
    lines: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """A bucket for each camera, model and step in which there are reports. A report counts where its interval ends.

    Of zones, `now` is the last of the bucket. With `zones` or `lines`, only these are in it.
    """
    made: dict[tuple[str, str, int], dict[str, Any]] = {}
    for report in reports:
        number = int((seconds_of(report["to"]) - since_s - 1e-6) // step_s)
        start_s = since_s + number * step_s
        bucket = made.setdefault(
            (report["camera"], report["model"], number),
            {
                "camera": report["camera"],
                "model": report["model"],
                "from": utc(round(start_s * 1e9)),
                "to": utc(round(min(start_s + step_s, until_s) * 1e9)),
                "duration_s": 0.0,
                "blind_s": 0.0,
                "lines": {},
                "zones": {},
            },
        )
        for field in ("duration_s", "blind_s"):
            bucket[field] = round(bucket[field] + report[field], 3)
        for kind, names in (("lines", lines), ("zones", zones)):
            if names is None and (lines if kind == "zones" else zones) is not None:
                continue
            _add(bucket[kind], report[kind], IN_INTERVAL[kind], names)
    return sorted(made.values(), key=lambda one: (one["from"], one["camera"], one["model"]))


def _add(total: dict[str, Any], places: Report, fields: Sequence[str], names: Sequence[str] | None) -> None:
    for place, classes in places.items():
        if names is not None and place not in names:
            continue
        for name, counts in classes.items():
            sums = total.setdefault(place, {}).setdefault(name, dict.fromkeys(fields, 0))
            for field in fields:
                sums[field] += counts[field]
            if "now" in counts:
                sums["now"] = counts["now"]
