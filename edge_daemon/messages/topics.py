"""The topics under which the sink publishes, and the JSON of each."""

from collections.abc import Collection
from dataclasses import dataclass

from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.status import Status
from edge_daemon.messages.tracks import Track

Analytics = Track | Event | CountsReport
"""The JSON of what is made of results."""
OfCamera = Result | End | Analytics
"""The JSON of what is about a camera and model."""
Published = OfCamera | Status
"""The JSON of any topic."""


@dataclass(frozen=True)
class Topic:
    """Messages published under `name/CAMERA/`, or under `name/` if they are not `of_cameras`.

    `types` are the structs of their JSON, by the field `type`. A message `with_picture` has it as a further part.
    """

    name: str
    types: dict[str, type[Published]]
    of_cameras: bool = True
    with_picture: bool = False

    @property
    def pattern(self) -> str:
        """Topics, such as `result/<camera>/`."""
        return f"{self.name}/<camera>/" if self.of_cameras else f"{self.name}/"

    def prefix(self, camera: str | None = None) -> bytes:
        """Prefix of a camera's messages, or of all.

        The trailing slash keeps a subscriber of camera 1 from receiving camera 10.
        """
        return f"{self.name}/{camera}/".encode() if camera and self.of_cameras else f"{self.name}/".encode()

    def prefixes(self, cameras: Collection[str] | None) -> set[bytes]:
        """Prefixes that select the messages of these cameras, or (None or empty) of all."""
        return {self.prefix(camera) for camera in cameras} if cameras else {self.prefix()}


RESULT = Topic("result", {"result": Result, "end": End})
FRAME = Topic("frame", {"frame": Result}, with_picture=True)
STATUS = Topic("status", {"status": Status}, of_cameras=False)
TRACK = Topic("track", {"track": Track})
EVENT = Topic("event", {"event": Event})
COUNTS = Topic("counts", {"counts": CountsReport})
REPLAY = Topic("replay", {"event": Event})
"""Under this topic the last events are sent again when its first subscriber comes: for processes of the daemon."""
TOPICS = {topic.name: topic for topic in (RESULT, FRAME, STATUS, TRACK, EVENT, COUNTS)}
TYPES = {name: kind for topic in TOPICS.values() for name, kind in topic.types.items()}
_TOPIC_OF = {kind: topic for topic in reversed(TOPICS.values()) for kind in topic.types.values()}
STREAMED = [topic for topic in TOPICS.values() if topic.of_cameras and not topic.with_picture]
"""Topics that are passed on message by message, such as by the web as server-sent events."""


def topic_of(message: Published) -> Topic:
    """The topic of a message without a picture."""
    return _TOPIC_OF[type(message)]
