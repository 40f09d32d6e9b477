"""Log lines for the journal and the terminal, with credentials taken out."""

import logging
import os
import re
import sys
from typing import ClassVar

_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.\-]*://)\S*@")
_SECRET_PARAMETER = re.compile(
    r"(?P<name>[?&](?:[\w-]*(?:pass?|pwd?|psw|token|secret|key|auth|sig|credential)[\w-]*)=)[^&\s#]*", re.IGNORECASE
)


def redact(text: str) -> str:
    """`text` with `***` for whatever a URL in it says before its last `@`, and for query parameters with secrets.

    A password may hold any character, so that some harmless `@` in a path is taken for one too.
    """
    text = _SECRET_PARAMETER.sub(r"\g<name>***", text)  # first: such a secret may hold an @ too
    return _CREDENTIALS.sub(r"\g<scheme>***@", text)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def set_up(process: str, *, level: int = logging.INFO) -> None:
    """Send this process's log to stderr, each line naming the process.

    Under systemd the journal adds time and takes the level from a `<N>` prefix; elsewhere the line has both.
    """
    handler = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(_JournalFormatter(process))
    else:
        handler.setFormatter(_Formatter(f"%(asctime)s %(levelname)-7s {process}: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)


class _JournalFormatter(_Formatter):
    """Prefixes each line with the syslog priority that systemd reads (sd-daemon(3))."""

    _PRIORITY: ClassVar = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}

    def __init__(self, process: str) -> None:
        super().__init__(f"{process}: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        priority = self._PRIORITY.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
