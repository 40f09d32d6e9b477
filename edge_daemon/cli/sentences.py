"""What a status says of a camera and model, in words."""

from typing import Any


def state_of(status: dict[str, Any]) -> str:
    """A camera's state, and that of its motion gate."""
    return ", ".join([status["state"], *([status["motion"]["state"]] if "motion" in status else [])])


def latency_of(counts: dict[str, Any]) -> str:
    """Median and 99th percentile of a camera and model; nothing where there is no result."""
    latency = counts["latency_ms"]
    return f"{latency['p50']:.0f} ms (p99 {latency['p99']:.0f} ms)" if latency else ""


def dropped_from(counts: dict[str, Any]) -> str:
    """How many frames of a camera and model were dropped, by reason."""
    return ", ".join(f"{count} {reason}" for reason, count in counts["dropped"].items()) or "none"


def found_in(counts: dict[str, Any]) -> str:
    """What the last result holds."""
    return ", ".join(f"{count} {name}" for name, count in counts["found"].items()) or "nothing"


def summary(cameras: dict[str, Any]) -> list[str]:
    """A line for each camera and model: what was captured and what became of it."""
    return [
        f"{camera} / {model}: {counts['captured']} captured, {counts['delivered']} delivered, "
        f"dropped: {dropped_from(counts)}{with_latency(counts)}"
        for camera, status in cameras.items()
        for model, counts in status["models"].items()
    ]


def with_latency(counts: dict[str, Any]) -> str:
    """What follows the other counts in a line: the latency, if there is a result."""
    latency = latency_of(counts)
    return latency and f", latency {latency}"
