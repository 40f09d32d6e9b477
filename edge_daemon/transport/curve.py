"""CURVE keys (RFC 26, CurveZMQ): generated, stored in files, and verified.

A key is written in Z85: 40 characters. A file contains one key and nothing else. Only the holder of a secret key can
prove that its public key is theirs; a daemon admits the public keys that it knows.
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
"""In a list of clients: every subscriber that knows the daemon's public key."""
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_PATH = re.compile(r"[./].*|.*\.(key|pub)", re.DOTALL)
_PLAIN = re.compile(r"[0-9a-zA-Z](?!.*\$\{).*[0-9a-zA-Z]")
"""Keys that need no quoting anywhere: unlike a path, the name of a secret, or YAML syntax."""


class KeyPair(NamedTuple):
    """A secret key and its public key."""

    public: str
    secret: str


class ClientKeys(NamedTuple):
    """A subscriber's own keys, and the public key of the daemon it trusts."""

    server: str
    own: KeyPair


def is_key(text: str) -> bool:
    """True if `text` is a key, and not the path of a file with one."""
    return bool(_KEY.fullmatch(text)) and not is_path(text)


def is_path(text: str) -> bool:
    """True if `text` looks like the path of a file with a key."""
    return bool(_PATH.fullmatch(text))


def generate() -> KeyPair:
    """A new pair of keys."""
    import zmq  # not needed for checking a text

    while True:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        if all(_PLAIN.fullmatch(key) for key in (public, secret)):
            return KeyPair(public, secret)


def write(pair: KeyPair, name: Path) -> tuple[Path, Path]:
    """Write NAME.key (secret, mode 0600) and NAME.pub; return their paths.

    Raises:
        StartError: a file exists already, or cannot be written.
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
    """The secret key in `text`, or in the file with this path, which nobody else may be able to read.

    Raises:
        StartError: there is none. The message does not contain the file's content.
    """
    if is_key(text):
        return text
    path = Path(text)
    key = _read(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartError(f"others may read the secret key {path}: chmod 600 it")
    return key


def public_key(text: str) -> str:
    """The public key in `text`, or in the file with this path.

    Raises:
        StartError: there is none.
    """
    return text if is_key(text) else _read(Path(text))


def client_keys(server: str | None, own: str | None) -> ClientKeys | None:
    """Keys of a subscriber, each a key or a file; with only the daemon's, a new pair is generated for this connection.

    Raises:
        StartError: a file contains no key.
    """
    if server is None and own is None:
        return None
    if server is None:
        raise StartError("a secret key alone is not sufficient: the daemon's public key is needed too")
    if own is None:
        return ClientKeys(public_key(server), generate())
    import zmq

    secret = secret_key(own)
    return ClientKeys(public_key(server), KeyPair(zmq.curve_public(secret.encode()).decode(), secret))


def show(socket: "zmq.Socket[bytes]", keys: ClientKeys) -> None:
    """Set the keys of a socket that is not connected yet."""
    socket.curve_serverkey = keys.server.encode()
    socket.curve_publickey, socket.curve_secretkey = keys.own.public.encode(), keys.own.secret.encode()


class Authenticator:
    """Admits subscribers that prove to have one of the known keys, or (ANY) all that know the daemon's public key.

    Answers ZeroMQ's authentication requests (ZAP, RFC 27) in a thread of its own, for all sockets of a context.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", clients: Iterable[str]) -> None:
        from zmq.auth.thread import ThreadAuthenticator  # imported here, since it loads asyncio

        self.clients = frozenset(clients)
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(domain="*", credentials_provider=self)

    def callback(self, _: str, key: bytes) -> bool:
        """True if the owner of this public key is admitted."""
        welcome = ANY in self.clients or key.decode() in self.clients
        if not welcome:
            logger.warning("refused a subscriber: its key %s is not among the clients", key.decode())
        return welcome

    def close(self) -> None:
        """Stop the authenticator thread."""
        self._authenticator.stop()


def _read(path: Path) -> str:
    try:
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StartError(f"cannot read the key {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        key = ""
    if not _KEY.fullmatch(key):
        raise StartError(f"{path} contains no key: expected 40 characters, as edge-daemon keygen writes them")
    return key
