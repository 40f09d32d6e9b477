"""Topics of MQTT below `PREFIX/BOX/`, and how names are written in them."""

import re
from functools import lru_cache

from edge_daemon.delivery.message import Message

_SPECIAL = re.compile(r"[/+#]|_(?=[0-9a-f]{2})")
_OTHER = re.compile(r"[^A-Za-z0-9-]")


class Topics:
    """The topics of a box. States are retained, the others are not."""

    def __init__(self, prefix: str, box: str) -> None:
        self.root = f"{prefix}/{level(box)}"

    @property
    def status(self) -> str:
        """`online` or `offline`."""
        return self._topic("status")

    @property
    def mode(self) -> str:
        """The mode."""
        return self._topic("mode", "state")

    def camera(self, camera: str) -> str:
        """State of a camera."""
        return self._topic("camera", camera, "state")

    def still(self, camera: str) -> str:
        """The last still of a camera."""
        return self._topic("camera", camera, "still")

    def snapshot(self, camera: str) -> str:
        """The last picture of a camera that somebody has asked for."""
        return self._topic("camera", camera, "snapshot")

    def event(self, camera: str, rule: str) -> str:
        """Events of a rule."""
        return self._topic("event", camera, rule)

    def occurs(self, camera: str, rule: str) -> str:
        """ON while there is an event of a rule."""
        return self._topic("event", camera, rule, "state")

    def zone(self, camera: str, zone: str) -> str:
        """State of a zone."""
        return self._topic("zone", camera, zone, "state")

    def line(self, camera: str, line: str) -> str:
        """State of a line."""
        return self._topic("line", camera, line, "state")

    def rule(self, rule: str) -> str:
        """ON if a rule is switched on."""
        return self._topic("rule", rule, "state")

    @property
    def commands(self) -> list[str]:
        """Patterns of the topics at which commands are received."""
        return [f"{self.root}/{pattern}/set" for pattern in ("rule/+", "mode", "camera/+/snapshot")]

    def command(self, state: str) -> str:
        """The topic at which what a state shows is set."""
        return f"{state.removesuffix('/state')}/set"

    def of(self, message: Message) -> str:
        """The topic of a message."""
        match message.type:
            case "event":
                return self.event(message.camera, message.rule)
            case "status":
                return self._topic("report")
            case "digest":
                return self._topic("digest")
        return self._topic(message.type, message.camera, str(message.data.get("model", "")))

    def _topic(self, *names: str) -> str:
        return "/".join([self.root, *map(level, names)])


@lru_cache(1000)
def level(name: str) -> str:
    """A name as a level of a topic: what MQTT does not allow there is written as `_xx` of its bytes."""
    text = _SPECIAL.sub(_escaped, name)
    return "".join(one if one.isprintable() else _bytes(one) for one in text)


def identifier(*names: str) -> str:
    """Names as one that Home Assistant takes in discovery topics and ids: with letters, digits, `-` and `_` alone."""
    return "__".join(_OTHER.sub(_escaped, name) for name in names)


def _escaped(match: re.Match[str]) -> str:
    return _bytes(match[0])


def _bytes(text: str) -> str:
    return "".join(f"_{byte:02x}" for byte in text.encode(errors="surrogatepass"))
