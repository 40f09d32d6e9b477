"""Commands that are received over MQTT: a rule on or off, the mode, a picture of a camera."""

from collections.abc import Mapping
from typing import NamedTuple

from edge_daemon.delivery.settings import PlacesSettings
from edge_daemon.delivery.topics import Topics
from edge_daemon.messages.requests import Requester, SetMode, SwitchRule

SWITCHED = {"on": True, "off": False}


class Snapshot(NamedTuple):
    """Publish a picture of a camera."""

    camera: str


def command(
    topics: Topics, places: Mapping[str, PlacesSettings], by: Requester, topic: str, payload: bytes
) -> SwitchRule | SetMode | Snapshot:
    """The command in a message.

    Raises:
        ValueError: it is none.
    """
    text = payload.decode(errors="replace").strip()
    rules = {rule for one in places.values() for rule in one.rules}
    for rule in rules:
        if topic == topics.command(topics.rule(rule)):
            if (enabled := SWITCHED.get(text.lower())) is None:
                raise ValueError("must be ON or OFF")
            return SwitchRule(by=by, rule=rule, enabled=enabled)
    if topic == topics.command(topics.mode):
        return SetMode(by=by, mode=text)
    for camera in places:
        if topic == topics.command(topics.snapshot(camera)):
            return Snapshot(camera)
    raise ValueError("is no topic of a rule, camera or mode here")
