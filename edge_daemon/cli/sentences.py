"""Texts for the status of a camera and model."""

import msgspec

from edge_daemon.messages.status import CameraStatus, StreamCounts, Streams


def state_of(camera: CameraStatus) -> str:
    """State of a camera and its motion gate."""
    return camera.state if camera.motion is msgspec.UNSET else f"{camera.state}, {camera.motion.state}"


def latency_of(counts: StreamCounts) -> str:
    """Median and 99th percentile of a camera and model; empty without results."""
    latency = counts.latency_ms
    return f"{latency['p50']:.0f} ms (p99 {latency['p99']:.0f} ms)" if latency else ""


def dropped_from(counts: StreamCounts) -> str:
    """Number of dropped frames of a camera and model, by reason."""
    return ", ".join(f"{count} {reason}" for reason, count in counts.dropped.items()) or "none"


def found_in(counts: StreamCounts) -> str:
    """Contents of the last result."""
    return ", ".join(f"{count} {name}" for name, count in counts.found.items()) or "nothing"


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
