"""A clip: the packets of a few seconds in an MP4, as the camera coded them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise, takewhile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from edge_daemon.errors import SourceError
from edge_daemon.media.edit_list import show_until
from edge_daemon.media.packets import Packet
from edge_daemon.media.parameter_sets import extradata_of, parameter_sets
from edge_daemon.media.sound import SoundParameters, SoundTrack

TICKS = 90_000
"""Units of time in a second: those of RTP and MPEG-TS, so that cameras' stamps stay exact."""
REORDERED = 32
"""Stamps are not used if a packet is farther than this from its place in order of presentation, ..."""
GAP_S, OFF_S = 10.0, 2.0
"""... two are farther apart, or all together span that much more or less than on the camera's clock."""
USUAL_S = 1 / 25
HOLE_S = 2.0
"""Longer time between two frames is missing."""
Timed = tuple[Packet, float]
"""A packet, and its time in seconds from the start of the clip on."""


class Hole(NamedTuple):
    """Time without a frame: its length, and when it begins."""

    after_s: float
    seconds: float


@dataclass(frozen=True)
class Clip:
    """A clip that was written: its length, why it ends early, if it does, and what is missing in it."""

    seconds: float
    frames: int
    note: str | None = None
    holes: tuple[Hole, ...] = ()


def write_clip(packets: Sequence[Packet], seconds: float, file: Path) -> Clip:
    """Write the first `seconds` of packets, given in order of decoding from a key frame on.

    Pictures that are shown before that key frame refer to others before it, and are left out. Later ones, which others
    before the end refer to, are in the file, and not shown.

    Raises:
        SourceError: an MP4 cannot hold them, or the file cannot be written.
    """
    pictures = [packet for packet in packets if not packet.sound]
    usable = same_parameters(pictures)
    times_s, stamped = timeline(usable)
    kept = [(packet, time_s - times_s[0]) for packet, time_s in zip(usable, times_s, strict=True)]
    kept = [(packet, time_s) for packet, time_s in kept if time_s >= 0]
    end = clean_end([time_s for _, time_s in kept], seconds)
    cut_short = len(usable) < len(pictures) and end == len(kept)
    kept = kept[:end]
    shown, decoded = in_ticks([time_s for _, time_s in kept])
    frame = frame_ticks(sorted(shown))
    within = [pts for pts, (_, time_s) in zip(shown, kept, strict=True) if time_s < seconds]
    length_s = (max(within) + frame) / TICKS
    sound = sound_of(packets, times_s[0], length_s, stamped=stamped)
    try:
        _write([packet for packet, _ in kept], shown, decoded, frame, sound, file)
        if len(within) < len(kept):
            show_until(file, length_s)
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"cannot write {file}: {error.strerror}") from error
    note = "the camera changed the parameters of its video there" if cut_short else None
    ordered = [pts / TICKS for pts in sorted(within)]
    holes = [Hole(before, after - before) for before, after in pairwise(ordered) if after - before > HOLE_S]
    return Clip(length_s, len(within), note, tuple(holes))


def sound_of(packets: Sequence[Packet], start_s: float, length_s: float, *, stamped: bool) -> list[Timed]:
    """The sound of a clip with the times that it has there, by the stamps (`stamped`) or on the camera's clock; as far
    as its parameters are the same.
    """
    sounds = [one for one in packets if one.sound and isinstance(one.parameters, SoundParameters)]
    timed = [(one, ((one.stamp_s or 0.0) if stamped else one.time_s) - start_s) for one in sounds]
    within = [(one, time_s) for one, time_s in timed if 0 <= time_s < length_s]
    return list(takewhile(lambda pair: pair[0].parameters is within[0][0].parameters, within))


def same_parameters(packets: Sequence[Packet]) -> Sequence[Packet]:
    """The packets up to where a decoder would need other parameters than at the first."""
    known, first = sets_of(packets[0]), packets[0].parameters
    for index, packet in enumerate(packets):
        if packet.parameters is not first or (packet.key and sets_in(packet).keys() - known.keys()):
            return packets[:index]
    return packets


def sets_of(first: Packet) -> dict[bytes, int]:
    """The parameter sets that a file which begins with this packet has: those that come with it, or if they are not all
    that is needed, those of its stream too.
    """
    parameters, found = first.parameters, sets_in(first)
    assert parameters
    if extradata_of(parameters.codec, found):
        return found
    return parameter_sets(parameters.codec, parameters.extradata) | found


def sets_in(packet: Packet) -> dict[bytes, int]:
    """The parameter sets that come with a packet."""
    return parameter_sets(packet.parameters.codec, bytes(packet.data)) if packet.parameters else {}


def add_pictures(output: OutputContainer, first: Packet) -> VideoStream:
    """Add a stream to an MP4 that begins with this packet.

    Raises:
        SourceError: an MP4 cannot hold it.
    """
    parameters = first.parameters
    assert parameters
    assert not isinstance(parameters, SoundParameters)
    stream = parameters.add_to(output)
    stream.time_base = Fraction(1, TICKS)
    if extradata := extradata_of(parameters.codec, sets_in(first)):  # newer than those from when the camera was opened
        stream.codec_context.extradata = extradata
    return stream


