"""Signatures of exports: Ed25519 (RFC 8032), with keys in PEM files, which `openssl` reads too.

Needs the package `cryptography`, which the extra `sign` installs.
"""

from pathlib import Path
from types import ModuleType

from edge_daemon.errors import StartError
from edge_daemon.runtime.state import replace_file

SECRET, PUBLIC = ".pem", ".pub.pem"


def new_keys(name: Path) -> tuple[Path, Path]:
    """Write a pair of keys, `NAME.pem` (secret) and `NAME.pub.pem`; return their paths.

    Raises:
        StartError: there is such a file, it cannot be written, or the package is missing.
    """
    serialization, ed25519 = _package()
    secret, public = name.with_name(name.name + SECRET), name.with_name(name.name + PUBLIC)
    for path in (secret, public):
        if path.exists():
            raise StartError(f"{path} exists already: choose another name")
    key = ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    content = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    shown = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        replace_file(secret, content)
        public.write_bytes(shown)
    except OSError as error:
        raise StartError(f"cannot write {name}: {error.strerror}") from error
    return secret, public


def signature(key: Path, content: bytes) -> bytes:
    """The signature of some bytes by the secret key in a file.

    Raises:
        StartError: the file has none, or the package is missing.
    """
    serialization, ed25519 = _package()
    try:
        secret = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise StartError(f"cannot read the key {key}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise StartError(f"{key} has no secret key as edge-daemon keygen --sign writes it") from error
    if not isinstance(secret, ed25519.Ed25519PrivateKey):
        raise StartError(f"{key} has a key of another kind: edge-daemon keygen --sign makes one")
    return bytes(secret.sign(content))


def _package() -> tuple[ModuleType, ModuleType]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise StartError("signatures need the package cryptography: pip install 'edge-daemon[sign]'") from error
    return serialization, ed25519
