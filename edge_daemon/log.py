"""Log lines for the journal, the terminal and programs, without credentials, and with repeated lines folded."""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Hashable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal, TextIO, cast, get_args

from edge_daemon.journal import Journal, is_journal
from edge_daemon.line_file import append

Form = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]
FORM, LEVEL, KEPT = "EDGE_DAEMON_LOG", "EDGE_DAEMON_LOG_LEVEL", "EDGE_DAEMON_LOG_KEPT"
"""Environment variables that pass what `choose`, `choose_level` and `keep_in` set on to child processes."""
KEPT_BYTES = 256 << 10
"""Size at which the file with the last lines becomes the older one."""
REPEAT_S = 1.0
BURST, REFILL_S = 100, 5.0
"""Warnings and errors of one kind that pass at once, and the interval of those after them."""
_JOINERS = "\u200c\u200d"
"""They join letters, or emoji."""
KINDS = 1000
"""Number of different lines that are remembered."""

_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.\-]*(?::/{1,3}|//))\S*@")
_SECRET_PARAMETER = re.compile(
    r"(?P<name>[?&;/_](?:[\w-]*(?:pass?|pwd?|psw|token|secret|key|auth|sig|credential)[\w-]*|p)=)[^&\s#]*",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with `***` in place of everything before the last `@` of a URL, and of secret parameters in its query
    or path.

    Passwords may contain any character, so an `@` in a path is taken for one too.
    """
    text = _SECRET_PARAMETER.sub(r"\g<name>***", text)  # first: such a secret may contain an @ too
    return _CREDENTIALS.sub(r"\g<scheme>***@", text)


def printable(text: str) -> str:
    """`text` from elsewhere for a log, a terminal or a table: what is not printed, such as line breaks, control
    characters, changes of direction and bytes that are not UTF-8, is written as an escape sequence.
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return ascii(character)[1:-1]


def set_up(process: str, *, camera: str | None = None) -> None:
    """Send this process's log to stderr, with the name of the process and of the camera, if there is one.

    Under systemd the journal gets both as fields and adds the time; elsewhere they are part of the line, which is text
    for people, or JSON if that was chosen.
    """
    handler: logging.Handler
    if is_json():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_JsonFormatter(process, camera))
    elif is_journal(sys.stderr.fileno()):
        handler = _JournalHandler(process, camera)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Formatter(f"%(asctime)s %(levelname)-7s {process}: %(message)s", "%H:%M:%S"))
    if (file := kept_in()) is not None:
        handler = _KeepingHandler(handler, Path(file), process, camera)
    handler.addFilter(_Fold())
    logging.basicConfig(level=level().upper(), handlers=[handler], force=True)


def choose(form: Form) -> None:
    """Use this form from the next `set_up` on, in this process and its children."""
    os.environ[FORM] = form


def choose_level(level: Level) -> None:
    """Leave out lines below this level from the next `set_up` on, in this process and its children."""
    os.environ[LEVEL] = level


def keep_in(file: str | None) -> None:
    """Also keep the last lines, as JSON, in this file, from the next `set_up` on, in this process and its children."""
    if file is None:
        os.environ.pop(KEPT, None)
    else:
        os.environ[KEPT] = file


def kept_in() -> str | None:
    """The file that was chosen to keep the last lines in."""
    return os.environ.get(KEPT)


def level() -> Level:
    """The level that was chosen."""
    chosen = os.environ.get(LEVEL)
    return cast(Level, chosen) if chosen in get_args(Level) else "info"


def is_json() -> bool:
    """True if the log is written for programs."""
    return os.environ.get(FORM) == "json"


def complain(sentence: str) -> None:
    """Report why the command ends: as plain text, or as a line of the log if that is JSON."""
    if is_json() or is_journal(sys.stderr.fileno()):
        set_up("supervisor")
        logging.getLogger(__name__).error("%s", sentence)
    else:
        print("\n".join(map(printable, f"edge-daemon: {redact(sentence)}".split("\n"))), file=sys.stderr)


