"""Draws what zones, lines and rules make of paths: `python -m tools.event_drawings` writes docs/pictures/*.svg.

Each drawing shows paths or times, and beside them what the code makes of these.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from edge_daemon.messages.events import Event
from edge_daemon.rules.during import Place
from edge_daemon.rules.rule import Scope
from edge_daemon.rules.stream import Stream, Tracks
from edge_daemon.settings import (
    CameraZonesSettings,
    Deposited,
    FilterSettings,
    LineSettings,
    RuleSettings,
    StreamRulesSettings,
    Taken,
    ZoneSettings,
)
from edge_daemon.zones.camera_zones import CameraZones
from edge_daemon.zones.covered import CoveredTime
from edge_daemon.zones.facts import Crossed, Entered, Fact, Left
from edge_daemon.zones.geometry import Point
from edge_daemon.zones.look import Instant, Look, Seen

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH, HEIGHT = 760, 300
BOX = 0.3
"""Height of the boxes, in heights of the picture."""
INK, GREY, BLUE, GREEN, RED, ORANGE = "#1f2933", "#9aa5b1", "#2f6fb7", "#2a8f5d", "#c0392b", "#c77d0a"
STYLE = "font-family:system-ui,sans-serif;font-size:13px"


class Walk(NamedTuple):
    """A path: points in shares of the picture, a look at each. The time after the point `blind` is not looked at; with
    `lost`, the track ends at the last point.
    """

    points: Sequence[Point]
    blind: int | None = None
    lost: bool = False


def svg(height: int, *parts: str) -> str:
    """An SVG of the usual width."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    back = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, back, *parts, "</svg>", ""])


def text(x: float, y: float, words: str, fill: str = INK, anchor: str = "start") -> str:
    """Words, from a point on, or around it."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" style="{STYLE}">{escape(words)}</text>'


def stroke(points: Sequence[Point], colour: str, width: float = 2, dash: str = "") -> str:
    """A line through points in pixels."""
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def dot(point: Point, colour: str, radius: float = 3) -> str:
    """A point in pixels."""
    return f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="{radius}" fill="{colour}"/>'


def rect(x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0) -> str:
    """A filled rectangle in pixels."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" opacity="{opacity}"/>'
    )


def pixels(point: Point) -> Point:
    """A point in shares, in pixels."""
    return point[0] * WIDTH, point[1] * HEIGHT


def facts(settings: CameraZonesSettings, path: Walk) -> list[Fact]:
    """Facts that zones and lines make of a path that is looked at ten times a second."""
    zones, found, looked_s = CameraZones(settings), [], 0.0
    for k, point in enumerate(path.points):
        blind = path.blind is not None and k == path.blind + 1
        looked_s += 0.0 if blind or not k else 0.1
        box = point[0] - 0.02, point[1] - BOX, point[0] + 0.02, point[1]
        found += zones.update(Look(Instant(k / 10, looked_s), WIDTH / HEIGHT, [Seen(1, "person", box, 0.9)]))
    end = Look(Instant(99.0, 99.0), WIDTH / HEIGHT, [], {1: "lost"})
    return found + zones.update(end) if path.lost else found


def drawn(path: Walk, words: str, colour: str) -> Iterator[str]:
    """A path with its looks, and words at its end."""
    points = [pixels(point) for point in path.points]
    for k, (a, b) in enumerate(pairwise(points)):
        yield stroke([a, b], colour, 2, "3 4" if k == path.blind else "")
    yield from (dot(point, colour) for point in points)
    x, y = points[-1]
    yield text(x + 8, y + 4, words, colour) if x < WIDTH - 120 else text(x, y + 20, words, colour, "end")


def verdict(found: Sequence[Fact]) -> tuple[str, str]:
    """Words and a colour for what is made of a path."""
    words = [one for fact in found if (one := word(fact))]
    if not words:
        return "nothing", GREY
    certain = all(fact.certain for fact in found if word(fact))
    return ", ".join(dict.fromkeys(words)), GREEN if certain else ORANGE


def word(fact: Fact) -> str:
    """One fact in words."""
    sure = "" if fact.certain else " (uncertain)"
    match fact:
        case Crossed(direction=direction):
            return f"{direction}{sure}"
        case Entered(began_inside=True):
            return f"first seen inside{sure}"
        case Entered():
            return f"entered{sure}"
        case Left(ended_inside=True):
            return f"lost inside{sure}"
        case Left():
            return f"left{sure}"
    return ""


