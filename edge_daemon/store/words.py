"""What events are found by: words such as `class:person`, and pairs of them, so that few are looked through in vain."""

from collections.abc import Iterable, Sequence
from itertools import combinations

BETWEEN = "\x1f"


def keys(words: Iterable[str]) -> list[str]:
    """The words of an event, and all pairs of words of different kinds."""
    single = sorted(words)
    return single + [pair_of(one, other) for one, other in combinations(single, 2) if kind_of(one) != kind_of(other)]


def pair_of(one: str, other: str) -> str:
    """The key of two words, in whatever order."""
    return BETWEEN.join(sorted((one, other)))


def pairs(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Keys to look for, of which one is enough, each with the words that it leaves to be checked."""
    found = [
        (pair_of(one, other), [word for word in words if word not in (one, other)])
        for one, other in combinations(words, 2)
        if kind_of(one) != kind_of(other)
    ]
    return found or [(word, [other for other in words if other != word]) for word in words]


def kind_of(word: str) -> str:
    """The part before the colon: `camera`, `class`, `rule` or `zone`."""
    return word.partition(":")[0]


def matching(text: str, vocabulary: Iterable[str]) -> list[list[str]]:
    """For each word of a text, the words of events that contain it."""
    known = [(word, word.partition(":")[2].casefold()) for word in vocabulary if BETWEEN not in word]
    return [[word for word, name in known if part in name] for part in text.casefold().split()]
