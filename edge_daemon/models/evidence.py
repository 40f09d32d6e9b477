"""The evidence that a reading rests on. It is weighed here, and nowhere else.

- known: stated by the configuration, the metadata, the graph, or a file beside the model.
- proved: follows from the model's numbers; another reading would contradict them.
- likely: usual for models like this one. It is used, and every likely fact is a note with the key that settles it.

Something without any sign is not guessed: the model is refused, or the reading stays open until a frame settles it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from edge_daemon.settings import BoxesSettings

Sure = Literal["known", "proved", "likely"]
T = TypeVar("T")
_ORDER: Mapping[Sure, int] = {"known": 0, "proved": 1, "likely": 2}


@dataclass(frozen=True)
class Sign(Generic[T]):
    """One reason for a value."""

    value: T
    because: str
    sure: Sure = "likely"


@dataclass(frozen=True)
class Fact:
    """One property of a reading, as `inspect` prints it. `key` is the YAML that states it; empty if no key does."""

    what: str
    value: str
    because: str
    sure: Sure
    key: str = ""


def weigh(signs: Iterable[Sign[T] | None]) -> Sign[T] | None:
    """The surest sign, the first of equals; None if there is none."""
    return min((sign for sign in signs if sign), key=lambda sign: _ORDER[sign.sure], default=None)


def asked(boxes: BoxesSettings, key: str) -> Sign[object] | None:
    """The sign that the configuration gives for a key of `boxes`."""
    value = getattr(boxes, key)
    return None if value is None else Sign(value, "`boxes` states it", "known")


def fact(what: str, sign: Sign[T], value: str = "", key: str = "") -> Fact:
    """A sign as a fact of the reading."""
    return Fact(what, value or str(sign.value), sign.because, sign.sure, key)


def notes(facts: Iterable[Fact]) -> Iterator[str]:
    """A sentence for each fact that is only likely; those about the input share one."""
    likely = [one for one in facts if one.sure == "likely"]
    fed = [one for one in likely if one.key.startswith("input:")]
    for one in likely:
        if one not in fed:
            settle = f"; `{one.key}` settles it" if one.key else ""
            yield f"likely, not certain: {one.what} {one.value} ({one.because}){settle}"
    if fed:
        values = ", ".join(f"{one.what} {one.value}" for one in fed)
        keys = ", ".join(one.key.removeprefix("input: {").removesuffix("}") for one in fed)
        because = "; ".join(dict.fromkeys(one.because for one in fed))
        yield f"likely, not certain: its input has {values} ({because}); `input: {{{keys}}}` settles it"