def crossings() -> str:
    """A line and its margin, and what becomes of paths."""
    line = LineSettings(points=((0.06, 0.5), (0.82, 0.5)))
    margin = line.margin * BOX
    paths = [
        Walk([(0.1, 0.2), (0.1, 0.35), (0.1, 0.47), (0.11, 0.6), (0.11, 0.75)]),
        Walk([(0.25, 0.8), (0.25, 0.65), (0.25, 0.53), (0.26, 0.4), (0.26, 0.22)]),
        Walk([(0.37, 0.2), (0.39, 0.4), (0.4, 0.52), (0.42, 0.4), (0.44, 0.2)]),
        Walk([(0.53, 0.485), (0.535, 0.515), (0.54, 0.487), (0.545, 0.512), (0.55, 0.488)]),
        Walk([(0.68, 0.2), (0.68, 0.32), (0.69, 0.68), (0.69, 0.78)], blind=1),
        Walk([(0.86, 0.2), (0.88, 0.4), (0.89, 0.55), (0.87, 0.7), (0.84, 0.84)]),
    ]
    parts = [
        rect(0.06 * WIDTH, (0.5 - margin) * HEIGHT, 0.76 * WIDTH, 2 * margin * HEIGHT, BLUE, 0.12),
        stroke([pixels(point) for point in line.points], BLUE, 3),
        text(0.3 * WIDTH, 0.5 * HEIGHT + 30, "gate, from the left end to the right", BLUE),
        text(
            WIDTH / 2,
            HEIGHT - 10,
            "Dots are looks; the band is the margin; the dashed step was not looked at.",
            GREY,
            "middle",
        ),
    ]
    for path in paths:
        parts += drawn(path, *verdict(facts(CameraZonesSettings(lines={"gate": line}), path)))
    return svg(HEIGHT, *parts)


def visits() -> str:
    """A zone, and what becomes of paths."""
    zone = ZoneSettings(points=((0.2, 0.25), (0.72, 0.2), (0.8, 0.8), (0.12, 0.78)))
    paths = [
        Walk([(0.04, 0.4), (0.1, 0.42), (0.17, 0.44), (0.24, 0.45), (0.3, 0.46)]),
        Walk([(0.56, 0.13), (0.57, 0.25), (0.6, 0.36), (0.66, 0.42), (0.74, 0.45), (0.82, 0.46)]),
        Walk([(0.04, 0.72), (0.08, 0.66), (0.12, 0.6), (0.08, 0.55)]),
        Walk([(0.28, 0.1), (0.3, 0.18), (0.31, 0.26), (0.34, 0.17), (0.37, 0.1)]),
        Walk([(0.22, 0.62), (0.26, 0.64), (0.3, 0.64)], lost=True),
    ]
    parts = [
        stroke([pixels(point) for point in (*zone.points, zone.points[0])], BLUE, 3),
        text(0.7 * WIDTH, 0.74 * HEIGHT, "drive", BLUE),
        text(
            WIDTH / 2,
            HEIGHT - 10,
            "The anchor, in the middle of the lower edge of the box, is what counts.",
            GREY,
            "middle",
        ),
    ]
    for path in paths:
        parts += drawn(path, *verdict(facts(CameraZonesSettings(zones={"drive": zone}), path)))
    return svg(HEIGHT, *parts)


