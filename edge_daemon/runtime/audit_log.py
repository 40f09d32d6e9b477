"""The audit log: changes, logins and refused attempts, in the journal and as JSON lines in the state folder.

`AuditLog.record` is all that a feature has to call; only the supervisor has one, and what a process asks of it is
recorded there (`messages/requests.py`). Logins and refused attempts have a file of their own, so that many of them push
no change out of the log.
"""

import errno
import heapq
import logging
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from edge_daemon.log import redact
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import AuditResult, Requester
from edge_daemon.runtime.state import exclusive
from edge_daemon.tokens import Role

logger = logging.getLogger(__name__)
CHANGES, ATTEMPTS = "audit.jsonl", "audit-attempts.jsonl"
LOGIN = "login"
OLDER = ".1"
"""Ending of the file before the current one; there is one of each kind."""
LIMIT_BYTES = 2 << 20
LONGEST_TEXT = 2000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the audit log: who (empty: unknown) wanted to do what, and what came of it."""

    at: str
    who: str
    role: Role | None = None
    via: str
    address: str = ""
    action: str
    result: AuditResult
    text: str = ""


class AuditLog:
    """Records in the journal, and in `folder` if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._failing = False

    def record(self, by: Requester, action: str, result: AuditResult, text: str = "") -> None:
        """Add an entry. Credentials in `text` are masked; where the file cannot be written, a warning says so."""
        entry = AuditEntry(
            at=utc(time.time_ns()),
            who=by.name,
            role=by.role,
            via=by.via,
            address=by.address,
            action=action,
            result=result,
            text=redact(text)[:LONGEST_TEXT],
        )
        level = logging.INFO if result == "done" else logging.WARNING
        logger.log(level, "audit: %s", _sentence(entry), extra={"audit": msgspec.to_builtins(entry)})
        if self._folder is None:
            return
        name = ATTEMPTS if result == "refused" or action == LOGIN else CHANGES
        try:
            _append(self._folder, name, msgspec.json.encode(entry) + b"\n")
            self._failing = False
        except OSError as error:
            if not self._failing:
                logger.warning("cannot write the audit log in %s: %s", self._folder, error.strerror)
            self._failing = True


def read(folder: Path, most: int, before: str | None = None) -> list[AuditEntry]:
    """Up to `most` entries, the newest first; of those `before` a time, if given. Malformed lines are left out."""
    entries = heapq.merge(_backwards(folder, CHANGES), _backwards(folder, ATTEMPTS), key=_time, reverse=True)
    return list(islice((entry for entry in entries if before is None or entry.at < before), most))


def _time(entry: AuditEntry) -> str:
    return entry.at


def _backwards(folder: Path, name: str) -> Iterator[AuditEntry]:
    for path in (folder / name, folder / (name + OLDER)):
        try:
            lines = path.read_bytes().splitlines()
        except OSError:  # there is none yet, or it cannot be read
            continue
        for line in reversed(lines):
            try:
                yield msgspec.json.decode(line, type=AuditEntry)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue


def _append(folder: Path, name: str, line: bytes) -> None:
    """Append a line, after ending one that was cut short; the file becomes the older one when it is full."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(fd, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)
    if size + len(line) > LIMIT_BYTES:
        _rotate(path)


def _rotate(path: Path) -> None:
    try:
        with exclusive(path.parent, wait=False):
            if path.stat().st_size > LIMIT_BYTES:  # another daemon may have done it
                path.replace(path.with_name(path.name + OLDER))
    except BlockingIOError:  # with the next line, then
        return


def _sentence(entry: AuditEntry) -> str:
    who = ", ".join(filter(None, (entry.role, entry.via, entry.address)))
    text = "; ".join(entry.text.splitlines())
    return f"{entry.who or 'unknown'} ({who}): {entry.action}: {entry.result}{f': {text}' if text else ''}"
