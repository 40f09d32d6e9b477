"""What a broker retains of a box: published when it changes, and removed when it is not wanted any more."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_daemon.runtime.state import replace_file

logger = logging.getLogger(__name__)


class File(NamedTuple):
    """A payload that is read when it is published."""

    path: Path


Payload = bytes | File


class _Kept(msgspec.Struct, kw_only=True):
    topics: list[str] = []
    platforms: dict[str, dict[str, str]] = {}


class Retained:
    """The topics of which a broker may retain something, and the platforms of Home Assistant's components: both are
    kept in a file, so that a later configuration can remove them.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._sent = path, dict[str, Payload]()
        try:
            self._kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._kept = _Kept()

    def platforms(self, topic: str) -> dict[str, str]:
        """Platforms of the components that a device has had, by key."""
        return self._kept.platforms.get(topic, {})

    def note_platforms(self, topic: str, platforms: Mapping[str, str]) -> None:
        """Remember the components of a device."""
        before = self.platforms(topic)
        self._kept.platforms[topic] = {**before, **platforms}
        if self._kept.platforms[topic] != before:
            self._keep(self._kept.topics)

    def forget(self) -> None:
        """Take nothing for published."""
        self._sent.clear()

    def changes(self, wanted: Mapping[str, Payload]) -> Iterator[tuple[str, Payload]]:
        """What is to be published so that nothing but `wanted` is retained, in its order. An empty payload removes."""
        gone = [topic for topic in self._kept.topics if topic not in wanted]
        new = wanted.keys() - set(self._kept.topics)
        if new:
            self._keep([*self._kept.topics, *(topic for topic in wanted if topic in new)])
        yield from ((topic, b"") for topic in gone if self._sent.get(topic) != b"")
        yield from ((topic, payload) for topic, payload in wanted.items() if self._sent.get(topic) != payload)

    def note(self, topic: str, payload: Payload) -> None:
        """The broker has this."""
        self._sent[topic] = payload
        if payload == b"":
            self._kept.platforms.pop(topic, None)
            self._keep([one for one in self._kept.topics if one != topic])

    def _keep(self, topics: list[str]) -> None:
        self._kept.topics = topics
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.encode(self._kept))
        except OSError as error:
            logger.warning("cannot write %s: %s; what it retains may stay there", self._path, error.strerror)
