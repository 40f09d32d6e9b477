"""The messages that the dispatcher has to send."""

from edge_daemon.messages.codec import Message

SINK = "sink"
WEB = "web"


class Outbox(list[tuple[str, Message]]):
    """Messages in order, each with the name of the peer that receives it."""

    def send(self, peer: str, *messages: Message) -> None:
        """Add messages to `peer`."""
        for message in messages:
            self.append((peer, message))
