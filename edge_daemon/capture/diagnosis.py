"""Finds out why a camera on the network cannot be opened: FFmpeg does not say, so the camera is asked directly."""

import base64
import hashlib
import re
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack
from http.client import HTTPException

TIMEOUT_S = 5.0
_STATUS = re.compile(rb"RTSP/\d\.\d (\d{3})")
_BY_STATUS = {200: "decode error", 401: "unauthorised", 403: "unauthorised", 404: "not found", 410: "not found"}


def why(source: str, timeout_s: float = TIMEOUT_S) -> str:
    """A word or two: refused, unauthorised, not found, timeout, unreachable, decode error, or `answers 503`.

    `decode error` remains when the camera answers as it should. Credentials in the URL are used as a player would use
    them, and never reported.
    """
    timeout_s = min(timeout_s, TIMEOUT_S)
    try:
        parts = urllib.parse.urlsplit(source)
        if parts.scheme.lower() in ("rtsp", "rtsps"):
            return _said(_rtsp_status(parts, timeout_s))
        with open_http(source, timeout_s):
            return "decode error"
    except (OSError, ValueError, HTTPException) as error:
        return reason_of(error)


def reason_of(error: Exception) -> str:
    """One-word reason of a failed connection; closes the response."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return _said(error.code)
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return reason_of(error.reason)
    match error:
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


def open_http(url: str, timeout_s: float) -> "urllib.request._UrlopenRet":
    """The response of an HTTP camera, with user and password of the URL as it requires (Basic or Digest).

    Raises:
        OSError, HTTPException, ValueError: there is no response, or none with status 200; see `reason_of`.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    bare = parts._replace(netloc=(f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else ""))
    passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),  # cameras are reached directly
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    )
    if parts.username is not None:
        passwords.add_password(None, bare.geturl(), *_credentials(parts))
    return opener.open(urllib.request.Request(bare.geturl(), headers={"User-Agent": "edge-daemon"}), timeout=timeout_s)


def _said(status: int) -> str:
    return _BY_STATUS.get(status, f"answers {status}")


def _credentials(parts: urllib.parse.SplitResult) -> tuple[str, str]:
    return urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")


def _rtsp_status(parts: urllib.parse.SplitResult, timeout_s: float) -> int:
    """Status of an RTSP server's response to DESCRIBE (RFC 2326, section 10.2), with credentials if required."""
    secure = parts.scheme.lower() == "rtsps"
    host, port = parts.hostname or "", parts.port or (322 if secure else 554)
    netloc = (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")
    url = parts._replace(netloc=netloc).geturl()
    with ExitStack() as stack:
        line: socket.socket = stack.enter_context(socket.create_connection((host, port), timeout_s))
        if secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # FFmpeg does not check either
            line = stack.enter_context(context.wrap_socket(line, server_hostname=host))
        status, head = _describe(line, url, 1, "")
        if status == 401 and parts.username is not None:
            status, _ = _describe(line, url, 2, _authorization(head, url, *_credentials(parts)))
        return status


def _describe(line: socket.socket, url: str, number: int, authorization: str) -> tuple[int, bytes]:
    ask = f"DESCRIBE {url} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\n"
    line.sendall((ask + (f"Authorization: {authorization}\r\n" if authorization else "") + "\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 1 << 16:
        more = line.recv(1 << 12)
        if not more:
            break
        head += more
    if not (found := _STATUS.match(head)):
        raise ConnectionResetError("no RTSP")
    return int(found[1]), head


def _authorization(head: bytes, url: str, user: str, password: str) -> str:
    """The header that answers a challenge (RFC 2617), Digest if the server offers it."""
    offers = [line.partition(b":")[2].decode("latin-1").strip() for line in head.split(b"\r\n") if _is_challenge(line)]
    digest = next((offer for offer in offers if offer.lower().startswith("digest")), None)
    if digest is None:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    fields = urllib.request.parse_keqv_list(urllib.request.parse_http_list(digest.partition(" ")[2]))
    realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
    answer = _md5(f"{_md5(f'{user}:{realm}:{password}')}:{nonce}:{_md5(f'DESCRIBE:{url}')}")
    return f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{url}", response="{answer}"'


def _is_challenge(line: bytes) -> bool:
    return line.lower().startswith(b"www-authenticate:")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
