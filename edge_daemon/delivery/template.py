"""Templates of texts: `{camera}: {what} at {time}`. There is nothing in them but names: no attributes, no formats.

What is filled in is foreign text, such as names of classes; it is made printable.
"""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from edge_daemon.log import printable

NAMES = {
    "subject": "camera and rule, or how many events there were",
    "summary": "who or what, and when, or why; of several events, how many of each camera and rule",
    "box": "name of this machine",
    "camera": "name of the camera",
    "rule": "name of the rule",
    "phase": "start, update or end",
    "what": "who or what, such as `person 17, car 3`",
    "classes": "names of the classes, such as `car, person`",
    "because": "the reasons, a sentence each",
    "reason": "why an event ended",
    "date": "local date, such as 2026-11-28",
    "time": "local time, such as 22:14:03",
    "at": "time in UTC, as in messages",
    "id": "id of the event",
    "incident": "id that events at the same time share",
    "type": "event, track, counts, status, result or digest",
    "model": "name of the model",
    "count": "number of events; more than 1 in a digest",
    "still": "address of the picture of the event, which needs no token for seven days",
    "clip": "address of its clip, which is there once the event has ended",
}
"""Names that a template may have."""
LINKS = ("still", "clip")
"""Those that are addresses of this box."""
_EXAMPLE = "write {{ and }} for plain braces"
_IDENTIFIER = re.compile(r"[a-z_]+")


def check(template: str) -> None:
    """Check a template.

    Raises:
        ValueError: it names something that there is not, or is more than names.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        raise ValueError(f"has a brace without its other one; {_EXAMPLE}") from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if form or conversion or not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"may have nothing but names in braces, such as {{camera}}; {_EXAMPLE}")
        if name not in NAMES:
            raise ValueError(f"names {{{name}}}, which there is not; there are {', '.join(NAMES)}")


def links_in(template: Any) -> list[str]:
    """The addresses that a template names."""
    names = {name for text in texts(template) for _, name, _, _ in Formatter().parse(text)}
    return [name for name in LINKS if name in names]


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template that was checked, with the values."""
    parts = Formatter().parse(template)
    return "".join(text + (printable(values.get(name, "")) if name else "") for text, name, _, _ in parts)


def fill_all(template: Any, values: Mapping[str, str]) -> Any:
    """A mapping, list or text, with the values in all texts."""
    match template:
        case str():
            return fill(template, values)
        case dict():
            return {key: fill_all(item, values) for key, item in template.items()}
        case list() | tuple():
            return [fill_all(item, values) for item in template]
    return template


def texts(template: Any) -> list[str]:
    """All texts in a mapping, list or text."""
    match template:
        case str():
            return [template]
        case dict():
            return [text for item in template.values() for text in texts(item)]
        case list() | tuple():
            return [text for item in template for text in texts(item)]
    return []
