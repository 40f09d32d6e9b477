"""Parameter sets in coded video: what a decoder needs before it can decode a key frame.

NAL units in the byte stream format of H.264 and H.265 (ITU-T H.264 and H.265, annex B), as cameras send them.
"""

from collections.abc import Iterator

START = b"\0\0\1"
_KINDS: dict[str, frozenset[int]] = {"h264": frozenset((7, 8)), "hevc": frozenset((32, 33, 34))}
"""Types of the parameter sets that a stream of each codec needs: SPS and PPS; VPS, SPS and PPS."""
_SLICES = {"h264": range(1, 6), "hevc": range(32)}


def parameter_sets(codec: str, data: bytes) -> dict[bytes, int]:
    """Parameter sets before the first slice of a packet or in `extradata`, each with its type; empty where lengths
    take the place of start codes.
    """
    found: dict[bytes, int] = {}
    if codec in _KINDS:
        for unit in _units(data):
            kind = unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F
            if kind in _SLICES[codec]:
                break
            if kind in _KINDS[codec]:
                found[unit] = kind
    return found


def extradata_of(codec: str, sets: dict[bytes, int]) -> bytes | None:
    """The sets as FFmpeg takes them beside a stream; None if one of those that a decoder needs is missing."""
    if codec not in _KINDS or _KINDS[codec] - set(sets.values()):
        return None
    return b"".join(b"\0" + START + unit for unit in sets)


def _units(data: bytes) -> Iterator[bytes]:
    """NAL units, without start codes and the zeros before them."""
    if not data.startswith((START, b"\0" + START)):
        return
    begin = data.find(START) + len(START)
    while begin < len(data):
        end = data.find(START, begin)
        end = len(data) if end < 0 else end
        if unit := data[begin:end].rstrip(b"\0"):
            yield unit
        begin = end + len(START)
