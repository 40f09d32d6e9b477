"""Finds out why a camera on the network cannot be opened: FFmpeg does not say, so the camera is asked directly."""

import socket
import ssl
from http.client import HTTPException

from edge_daemon.capture.http import MOVED, HttpClient, StatusError, Url
from edge_daemon.capture.rtsp import status_of
from edge_daemon.capture.tls import ANY, Trust
from edge_daemon.errors import SourceError

TIMEOUT_S = 5.0
_BY_STATUS = {200: "decode error", 401: "unauthorised", 403: "unauthorised", 404: "not found", 410: "not found"}
_BY_STATUS |= dict.fromkeys(MOVED, "redirected")


def why(source: str, timeout_s: float = TIMEOUT_S, trust: Trust = ANY) -> str:
    """A word or two: refused, unauthorised, not found, timeout, unreachable, decode error, or `answers 503`.

    `decode error` remains when the camera answers as it should. Credentials in the URL are used as a player would use
    them, and never reported.
    """
    timeout_s = min(timeout_s, TIMEOUT_S)
    try:
        url = Url(source)
        if url.scheme in ("rtsp", "rtsps"):
            return _said(status_of(url, trust, timeout_s))
        HttpClient(source, timeout_s, trust).get().close()
        return "decode error"
    except SourceError as error:
        return error.reason
    except (OSError, ValueError, HTTPException) as error:
        return reason_of(error)


def reason_of(error: Exception) -> str:
    """One-word reason of a failed connection."""
    match error:
        case StatusError():
            return _said(error.status)
        case ConnectionRefusedError():
            return "refused"
        case TimeoutError():
            return "timeout"
        case socket.gaierror():
            return "unknown host"
        case ssl.SSLError():
            return "no trusted certificate"
        case ConnectionError() | HTTPException() | ValueError():
            return "ended"
    return "unreachable"


def _said(status: int) -> str:
    return _BY_STATUS.get(status, f"answers {status}")