class Repeats:
    """Lets a line pass once a second and counts the others. Lines are equal if they differ only in numbers."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[float, int]] = {}

    def pass_on(self, line: Hashable, now: float) -> int | None:
        """The number of lines held back since the last, or None if this line is to be held back."""
        at, held = self._last.pop(line, (-REPEAT_S, 0))
        if now - at < REPEAT_S:
            self._last[line] = at, held + 1
            return None
        self._last[line] = now, 0
        while len(self._last) > KINDS:
            del self._last[next(iter(self._last))]
        return held


class Flood:
    """Lets a hundred lines of a kind pass, and then one every few seconds, and counts the others: nobody can fill a
    disk with them, however they differ.
    """

    def __init__(self) -> None:
        self._kinds: dict[Hashable, tuple[float, float, int]] = {}

    def pass_on(self, kind: Hashable, now: float) -> int | None:
        """The number of lines held back since the last of this kind, or None if this one is to be held back."""
        room, at, held = self._kinds.pop(kind, (BURST, now, 0))
        room = min(BURST, room + (now - at) / REFILL_S)
        passes = room >= 1
        self._kinds[kind] = (room - 1, now, 0) if passes else (room, now, held + 1)
        while len(self._kinds) > KINDS:
            del self._kinds[next(iter(self._kinds))]
        return held if passes else None


class _Fold(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._repeats, self._flood = Repeats(), Flood()

    def filter(self, record: logging.LogRecord) -> bool:
        if _audit(record).get("result") in ("done", "failed"):
            return True
        held = self._held(record, time.monotonic())
        if held:
            record.msg, record.args = f"{record.getMessage()} ({held} more like this)", ()
        return held is not None

    def _held(self, record: logging.LogRecord, now: float) -> int | None:
        """Number of lines held back before this one; None if it is held back too."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        words = tuple(str(argument) for argument in arguments if not isinstance(argument, int | float))
        kind = record.name, record.levelno, str(record.msg)
        held = self._repeats.pass_on((*kind, words), now)
        if held is None or record.levelno < logging.WARNING:
            return held
        more = self._flood.pass_on(kind, now)
        return None if more is None else held + more


class _Formatter(logging.Formatter):
    """Formats records for people. Further lines of a message are indented, so that none looks like a record."""

    INDENT = "    "

    def format(self, record: logging.LogRecord) -> str:
        text = redact(super().format(record))
        return f"\n{self.INDENT}".join(map(printable, text.split("\n")))


class _JsonFormatter(_Formatter):
    """Formats records as JSON lines."""

    INDENT = ""

    def __init__(self, process: str, camera: str | None) -> None:
        super().__init__("%(message)s")
        self._process, self._camera = process, camera

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "camera": _camera(record, self._camera),
            "message": super().format(record),
            "audit": _audit(record) or None,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False)


class _KeepingHandler(logging.Handler):
    """Passes lines to another handler, and keeps the last ones in a file."""

    def __init__(self, handler: logging.Handler, file: Path, process: str, camera: str | None) -> None:
        super().__init__()
        self._handler, self._file = handler, file
        self._kept = _JsonFormatter(process, camera)

    def emit(self, record: logging.LogRecord) -> None:
        self._handler.handle(record)
        if record.levelno >= logging.INFO:
            with suppress(OSError):  # the run is over, or there is no room: it is in the other log all the same
                append(self._file, self._kept.format(record).encode(errors="replace"), KEPT_BYTES)

    def close(self) -> None:
        self._handler.close()
        super().close()


class _JournalHandler(logging.StreamHandler[TextIO]):
    """Sends the journal lines with their level, process and camera as fields.

    If the journal's socket cannot be reached, lines go to stderr with a prefix for their level (sd-daemon(3)).
    """

    _PRIORITY: ClassVar = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}

    def __init__(self, process: str, camera: str | None) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(_Formatter(f"{process}: %(message)s"))
        self._process, self._camera, self._journal = process, camera, Journal()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._journal.send(self._fields(record))
        except BlockingIOError:  # drop the line rather than wait for a stuck journal
            return
        except OSError:
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line for stderr, with its prefix; the journal needs none."""
        return "\n".join(f"<{self._priority(record)}>{line}" for line in super().format(record).splitlines())

    def close(self) -> None:
        self._journal.close()
        super().close()

    def _priority(self, record: logging.LogRecord) -> int:
        return self._PRIORITY.get(record.levelno, 6)

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        fields = {
            "MESSAGE": super().format(record),
            "PRIORITY": str(self._priority(record)),
            "SYSLOG_IDENTIFIER": "edge-daemon",
            "EDGE_DAEMON_PROCESS": self._process,
        }
        if camera := _camera(record, self._camera):
            fields["EDGE_DAEMON_CAMERA"] = camera
        if audit := _audit(record):
            fields["EDGE_DAEMON_AUDIT"] = "1"
            fields |= {f"EDGE_DAEMON_{name.upper()}": value for name, value in audit.items() if value is not None}
        return fields


def _camera(record: logging.LogRecord, usual: str | None) -> str | None:
    """The camera of a line: from the record (`extra={"camera": ...}`), or the process's own."""
    camera: str | None = getattr(record, "camera", usual)
    return camera


def _audit(record: logging.LogRecord) -> dict[str, str]:
    """The entry of the audit log that a line is about (`extra={"audit": ...}`)."""
    entry: dict[str, str] = getattr(record, "audit", {})
    return entry
