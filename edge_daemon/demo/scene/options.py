"""Options of a source such as `scene:?seed=3&size=640x360`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import parse_qsl

from edge_daemon.errors import SourceError

LEAST_SIDE, MOST_SIDE = 64, 3840
MOST_PEOPLE = 30
_ALLOWED = {
    "seed": "a whole number from 0 to 4294967295",
    "size": f"WIDTHxHEIGHT in pixels, each from {LEAST_SIDE} to {MOST_SIDE}, such as 640x360",
    "fps": "a number above 0, at most 240",
    "frames": "a whole number from 1; without it the scene does not end",
    "people": f"a whole number from 0 to {MOST_PEOPLE}",
}


@dataclass(frozen=True)
class SceneOptions:
    """A scene to be rendered."""

    seed: int = 0
    width: int = 640
    height: int = 360
    fps: float = 15.0
    frames: int | None = None
    """Number of frames; None for no end."""
    people: int = 4
    """Number of people in the picture at a time, on average."""

    @classmethod
    def parse(cls, source: str) -> SceneOptions:
        """Read a source: `scene:`, and options as the query of a URL.

        Raises:
            SourceError: an option is unknown, given twice or out of range; says what is allowed.
        """
        scheme, _, query = source.partition("?")
        if scheme.lower().rstrip("/") != "scene:":
            raise SourceError(f"{source!r} is no generated scene; one starts with scene: such as scene:?seed=3")
        given: dict[str, str] = {}
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name not in _ALLOWED:
                near = get_close_matches(name, _ALLOWED, 1)
                hint = f"; did you mean {near[0]}?" if near else "."
                raise SourceError(f"{source}: there is no option {name!r}{hint} There are {', '.join(_ALLOWED)}")
            if name in given:
                raise SourceError(f"{source}: {name} is given twice")
            given[name] = text

        def whole(name: str, least: int, most: int, default: int) -> int:
            return _number(source, name, given[name], least, most) if name in given else default

        width, height = _size(source, given["size"]) if "size" in given else (cls.width, cls.height)
        return cls(
            seed=whole("seed", 0, 2**32 - 1, cls.seed),
            width=width,
            height=height,
            fps=_rate(source, given["fps"]) if "fps" in given else cls.fps,
            frames=_number(source, "frames", given["frames"], 1, 2**53) if "frames" in given else None,
            people=whole("people", 0, MOST_PEOPLE, cls.people),
        )


def _refuse(source: str, name: str, text: str) -> SourceError:
    return SourceError(f"{source}: {name}={text} is not possible; it must be {_ALLOWED[name]}")


def _number(source: str, name: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", text) or not least <= int(text) <= most:
        raise _refuse(source, name, text)
    return int(text)


def _rate(source: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,9})?", text) or not 0 < float(text) <= 240:
        raise _refuse(source, "fps", text)
    return float(text)


def _size(source: str, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match is None or not all(LEAST_SIDE <= int(side) <= MOST_SIDE for side in match.groups()):
        raise _refuse(source, "size", text)
    return int(match[1]), int(match[2])
