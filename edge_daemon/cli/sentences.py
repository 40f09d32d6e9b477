"""The status of a camera and model in words."""

import msgspec

from edge_daemon.messages.status import CameraStatus, StreamCounts, Streams


def state_of(camera: CameraStatus) -> str:
    """A camera's state, and that of its motion gate."""
    return camera.state if camera.motion is msgspec.UNSET else f"{camera.state}, {camera.motion.state}"


def latency_of(counts: StreamCounts) -> str:
    """Median and 99th percentile of a camera and model; nothing where there is no result."""
    latency = counts.latency_ms
    return f"{latency['p50']:.0f} ms (p99 {latency['p99']:.0f} ms)" if latency else ""


def dropped_from(counts: StreamCounts) -> str:
    """Number of frames of a camera and model that were dropped, by reason."""
    return ", ".join(f"{count} {reason}" for reason, count in counts.dropped.items()) or "none"


def found_in(counts: StreamCounts) -> str:
    """The classes in the last result."""
    return ", ".join(f"{count} {name}" for name, count in counts.found.items()) or "nothing"


def summary(streams: Streams) -> list[str]:
    """A line for each camera and model: what was captured and what became of it."""
    return [
        f"{camera} / {model}: {counts.captured} captured, {counts.delivered} delivered, "
        f"dropped: {dropped_from(counts)}{with_latency(counts)}"
        for camera, models in streams.items()
        for model, counts in models.items()
    ]


def with_latency(counts: StreamCounts) -> str:
    """What follows the other counts in a line: the latency, if there is a result."""
    latency = latency_of(counts)
    return latency and f", latency {latency}"
