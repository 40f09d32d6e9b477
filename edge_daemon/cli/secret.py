"""`edge-daemon secret`: store a secret where the service reads it."""

import getpass
import re
import sys
from pathlib import Path

from edge_daemon.config.problems import UNPRINTABLE, unknown
from edge_daemon.errors import RequestError, StartError
from edge_daemon.runtime.state import replace_file

FOLDER = Path("/etc/edge-daemon/secrets")
CONFIG = Path("/etc/edge-daemon/config.yaml")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def unused(name: str, config: Path) -> str:
    """Sentence on a secret that the configuration does not name; empty if it does, or cannot be read."""
    try:
        named = dict.fromkeys(re.findall(rf"(?<!\$)\$\{{({_NAME.pattern})\}}", config.read_text(errors="replace")))
    except OSError:
        return ""
    if name in named:
        return ""
    return f"{config} does not name it yet: " + unknown("secret", f"${{{name}}}", [f"${{{one}}}" for one in named])


def store(name: str, folder: Path) -> None:
    """Ask for the value of `${NAME}` without showing it, or read it from standard input, and store it with mode 0600.

    Raises:
        RequestError: the name or the value cannot be that of a secret.
        StartError: the folder cannot be written to.
    """
    if not _NAME.fullmatch(name):
        raise RequestError(f"{name}: a secret's name has letters, digits, _, - and ., and begins with a letter or _")
    value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    if not value:
        raise RequestError(f"{name}: the value is empty; nothing is stored")
    if UNPRINTABLE.search(value):
        raise RequestError(f"{name}: the value contains a line break or an unprintable character; nothing is stored")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / name, value.encode())
    except OSError as error:
        hint = "; try sudo" if isinstance(error, PermissionError) else ""
        raise StartError(f"cannot write {folder / name}: {(error.strerror or str(error)).lower()}{hint}") from error
    print(f"{folder / name} is stored; write ${{{name}}} in the configuration.", file=sys.stderr)
    if folder == FOLDER:
        if doubt := unused(name, CONFIG):
            print(doubt, file=sys.stderr)
        print("The service reads secrets when it starts: systemctl restart edge-daemon", file=sys.stderr)
