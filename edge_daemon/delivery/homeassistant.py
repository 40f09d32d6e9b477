"""Discovery by Home Assistant over MQTT: one message a device, with all its entities.

Names are foreign text: they are in plain values and, escaped, in topics and ids, but in no template.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edge_daemon.delivery.settings import PlacesSettings
from edge_daemon.delivery.topics import Topics, identifier

PREFIX = "homeassistant"
BIRTH = f"{PREFIX}/status"
"""Home Assistant publishes `online` here when it has started."""
Component = dict[str, Any]
_UP = "{{ 'online' if value_json.state == 'up' else 'offline' }}"
_FIELDS = ", ".join(f"'{name}': value_json.{name}" for name in ("id", "phase", "at", "because"))
_ABOUT = f"{{{{ {{{_FIELDS}}} | tojson }}}}"
_RESET = "{{ value_json.reset_at or '' }}"
_CLASSES = "{{ {'classes': value_json.classes} | tojson }}"


class Discovery:
    """The messages that announce the cameras of a box, and the box itself if it has modes that can be set."""

    def __init__(self, topics: Topics, box: str, version: str, *, commands: bool, stills: Sequence[str] = ()) -> None:
        self._topics, self._box, self._version = topics, box, version
        self._commands, self._stills = commands, stills

    def camera(self, camera: str, places: PlacesSettings) -> tuple[str, Component]:
        """Topic and message of a camera."""
        id = identifier("edge", self._box, camera)
        up = {"topic": self._topics.camera(camera), "value_template": _UP}
        parts = {identifier(*names): one for names, one in self._components(camera, places)}
        return self._device(id, camera, f"camera of {self._box}", [self._box_is_up, up], parts)

    def box(self, modes: Sequence[str]) -> tuple[str, Component] | None:
        """Topic and message of the box; None if there is nothing to set."""
        if not (self._commands and modes):
            return None
        topic = self._topics.mode
        mode = {"platform": "select", "name": "mode", "options": list(modes), "state_topic": topic}
        parts = {"mode": mode | {"command_topic": self._topics.command(topic)}}
        return self._device(identifier("edge", self._box), self._box, "edge-daemon", [self._box_is_up], parts)

    @property
    def _box_is_up(self) -> dict[str, str]:
        return {"topic": self._topics.status}

    def _device(
        self, id: str, name: str, model: str, availability: list[dict[str, str]], parts: Mapping[str, Component]
    ) -> tuple[str, Component]:
        about = {"identifiers": [id], "name": name, "manufacturer": "edge-daemon", "model": model}
        return f"{PREFIX}/device/{id}/config", {
            "device": about | {"sw_version": self._version},
            "origin": {"name": "edge-daemon", "sw_version": self._version},
            "availability": availability,
            "availability_mode": "all",
            "qos": 1,
            "components": {key: one | {"unique_id": f"{id}__{key}"} for key, one in parts.items()},
        }

    def _components(self, camera: str, places: PlacesSettings) -> Iterator[tuple[tuple[str, ...], Component]]:
        """The entities of a camera, each with the names that identify it."""
        for rule in places.rules:
            yield ("rule", rule), self._rule(camera, rule, trouble=rule in places.troubles)
            if self._commands:
                yield ("switch", rule), self._switch(rule)
        for zone in places.zones:
            yield from self._zone(camera, zone)
        for line in places.lines:
            topic = self._topics.line(camera, line)
            for way in ("in", "out"):
                yield (way, line), _counter(topic, f"{line} {way}", way)
        if camera in self._stills:
            yield ("still",), self._image(self._topics.still(camera), "last event")
        if self._commands:
            topic = self._topics.snapshot(camera)
            yield ("snapshot",), self._image(topic, "snapshot")
            yield (
                ("look",),
                {"platform": "button", "name": "take snapshot", "command_topic": self._topics.command(topic)},
            )

    def _rule(self, camera: str, rule: str, *, trouble: bool) -> Component:
        """A rule is on while there is an event. One about a camera that is down is there while the camera is not."""
        own = {"device_class": "problem", "availability": [self._box_is_up]} if trouble else {}
        return {
            "platform": "binary_sensor",
            "name": rule,
            "state_topic": self._topics.occurs(camera, rule),
            "json_attributes_topic": self._topics.event(camera, rule),
            "json_attributes_template": _ABOUT,
        } | own

    def _switch(self, rule: str) -> Component:
        topic = self._topics.rule(rule)
        return {
            "platform": "switch",
            "name": f"{rule} enabled",
            "state_topic": topic,
            "command_topic": self._topics.command(topic),
            "entity_category": "config",
            "availability": [self._box_is_up],
        }

    def _zone(self, camera: str, zone: str) -> Iterator[tuple[tuple[str, ...], Component]]:
        topic = self._topics.zone(camera, zone)
        yield (
            ("zone", zone),
            {
                "platform": "binary_sensor",
                "name": zone,
                "device_class": "occupancy",
                "state_topic": topic,
                "value_template": "{{ value_json.occupied }}",
                "json_attributes_topic": topic,
                "json_attributes_template": _CLASSES,
            },
        )
        yield (
            ("now", zone),
            {
                "platform": "sensor",
                "name": f"{zone} now",
                "state_class": "measurement",
                "state_topic": topic,
                "value_template": "{{ value_json.now }}",
            },
        )
        for what in ("entered", "left"):
            yield (what, zone), _counter(topic, f"{zone} {what}", what)

    def _image(self, topic: str, name: str) -> Component:
        own = {"content_type": "image/jpeg", "availability": [self._box_is_up]}
        return {"platform": "image", "name": name, "image_topic": topic} | own


def with_removed(message: Component, before: Mapping[str, str]) -> Component:
    """A message with the platforms of former components, by key: one without anything else is removed."""
    gone = {key: {"platform": one} for key, one in before.items() if key not in message["components"]}
    return message | {"components": {**message["components"], **gone}}


def platforms(message: Component) -> dict[str, str]:
    """The platform of each component."""
    return {key: one["platform"] for key, one in message["components"].items()}


def _counter(topic: str, name: str, field: str) -> Component:
    return {
        "platform": "sensor",
        "name": name,
        "state_class": "total",
        "state_topic": topic,
        "value_template": f"{{{{ value_json.{field} }}}}",
        "last_reset_value_template": _RESET,
    }
