"""The topics that others subscribe to, as the publishing socket reports them."""

SUBSCRIBE, UNSUBSCRIBE = 1, 0


class Subscriptions:
    """Set of prefixes that somebody subscribes to."""

    def __init__(self) -> None:
        self._held: set[bytes] = set()

    def receive(self, message: bytes) -> None:
        """Apply a message of the socket: a byte for subscribe or unsubscribe, then the prefix.

        It sends one for each prefix when the first subscriber has come, and one when the last has gone.
        """
        if not message or message[0] not in (SUBSCRIBE, UNSUBSCRIBE):
            return
        if message[0] == SUBSCRIBE:
            self._held.add(message[1:])
        else:
            self._held.discard(message[1:])

    def include(self, topic: bytes) -> bool:
        """True if somebody receives what is published under this topic."""
        return any(topic.startswith(prefix) for prefix in self._held)
