"""A legal progressive JPEG with many scans that take a hundred bytes each and change nothing."""

import struct

EOB_RUN = 32767
"""Most blocks that one end-of-band run covers (ITU-T T.81, G.1.2.2)."""


def progressive(width: int, height: int, scans: int) -> bytes:
    """Make it: grey, and as slow to decode as `scans` pictures of this size."""
    blocks = -(-width // 8) * -(-height // 8)
    tables = _segment(0xDB, b"\0" + b"\1" * 64)
    tables += _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0]))
    tables += _segment(0xC4, bytes([0x00, 1, *[0] * 15, 0]))  # DC: a difference of 0 is one bit
    tables += _segment(0xC4, bytes([0x10, 1, 1, *[0] * 14, 0xE0, 0x00]))  # AC: a run of 2^14 blocks and more is one bit
    runs = -(-blocks // EOB_RUN)
    skipped = _bits("0" + f"{EOB_RUN - (1 << 14):014b}", runs)  # each run covers all coefficients of its blocks
    refinement = _segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x10])) + skipped
    first = _segment(0xDA, bytes([1, 1, 0x00, 0, 0, 0x00])) + _bits("0", blocks)
    second = _segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x01])) + skipped
    return b"\xff\xd8" + tables + first + second + refinement * (scans - 2) + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def _bits(pattern: str, times: int) -> bytes:
    """Bits in bytes, filled up with ones, with a zero byte after each of ones."""
    bits = pattern * times
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
