"""Facts in words."""

from datetime import datetime
from zoneinfo import ZoneInfo

from edge_daemon.messages.events import FactMap
from edge_daemon.messages.published import utc

_SCENES = {"moved": "the camera looks elsewhere", "dark": "the picture is dark"}
"""States of a scene, where the state is not that of the camera."""


def dated(fact: FactMap, wall_s: float) -> FactMap:
    """A fact with the wall time at which it happened in place of its camera time."""
    rest = {key: value for key, value in fact.items() if key != "time_s"}
    return {**rest, "at": utc(round(wall_s * 1e9))}


def because(fact: FactMap, zone: ZoneInfo) -> str:
    """One sentence on a fact, with local time."""
    who = f"{fact.get('class_name')} {fact.get('tracker_id')}"
    sure = "" if fact.get("certain", True) else ", not certain"
    match fact["type"]:
        case "entered" if fact.get("began_inside"):
            return f"{who} was first seen in {fact['zone']} at {_clock(fact, zone)}{sure}"
        case "entered":
            return f"{who} entered {fact['zone']} at {_clock(fact, zone)} and {_settled(fact)}{sure}"
        case "left":
            return f"{who} left {fact['zone']} at {_clock(fact, zone)} after {_seconds(fact['dwell_s'])}{sure}"
        case "crossed":
            return (
                f"{who} crossed {fact['line']} {fact['direction']} at {_clock(fact, zone)} and {_settled(fact)}{sure}"
            )
        case "then":
            return f"it crossed {fact['then']} {_seconds(fact['for_s'])} after {fact['line']}"
        case "covered":
            return f"{who} has been in {fact['zone']} with its whole box for {_seconds(fact['for_s'])}"
        case "speed":
            return f"{who} moves through {fact['zone']} at {fact['kmh']:.0f} km/h, above {fact['above']:g}"
        case "near":
            return f"{who} was near"
        case "stayed":
            return f"{who} has been in {fact['zone']} for {_seconds(fact['dwell_s'])}"
        case "left-behind":
            return f"{who} has been left in {fact['zone']} for {_seconds(fact['for_s'])}"
        case "taken":
            return f"{who} is gone from where it was in {fact['zone']} for {_seconds(fact['for_s'])}"
        case "count":
            return f"{fact['count']} in {fact['zone']} for {_seconds(fact['for_s'])}"
        case "absent":
            return f"nobody in {fact['zone']} for {_seconds(fact['for_s'])} of time looked at"
        case "state":
            return _state(fact)
        case "during":
            return f"{fact['clock']} is within {fact['range']}"
        case "mode":
            return f"the mode is {fact['mode']}"
        case "quiet":
            return f"no event of this rule for {_seconds(fact['for_s'])}"
        case other:
            return str(other)


def time_of_day(moment: datetime) -> str:
    """The time of day that a moment has in its zone, to a tenth of a second."""
    return f"{moment:%H:%M:%S}.{moment.microsecond // 100_000}"


def _settled(fact: FactMap) -> str:
    return f"settled after {_seconds(fact['settled_s'])}"


def _clock(fact: FactMap, zone: ZoneInfo) -> str:
    return time_of_day(datetime.fromisoformat(str(fact["at"])).astimezone(zone))


def _state(fact: FactMap) -> str:
    state, long = str(fact["state"]), float(str(fact["for_s"]))
    what = f"trouble with {state}" if fact["of"] == "system" else _SCENES.get(state, f"the camera is {state}")
    return f"{what} for {_seconds(long)}" if long else what


def _seconds(value: object) -> str:
    """A duration in the unit that people would use."""
    seconds = float(str(value))
    for least, size, unit in ((7200, 3600, "h"), (120, 60, "min")):
        if seconds >= least:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"
