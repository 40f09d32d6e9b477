"""What there is of a camera in each step of a range of time."""

from collections.abc import Sequence
from typing import Any

from edge_daemon.messages.published import utc
from edge_daemon.store.reader import Bucket


def of(
    recorded: Sequence[tuple[float, float]],
    events: Sequence[Bucket],
    since_s: float,
    until_s: float,
    step_s: float,
) -> list[dict[str, Any]]:
    """A bucket for each step: of spans that are recorded the seconds in it, and how many events and alerts began, of
    those that were counted by the same steps.
    """
    count = max(1, -int((since_s - until_s) // step_s))
    seconds, begun, alerts = [0.0] * count, [0] * count, [0] * count
    for start_s, end_s in recorded:
        first, last = (int((at - since_s) // step_s) for at in (start_s, end_s))
        for number in range(max(0, first), min(last, count - 1) + 1):
            begin = since_s + number * step_s
            seconds[number] += min(end_s, begin + step_s) - max(start_s, begin)
    for one in events:
        number = round((one.start_s - since_s) / step_s)
        begun[number] += one.events
        alerts[number] += one.events * (one.kept == "alerts")
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