def looked_at() -> str:
    """Time between looks: looked at, still and blind."""
    spans = [("usual", 0.4, {}), ("usual", 0.8, {}), ("still", 3.4, {"still": 40}), ("usual", 3.8, {})]
    spans += [("replaced", 6.8, {"replaced": 30}), ("usual", 7.2, {}), ("usual", 7.6, {})]
    covered, scale, left, parts = CoveredTime(), 82.0, 40.0, []
    last = covered.look(0.0, {})
    parts.append(dot((left, 80), INK, 4))
    for kind, time_s, dropped in spans:
        now = covered.look(time_s, dropped)
        x, end, looked_s = left + scale * last.time_s, left + scale * time_s, now.looked_s - last.looked_s
        if kind == "still":
            parts += [
                rect(x, 70, end - x, 20, GREEN, 0.25),
                text((x + end) / 2, 60, "nothing moved: looked at", GREEN, "middle"),
            ]
        elif kind == "replaced":
            seen = x + scale * looked_s
            parts += [rect(x, 70, seen - x, 20, GREEN, 0.25), rect(seen, 70, end - seen, 20, RED, 0.25)]
            parts.append(
                text(
                    (x + end) / 2,
                    60,
                    f"no frame got through: {time_s - last.time_s - looked_s:.1f} s blind",
                    RED,
                    "middle",
                )
            )
        else:
            parts.append(rect(x, 70, end - x, 20, GREEN, 0.25))
        parts.append(dot((end, 80), INK, 4))
        last = now
    parts.append(
        text(left, 120, f"{last.time_s:.1f} s of camera time, {last.looked_s:.1f} s of it looked at; dots are looks.")
    )
    return svg(140, *parts)


def left_and_taken() -> str:
    """A bag and its owner over time, and the events."""
    place = Place(ZoneInfo("UTC"))
    wanted = FilterSettings(classes=("backpack",))
    rules = {
        "left": RuleSettings(condition=Deposited(zone="hall", for_s=30), filter=wanted, linger_s=0),
        "taken": RuleSettings(condition=Taken(zone="hall", for_s=30), filter=wanted),
    }
    zones = CameraZonesSettings(zones={"hall": ZoneSettings(points=((0, 0), (1, 0), (1, 1), (0, 1)))})
    stream = Stream(Scope(box="", camera="", model="", place=place), StreamRulesSettings(zones=zones, rules=rules))
    bag = Seen(1, "backpack", (0.48, 0.6, 0.52, 0.7), 0.9)
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    for k in range(220):
        time_s = k / 2
        found = [bag] if time_s < 60 or 66 <= time_s < 84 else []
        if time_s < 24:
            x = 0.47 if time_s < 20 else 0.8
            found.append(Seen(2, "person", (x, 0.4, x + 0.08, 0.75), 0.9))
        if 60 <= time_s < 66 or 84 <= time_s < 88:
            found.append(Seen(3 if time_s < 66 else 4, "person", (0.45, 0.4, 0.53, 0.75), 0.9))
        for event in stream.update(Tracks(1, k, time_s, 1e9 + time_s, (1600, 900), found)):
            if isinstance(event, Event) and event.phase == "start":
                starts.setdefault(event.rule, event.time_s)
            elif isinstance(event, Event) and event.phase == "end":
                ends.setdefault(event.rule, event.time_s)
    left, scale = 150.0, 5.8

    def bar(y: float, words: str, begin: float, end: float, colour: str, label: str = "") -> list[str]:
        shape = rect(left + scale * begin, y, scale * (end - begin), 18, colour, 0.35)
        return [text(10, y + 14, label), shape, text(left + scale * begin + 5, y + 14, words)]

    parts = bar(20, "at rest", 0, 60, BLUE, "the bag") + bar(20, "at rest", 66, 84, BLUE)
    parts += [*bar(20, "", 60, 66, GREY), text(left + scale * 63, 15, "hidden", GREY, "middle")]
    parts += (
        bar(50, "near: its owner", 0, 20, GREEN, "people") + bar(50, "", 60, 66, GREY) + bar(50, "", 84, 88, ORANGE)
    )
    parts.append(text(left + scale * 88 + 5, 64, "who takes it"))
    parts += bar(80, "left: alone for 30 s", starts["left"], ends["left"], RED, "events")
    parts.append(stroke([(left + scale * starts["taken"], 80), (left + scale * starts["taken"], 130)], RED, 3))
    parts.append(text(left + scale * starts["taken"] + 6, 128, "taken"))
    parts.append(
        text(
            10,
            160,
            "left and taken: {zone: hall, for: 30s}, over 110 s. Somebody who only hides the bag changes nothing.",
            GREY,
        )
    )
    return svg(175, *parts)


DRAWINGS = {"crossings": crossings, "visits": visits, "looked-at": looked_at, "left-and-taken": left_and_taken}


def main() -> None:
    """Write the drawings."""
    for name, drawing in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(drawing())


if __name__ == "__main__":
    main()
