"""The work of decoding a JPEG, known without decoding it.

A progressive JPEG is decoded once over for each of its scans, and a scan that changes nothing takes a hundred bytes:
a legal file of 354 kB can take minutes.
"""

import re

from edge_daemon.errors import TooLargeError
from edge_daemon.imaging.header import Buffer, read_header

MAX_WORK = 16 * 64_000_000
"""Pixels times scans: encoders write about ten scans."""
SCAN = 4096
"""Cost of a scan beside its pixels, in pixels: its tables are prepared."""
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_SCAN, _END, _WITHOUT_LENGTH = 0xDA, 0xD9, (0x01, 0xD8)
_SCAN_BYTES = bytes((0xFF, _SCAN))


def check_work(data: Buffer) -> None:
    """Check that a JPEG does not take too long to decode; anything else passes.

    Raises:
        TooLargeError: it does.
    """
    header = read_header(data)
    if header is None or header.codec != "jpeg":
        return
    most = MAX_WORK // (header.width * header.height + SCAN)
    if bytes(data).count(_SCAN_BYTES) <= most:  # no fewer than there are scans, and found in a moment
        return
    if (scans := count_scans(data)) > most:
        raise TooLargeError(f"a JPEG of {header.width}x{header.height} with {scans} scans takes too long to decode")


def count_scans(data: Buffer) -> int:
    """The number of scans of a JPEG (ITU-T T.81, B.2), those of thumbnails within its segments left out."""
    scans, at = 0, 2
    while found := _MARKER.search(data, at):
        (marker,) = found[1]
        at = found.end()
        if marker == _END:
            break
        scans += marker == _SCAN
        if marker not in _WITHOUT_LENGTH:
            at += int.from_bytes(data[at : at + 2], "big")
    return scans
