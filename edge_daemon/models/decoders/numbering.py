"""The number of a model's first class: 0 or 1."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from edge_daemon.models.decoders.decoder import Array, Outputs, Seen
from edge_daemon.models.evidence import Sign, asked, weigh
from edge_daemon.models.name_lists import is_placeholder


def first_class(
    seen: Seen, numbers: Callable[[Outputs], Array], signs: Iterable[Sign[int] | None] = ()
) -> Sign[int] | None:
    """The number of the first class, as far as there is a sign; None if there is none.

    `numbers` gives the class numbers (float32, N) of rows that stand for something in a picture without objects;
    `signs` are those of the layout. A class 0 proves that they count from 0, and the number of named classes that
    they count from 1. Names that begin with a placeholder already have the model's own numbers.
    """
    stated = asked(seen.boxes, "first_class")
    every: list[Sign[int] | None] = [] if stated is None else [Sign(int(str(stated.value)), stated.because, "known")]
    if seen.names and is_placeholder(seen.names[0]):
        every.append(Sign(0, f"the names begin with a placeholder, {seen.names[0]}", "known"))
    usual = weigh([*every, *signs])
    if usual and usual.sure == "known":
        return usual
    proved = (_proved(seen, numbers(outputs)) for outputs in _pictures(seen))
    return next((sign for sign in proved if sign), usual)


def _pictures(seen: Seen) -> Iterator[Outputs]:
    """The outputs for each test picture; the model runs on further ones only if the first decides nothing."""
    yield seen.outputs
    yield from seen.more()


def _proved(seen: Seen, numbers: Array) -> Sign[int] | None:
    if numbers.size and np.abs(numbers).min() < 0.5:
        return Sign(0, "class 0 occurs in a test picture", "proved")
    if numbers.size and seen.named and round(float(numbers.max())) == seen.named:
        return Sign(1, f"class {seen.named} occurs in a test picture, as the last of as many names", "proved")
    return None
