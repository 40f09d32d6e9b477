"""What there is of a camera in each step of a range of time."""

from collections.abc import Sequence
from typing import Any

from edge_daemon.messages.published import utc
from edge_daemon.store.segments import Segment


def of(
    recorded: Sequence[Segment], events: Sequence[tuple[float, bool]], since_s: float, until_s: float, step_s: float
) -> list[dict[str, Any]]:
    """A bucket for each step: the seconds recorded in it, and how many events and alerts began."""
    count = max(1, -int((since_s - until_s) // step_s))
    seconds, begun, alerts = [0.0] * count, [0] * count, [0] * count
    for segment in recorded:
        first, last = (int((at - since_s) // step_s) for at in (segment.start_s, segment.end_s))
        for number in range(max(0, first), min(last, count - 1) + 1):
            begin = since_s + number * step_s
            seconds[number] += min(segment.end_s, begin + step_s) - max(segment.start_s, begin)
    for start_s, alert in events:
        number = int((start_s - since_s) // step_s)
        begun[number] += 1
        alerts[number] += alert
    return [
        {
            "from": utc(round((since_s + number * step_s) * 1e9)),
            "to": utc(round(min(since_s + (number + 1) * step_s, until_s) * 1e9)),
            "recorded_s": round(min(seconds[number], step_s), 3),
            "events": begun[number],
            "alerts": alerts[number],
        }
        for number in range(count)
    ]
