"""Rules as plain data, before they are validated: which zone or line they name, and which cameras they are for."""

from collections.abc import Iterator, Mapping
from typing import Any

from edge_daemon.config.problems import KeyPath

Fault = tuple[KeyPath, str, list[str]]
Data = Mapping[str, Any]
STATES = ("scene", "camera", "system")
TIMED = ("stays", "covers", "count", "absent", "left", "taken")
PLACES = dict.fromkeys(("enters", "leaves", "appears", *TIMED, "speed"), "zone") | {"crosses": "line"}
"""Conditions that are about a zone or a line."""


def places_of(path: KeyPath, rule: Data) -> Iterator[tuple[str, str, KeyPath]]:
    """Zones and lines of a rule: `zone` or `line`, the name, and the path to it."""
    for key, kind in PLACES.items():
        value = rule.get(key)
        if isinstance(value, str):
            yield kind, value, (*path, key)
        elif isinstance(name := mapping(value).get(kind), str):
            yield kind, name, (*path, key, kind)
    then = mapping(mapping(rule.get("crosses")).get("then")).get("line")
    if isinstance(then, str):
        yield "line", then, (*path, "crosses", "then", "line")


def place_of(rule: Data) -> tuple[str, str] | None:
    """The zone or line that a rule is about, the first one if there are two: `zone` or `line`, and its name."""
    return next(((kind, name) for kind, name, _ in places_of((), rule)), None)


def cameras_of(rule: Data, data: Data) -> dict[str, dict[str, Any]]:
    """The cameras that a rule is for, as far as they exist and have its zone or line."""
    cameras = {name: mapping(camera) for name, camera in mapping(data.get("cameras")).items()}
    named = [one for one in strings(rule.get("cameras")) if one in cameras]
    place = place_of(rule)
    having = {
        one: camera
        for one, camera in cameras.items()
        if place is None or place[1] in mapping(camera.get(f"{place[0]}s"))
    }
    return {one: having[one] for one in named or having if one in having}


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def strings(value: object) -> list[str]:
    """The texts in a value if it is a list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