def clean_end(times_s: Sequence[float], seconds: float) -> int:
    """Number of packets, in order of decoding, that hold all frames before `seconds` and no gap after one of them."""
    end = 1 + max(index for index, time_s in enumerate(times_s) if time_s < seconds)
    while between := [i for i in range(end, len(times_s)) if times_s[i] < max(times_s[:end])]:
        end = 1 + between[-1]
    return end


def timeline(packets: Sequence[Packet]) -> tuple[list[float], bool]:
    """Presentation time of each packet: its stamp if all stamps hold together (True), else the camera's clock."""
    clock_s = [packet.time_s for packet in packets]
    stamps_s = _filled(packets)
    if stamps_s is None:
        return clock_s, False
    ordered = sorted(range(len(stamps_s)), key=stamps_s.__getitem__)
    steps = [stamps_s[later] - stamps_s[earlier] for earlier, later in pairwise(ordered)]
    in_order = all(abs(place - index) <= REORDERED for place, index in enumerate(ordered))
    repeated = sum(step <= 0 for step in steps)
    span_s = stamps_s[ordered[-1]] - stamps_s[ordered[0]]
    off_s = abs(span_s - (max(clock_s) - min(clock_s)))
    steady = in_order and repeated <= len(steps) / 4 and max(steps, default=0.0) <= GAP_S and off_s <= OFF_S
    return (stamps_s, True) if steady else (clock_s, False)


def in_ticks(times_s: Sequence[float]) -> tuple[list[int], list[int]]:
    """Presentation and decoding times, in ticks from the first on, of packets in order of decoding.

    Decoding times rise strictly and are at most the presentation times: the presentation times in order, shifted by as
    many frames as the farthest that a packet is decoded after its turn.
    """
    order = sorted(range(len(times_s)), key=lambda index: (times_s[index], index))
    shown = [0] * len(order)
    at = -1
    for index in order:
        at = max(at + 1, round(times_s[index] * TICKS))
        shown[index] = at
    ordered = sorted(shown)
    place = {time: number for number, time in enumerate(ordered)}
    delay = max(index - place[time] for index, time in enumerate(shown))
    frame = frame_ticks(ordered)
    before = [ordered[0] - (delay - index) * frame for index in range(delay)]
    return shown, (before + ordered)[: len(shown)]


def _filled(packets: Sequence[Packet]) -> list[float] | None:
    """Stamps, of which single missing ones follow from their neighbours; RTSP sends the first packet without."""
    known = [packet.stamp_s for packet in packets if packet.stamp_s is not None]
    if 2 * len(known) < len(packets):
        return None
    stamps: list[float] = []
    for index, packet in enumerate(packets):
        if packet.stamp_s is not None:
            stamps.append(packet.stamp_s)
        elif stamps:
            stamps.append(stamps[-1] + (packet.duration_s or USUAL_S))
        else:
            near = [later.stamp_s for later in packets[index : index + REORDERED] if later.stamp_s is not None]
            stamps.append(min(near or known) - (packet.duration_s or USUAL_S))
    return stamps


def frame_ticks(ordered: Sequence[int]) -> int:
    """The usual time between two frames, in ticks, by times in order."""
    steps = [later - earlier for earlier, later in pairwise(ordered)]
    return max(1, round(median(steps))) if steps else round(USUAL_S * TICKS)


def _write(
    packets: Sequence[Packet], shown: list[int], decoded: list[int], frame: int, sound: Sequence[Timed], file: Path
) -> None:
    """Write packets with their times into an MP4 whose index comes first, so that it plays while it is loaded."""
    with av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as output:
        stream = add_pictures(output, packets[0])
        heard = _heard(output, sound) if sound else iter(())
        ahead = next(heard, None)
        entries = entry_points(packets, shown)
        for index, (packet, pts, dts) in enumerate(zip(packets, shown, decoded, strict=True)):
            while ahead is not None and (ahead.pts or 0) * (ahead.time_base or 0) <= Fraction(dts, TICKS):
                output.mux(ahead)
                ahead = next(heard, None)
            coded = av.Packet(bytes(packet.data))
            coded.stream, coded.time_base = stream, Fraction(1, TICKS)
            coded.pts, coded.dts, coded.duration, coded.is_keyframe = pts, dts, frame, index in entries
            output.mux(coded)
        while ahead is not None:
            output.mux(ahead)
            ahead = next(heard, None)


def entry_points(packets: Sequence[Packet], shown: Sequence[int]) -> set[int]:
    """The packets at which a player may begin. Key frames of H.264 are not, if pictures that follow are shown before
    them: those refer to the group before, and players that seek there take them for damaged.
    """
    found, least = set[int](), math.inf
    codec = packets[0].parameters.codec if packets[0].parameters else ""
    for index in reversed(range(len(packets))):
        if packets[index].key:
            if index == 0 or codec != "h264" or least > shown[index]:
                found.add(index)
            least = math.inf
        else:
            least = min(least, shown[index])
    return found


def _heard(output: OutputContainer, sound: Sequence[Timed]) -> "Iterator[av.Packet[Any]]":
    """Packets of sound to be muxed, in order."""
    parameters = sound[0][0].parameters
    assert isinstance(parameters, SoundParameters)
    track = SoundTrack(output, parameters)
    return chain((one for packet, time_s in sound for one in track.add(packet, time_s)), track.end())
