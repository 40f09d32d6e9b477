"""CURVE keys (RFC 26, CurveZMQ): made, kept in files, read again, and asked for at the door.

A key is written in Z85: 40 characters. A file holds one, and nothing else. Only who has a secret key can prove that a
public key is theirs; a daemon lets in the public keys that it knows.
"""

import logging
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge_daemon.errors import StartError

if TYPE_CHECKING:
    import zmq

logger = logging.getLogger(__name__)
ANY = "any"
"""In a list of clients: whoever knows the daemon's public key."""
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_PATH = re.compile(r"[./].*|.*\.(key|pub)", re.DOTALL)
_PLAIN = re.compile(r"[0-9a-zA-Z](?!.*\$\{).*[0-9a-zA-Z]")
"""Keys that are read as they are wherever they are written: no path, no secret's name, no YAML of their own."""


class KeyPair(NamedTuple):
    """Two keys that belong together."""

    public: str
    secret: str


class ClientKeys(NamedTuple):
    """What a subscriber shows, and whom it trusts."""

    server: str
    own: KeyPair


def is_key(text: str) -> bool:
    """Whether `text` is a key itself, and not the path of a file that holds one."""
    return bool(_KEY.fullmatch(text)) and not is_path(text)


def is_path(text: str) -> bool:
    """Whether `text` looks like the path of a file with a key."""
    return bool(_PATH.fullmatch(text))


def generate() -> KeyPair:
    """A new pair."""
    import zmq  # not for those who only ask whether a text is a key

    while True:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        if all(_PLAIN.fullmatch(key) for key in (public, secret)):
            return KeyPair(public, secret)


def write(pair: KeyPair, name: Path) -> tuple[Path, Path]:
    """Write NAME.key (secret, mode 0600) and NAME.pub; where they are.

    Raises:
        StartError: a file is there already, or cannot be written.
    """
    secret, public = Path(f"{name}.key"), Path(f"{name}.pub")
    written: list[Path] = []
    try:
        for path, key, mode in ((secret, pair.secret, 0o600), (public, pair.public, 0o644)):
            path.touch(mode, exist_ok=False)
            written.append(path)
            path.write_text(f"{key}\n")
    except OSError as error:
        for path in written:
            path.unlink()
        raise StartError(f"cannot write {error.filename or path}: {error.strerror}") from error
    return secret, public


def secret_key(text: str) -> str:
    """The secret key that `text` is, or that is in the file of this name, which nobody else may read.

    Raises:
        StartError: there is none. Says nothing of what is in the file.
    """
    if is_key(text):
        return text
    path = Path(text)
    key = _read(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartError(f"others may read the secret key {path}: chmod 600 it")
    return key


def public_key(text: str) -> str:
    """The public key that `text` is, or that is in the file of this name.

    Raises:
        StartError: there is none.
    """
    return text if is_key(text) else _read(Path(text))


def client_keys(server: str | None, own: str | None) -> ClientKeys | None:
    """Keys of a subscriber, each a key or a file; with only the daemon's, a pair that is forgotten afterwards.

    Raises:
        StartError: a file holds no key.
    """
    if server is None and own is None:
        return None
    if server is None:
        raise StartError("a secret key alone is of no use: the daemon's public key is needed as well")
    if own is None:
        return ClientKeys(public_key(server), generate())
    import zmq

    secret = secret_key(own)
    return ClientKeys(public_key(server), KeyPair(zmq.curve_public(secret.encode()).decode(), secret))


def show(socket: "zmq.Socket[bytes]", keys: ClientKeys) -> None:
    """Let a socket that is not connected yet use these keys."""
    socket.curve_serverkey = keys.server.encode()
    socket.curve_publickey, socket.curve_secretkey = keys.own.public.encode(), keys.own.secret.encode()


class Authenticator:
    """Lets those in who can prove that they have one of the keys it knows, or anybody (ANY) who knows the daemon's.

    It answers ZeroMQ's question (ZAP, RFC 27) in a thread of its own, for all sockets of a context.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", clients: Iterable[str]) -> None:
        from zmq.auth.thread import ThreadAuthenticator  # not before it is needed: it loads asyncio

        self.clients = frozenset(clients)
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(domain="*", credentials_provider=self)

    def callback(self, _: str, key: bytes) -> bool:
        """Whether the owner of this public key may come in."""
        welcome = ANY in self.clients or key.decode() in self.clients
        if not welcome:
            logger.warning("refused a subscriber: its key %s is not among the clients", key.decode())
        return welcome

    def close(self) -> None:
        """Go home."""
        self._authenticator.stop()


def _read(path: Path) -> str:
    try:
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StartError(f"cannot read the key {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        key = ""
    if not _KEY.fullmatch(key):
        raise StartError(f"{path} holds no key: it should be 40 characters, as edge-daemon keygen writes them")
    return key
