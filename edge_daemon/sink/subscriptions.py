"""Who listens: what subscribers asked for, as the publishing socket tells it."""

from edge_daemon.messages.published import topic

SUBSCRIBE, UNSUBSCRIBE = 1, 0


class Subscriptions:
    """Keeps the subscriptions that are held."""

    def __init__(self) -> None:
        self._held: set[bytes] = set()

    def heard(self, message: bytes) -> None:
        """Take in what the socket says: a byte for subscribe or unsubscribe, then the prefix.

        It says so once for each prefix: when the first subscriber comes, and when the last has gone.
        """
        if not message or message[0] not in (SUBSCRIBE, UNSUBSCRIBE):
            return
        if message[0] == SUBSCRIBE:
            self._held.add(message[1:])
        else:
            self._held.discard(message[1:])

    def wants(self, kind: str, camera: str | None = None) -> bool:
        """Whether somebody gets what is published under this topic."""
        return any(topic(kind, camera).startswith(prefix) for prefix in self._held)
