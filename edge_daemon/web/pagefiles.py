"""The files of the page, as they are sent: compressed where that helps, and only if the browser has no current copy."""

import gzip
import hashlib
from functools import cached_property
from importlib.resources.abc import Traversable

from fastapi import Request, Response

KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
"""Media types of files that are sent, by the end of their name."""


class PageFile:
    """A file of the page, which is read when it is first asked for."""

    def __init__(self, file: Traversable) -> None:
        self._file = file
        self._kind = KINDS[ending(file.name)]

    @cached_property
    def _plain(self) -> bytes:
        return self._file.read_bytes()

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self._plain, mtime=0)

    @cached_property
    def _tag(self) -> str:
        return f'"{hashlib.sha256(self._plain).hexdigest()[:20]}"'

    def response(self, request: Request) -> Response:
        """The file, or 304 if the browser has it."""
        headers = {"ETag": self._tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if self._tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self._plain, headers=headers, media_type=self._kind)
        return Response(self._compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=self._kind)


def ending(name: str) -> str:
    """The part of a file's name after the last dot."""
    return name.rpartition(".")[2]
