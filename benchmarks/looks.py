"""CPU time of a look at tracked objects: of the tracker alone, with messages about tracks, with zones and lines, with
rules, and to save the state.

    python -m benchmarks.looks [--objects 1 10 20 50] [--rounds 5]

Objects walk through the picture, past one another; one in twenty is not found, and their boxes shake by 3% of their
size. There are two zones, a line, and three rules. Each figure is the median of the looks of a round, in milliseconds
of CPU of the thread, and of the rounds the best one.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import msgspec
import numpy as np

from edge_daemon.analytics.analysis import Analysis
from edge_daemon.messages.findings import Detection
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import Result
from edge_daemon.settings import (
    AnalysisSettings,
    CameraZonesSettings,
    Count,
    Crosses,
    Enters,
    LineSettings,
    RuleSettings,
    StreamRulesSettings,
    ZoneSettings,
)
from edge_daemon.tracking.boxes import Boxes
from edge_daemon.tracking.tracker import Tracker

FPS = 10.0
LOOKS = 300
WARM_LOOKS = 20
WIDTH, HEIGHT = 1920, 1080
MISSED, SHAKE = 0.05, 0.03
"""Share of objects that a look does not find, and standard deviation of their edges in sizes of the box."""
START_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
PLACES = CameraZonesSettings(
    zones={
        "left": ZoneSettings(points=((0.05, 0.2), (0.45, 0.2), (0.45, 0.95), (0.05, 0.95))),
        "right": ZoneSettings(points=((0.5, 0.1), (0.9, 0.15), (0.95, 0.9), (0.7, 0.98), (0.5, 0.9))),
    },
    lines={"gate": LineSettings(points=((0.5, 1.0), (0.5, 0.0)))},
)
RULES = {
    "enters": RuleSettings(condition=Enters(zone="right"), cooldown_s=1),
    "crosses": RuleSettings(condition=Crosses(line="gate"), per="track"),
    "crowd": RuleSettings(condition=Count(zone="left", above=8)),
}
KINDS = {
    "tracks": StreamRulesSettings(),
    "zones": StreamRulesSettings(zones=PLACES),
    "rules": StreamRulesSettings(zones=PLACES, rules=RULES),
}


def results(objects: int) -> list[Result]:
    """The looks of a scene."""
    rng = np.random.default_rng(objects)
    starts, ways = rng.uniform(0, 1, objects), rng.uniform(0.02, 0.06, objects) * rng.choice((-1, 1), objects)
    feet, heights = rng.uniform(0.3, 0.95, objects), rng.uniform(0.1, 0.25, objects)
    found = []
    for seq in range(LOOKS):
        centres = (starts + ways * seq / FPS) % 1.0 * WIDTH
        tall = heights * HEIGHT
        boxes = np.stack([centres - tall / 5, feet * HEIGHT - tall, centres + tall / 5, feet * HEIGHT], axis=1)
        boxes += rng.normal(0, SHAKE, boxes.shape) * np.stack([tall / 2.5, tall, tall / 2.5, tall], axis=1)
        kept = boxes[rng.random(objects) >= MISSED]
        people = [
            Detection(xyxy=tuple(box), confidence=0.9, class_id=0, class_name="person")
            for box in np.round(kept, 1).tolist()
        ]
        found.append(result(seq, people))
    return found


def result(seq: int, people: list[Detection]) -> Result:
    at = datetime.fromtimestamp(START_S + seq / FPS, UTC)
    return Result(
        camera="yard",
        model="objects",
        epoch=1,
        seq=seq,
        captured_at=f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
        time_s=seq / FPS,
        width=WIDTH,
        height=HEIGHT,
        detections=people,
        dropped={},
        timing_ms=Timing(),
        worker="objects-0",
    )


def cost_ms(call: Callable[[], object]) -> float:
    """Milliseconds of CPU of a call."""
    before = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - before) / 1e6


def measured(looks: list[Result], settings: StreamRulesSettings) -> tuple[float, float]:
    """The median milliseconds of a look, and of its state."""
    analysis = Analysis(AnalysisSettings(camera="yard", model="objects", box="box", rules=settings))
    encode, costs, states = msgspec.msgpack.Encoder().encode, [], []
    for look in looks:
        fresh = msgspec.structs.replace(look)
        costs.append(cost_ms(lambda fresh=fresh: analysis.look(fresh)))  # type: ignore[misc]
        states.append(cost_ms(lambda: encode(analysis.state)))
    return statistics.median(costs[WARM_LOOKS:]), statistics.median(states[WARM_LOOKS:])


def tracker_ms(looks: list[Result]) -> float:
    """The median milliseconds of a look of the tracker alone."""
    tracker = Tracker()

    def track(look: Result) -> None:
        tracker.update(Boxes.of(look.detections, (WIDTH, HEIGHT)), look.time_s)

    costs = [cost_ms(partial(track, look)) for look in looks]
    return statistics.median(costs[WARM_LOOKS:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 10, 20, 50])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"| objects | tracker | {' | '.join(KINDS)} | state |\n|---|{'---|' * (len(KINDS) + 2)}")
    for objects in options.objects:
        looks = results(objects)
        rounds = [{kind: measured(looks, one) for kind, one in KINDS.items()} for _ in range(options.rounds)]
        tracker = min(tracker_ms(looks) for _ in rounds)
        best = [min(each[kind][0] for each in rounds) for kind in KINDS]
        state = min(each["rules"][1] for each in rounds)
        print(f"| {objects} | {tracker:.3f} | {' | '.join(f'{one:.3f}' for one in best)} | {state:.3f} |", flush=True)


if __name__ == "__main__":
    main()
