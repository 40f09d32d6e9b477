"""Texts for the status of a camera and model, and JSON for a terminal."""

import json
from collections import Counter

import msgspec

from edge_daemon.messages.fates import Dropped, losses
from edge_daemon.messages.status import BridgeReport, CameraStatus, ProcessStatus, Status, StreamCounts, Streams


def state_of(camera: CameraStatus) -> str:
    """State of a camera and its motion gate."""
    return camera.state if camera.motion is msgspec.UNSET else f"{camera.state}, {camera.motion.state}"


def trouble_of(name: str, camera: CameraStatus) -> str:
    """A line on a camera that gives no pictures: since when, what to do, when it is tried again; empty if it does."""
    if camera.reason is msgspec.UNSET:
        return ""
    parts = [f"{name} is {camera.state}"]
    if camera.since is not msgspec.UNSET:
        parts[0] += f" since {camera.since[:19].replace('T', ' ')}"
    if camera.hint is not msgspec.UNSET:
        parts.append(camera.hint.rstrip("."))
    if camera.next_try_s is not msgspec.UNSET:
        parts.append(f"Next try in {camera.next_try_s:.0f} s")
    return ". ".join(parts)


def trouble_of_receiver(process: ProcessStatus) -> str:
    """A line on a receiver that takes no messages: what waits, what to do, when it is tried again; empty if it does."""
    if process.receiver is None or not process.detail:
        return ""
    report = msgspec.convert(process.detail, BridgeReport)
    if report.reason is msgspec.UNSET:
        return ""
    parts = [f"{process.name} is away ({report.reason}), {report.waiting} messages wait"]
    if report.hint is not msgspec.UNSET:
        parts.append(report.hint.rstrip(".?"))
    if report.next_try_s is not msgspec.UNSET:
        parts.append(f"Next try in {report.next_try_s:.0f} s")
    return ". ".join(parts)


def latency_of(counts: StreamCounts) -> str:
    """Median and 99th percentile of a camera and model; empty without results."""
    latency = counts.latency_ms
    return f"{latency['p50']:.0f} ms (p99 {latency['p99']:.0f} ms)" if latency else ""


def dropped_from(counts: StreamCounts) -> str:
    """Number of dropped frames of a camera and model, by reason."""
    return _listed(counts.dropped)


def in_brief(status: Status, before: Streams) -> str:
    """One line on all cameras: their states, the rate and latency of results, and losses since the counts `before`."""
    states = {name: state_of(camera) for name, camera in status.cameras.items()}
    up = sum(camera.state == "up" for camera in status.cameras.values())
    streams = [counts for camera in status.cameras.values() for counts in camera.models.values()]
    p99 = max((counts.latency_ms.get("p99", 0.0) for counts in streams), default=0.0)
    delivered, lost = 0, Counter[str]()
    for name, camera in status.cameras.items():
        for model, counts in camera.models.items():
            old = before.get(name, {}).get(model)
            delivered += counts.delivered - (old.delivered if old else 0)
            lost += Counter(losses(counts.dropped)) - Counter(losses(old.dropped) if old else {})
    others = [f"{name} {state}" for name, state in states.items() if status.cameras[name].state != "up"]
    parts = [
        f"{up} of {len(states)} camera{'s'[: len(states) != 1]} up",
        f"{sum(counts.fps for counts in streams):.1f} results/s",
        f"latency p99 at most {p99:.0f} ms",
        f"{delivered} results since the last summary",
        f"lost: {_listed(lost)}",
    ]
    return ", ".join(parts) + (f"; not up: {', '.join(others)}" if others else "")


def _listed(counts: Dropped) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"


def found_in(counts: StreamCounts) -> str:
    """Contents of the last result."""
    return ", ".join(f"{count} {name}" for name, count in counts.found.items()) or "nothing"


def counted_in(counts: StreamCounts) -> str:
    """How many are in each zone and have crossed each line, and how many events there were; empty without any."""
    if counts.totals is msgspec.UNSET:
        return ""
    totals = counts.totals
    parts = [f"{sum(classes.values())} in {zone}" for zone, classes in totals.zones.items()]
    for line, classes in totals.lines.items():
        ways = [f"{sum(one.get(way, 0) for one in classes.values())} {way}" for way in ("in", "out")]
        parts.append(f"{line} {' '.join(ways)}")
    if events := sum(totals.events.values()):
        parts.append(f"{events} event{'s'[: events != 1]}")
    return ", ".join(parts)


def summary(streams: Streams) -> list[str]:
    """One line for each camera and model: frames captured, delivered and dropped."""
    return [
        f"{camera} / {model}: {counts.captured} captured, {counts.delivered} delivered, "
        f"dropped: {dropped_from(counts)}{with_latency(counts)}"
        for camera, models in streams.items()
        for model, counts in models.items()
    ]


def with_latency(counts: StreamCounts) -> str:
    """The end of a line of counts: the latency, if there are results."""
    latency = latency_of(counts)
    return latency and f", latency {latency}"


def on_terminal(body: bytes) -> bytes:
    """JSON with escape sequences for all that a terminal would act on."""
    text = body.decode(errors="replace")
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text).encode()
