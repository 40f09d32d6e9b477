"""Credentials of NATS: the content or path of a file with a token (JWT) and a seed, or with a seed alone (NKEY)."""

import re
from typing import NamedTuple

_SEED = re.compile(r"\bS[A-Z][A-Z2-7]{56}\b")
_TOKEN = re.compile(r"\b[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}\b")


class Credentials(NamedTuple):
    """A token, if there is one, and the seed of a key."""

    token: str
    seed: str

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """The credentials in a text.

        Raises:
            ValueError: there are none.
        """
        token, seed = _TOKEN.search(text), _SEED.search(text)
        if not seed:
            raise ValueError("there is no seed of NATS in it")
        return cls(token[0] if token else "", seed[0])


def is_content(text: str) -> bool:
    """True if this contains credentials, false if it is a path."""
    return "-----BEGIN" in text or bool(_SEED.fullmatch(text.strip()))
