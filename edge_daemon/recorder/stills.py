"""Stills: one frame of a camera at full resolution, decoded from its packets, plain and annotated."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from edge_daemon.errors import SourceError
from edge_daemon.imaging.codecs import encode_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.drawing import draw_boxes
from edge_daemon.media.packets import Packet
from edge_daemon.media.parameters import StreamParameters
from edge_daemon.messages.events import Event
from edge_daemon.runtime.state import make_folder, replace_file
from edge_daemon.store.media import Medium, path_of

Mover = Callable[[Sequence[float], tuple[int, int]], Sequence[float]]
"""Moves a box (left, top, right, bottom in pixels) into the recorded picture of this width and height."""
SMALL = 320
"""Width of a thumbnail."""
QUALITY = 90


def score(event: Event, size: tuple[int, int] | None = None) -> float:
    """How good a view of its tracks the look of a message has: large and certain, and not cut by the border."""
    best = 0.0
    for track in event.tracks:
        left, top, right, bottom = track.xyxy
        cut = left <= 1 or top <= 1 or bool(size and (right >= size[0] - 1 or bottom >= size[1] - 1))
        best = max(best, (right - left) * (bottom - top) * track.confidence * (0.5 if cut else 1.0))
    return best


def frame_of(packets: Sequence[Packet], epoch: int, seq: int) -> Pixels | None:
    """The frame `seq`, or the one before it that there is (BGR, uint8, height x width x 3); None if there is none.

    Raises:
        SourceError: it cannot be decoded.
    """
    there = [index for index, one in enumerate(packets) if one.epoch == epoch and one.seq is not None]
    at = [index for index in there if (packets[index].seq or 0) <= seq]
    return _decoded(packets, max(at, key=lambda index: packets[index].seq or 0)) if at else None


def frame_at(packets: Sequence[Packet], epoch: int, time_s: float) -> tuple[Pixels | None, float]:
    """The frame nearest to a time (BGR, uint8, height x width x 3) of a stream whose frames have no numbers, and how
    far it is from that time; None if there is none.

    Raises:
        SourceError: it cannot be decoded.
    """
    there = [index for index, one in enumerate(packets) if one.epoch == epoch and not one.discarded and not one.sound]
    if not there:
        return None, 0.0
    nearest = min(there, key=lambda index: abs(packets[index].time_s - time_s))
    return _decoded(packets, nearest), abs(packets[nearest].time_s - time_s)


def _decoded(packets: Sequence[Packet], wanted: int) -> Pixels | None:
    """The frame of a packet (BGR, uint8, height x width x 3); None if it cannot be decoded from what there is.

    Raises:
        SourceError: the decoder has failed.
    """
    time_s = packets[wanted].time_s  # a picture that is shown before a key frame refers to the group before it
    keys = [index for index in range(wanted + 1) if packets[index].key and packets[index].time_s <= time_s]
    if not keys:
        return None
    parameters = packets[keys[-1]].parameters
    assert isinstance(parameters, StreamParameters)
    try:
        decoder = parameters.decoder()
        for index in range(keys[-1], len(packets)):
            if packets[index].sound:
                continue
            for frame in decoder.decode(_packet(packets[index], index)):
                if frame.pts == wanted:
                    return _bgr(frame)
        for frame in decoder.decode(None):
            if frame.pts == wanted:
                return _bgr(frame)
    except av.FFmpegError as error:
        raise SourceError(f"a still cannot be decoded: {error}") from error
    return None


def write_stills(bgr: Pixels, event: Event, folder: Path, to_main: Mover = lambda xyxy, _: xyxy) -> None:
    """Write a frame (BGR, uint8, height x width x 3) as the still of an event, also annotated and small. `to_main`
    moves the boxes, if what models look at is another picture.

    Raises:
        OSError: a file cannot be written.
        PictureError: it cannot be encoded.
    """
    height, width = bgr.shape[:2]
    _save(bgr, folder, event, "still")
    small = cv2.resize(bgr, (SMALL, max(1, round(height * SMALL / width))), interpolation=cv2.INTER_AREA)
    _save(np.asarray(small, np.uint8), folder, event, "small")
    rgb = np.ascontiguousarray(bgr[:, :, ::-1])
    captions = [f"{track.class_name} #{track.tracker_id} {track.confidence:.2f}" for track in event.tracks]
    boxes = np.array([to_main(track.xyxy, (width, height)) for track in event.tracks], np.float32)
    draw_boxes(rgb, boxes, [0] * len(captions), captions)
    _save(np.ascontiguousarray(rgb[:, :, ::-1]), folder, event, "annotated")


def _save(bgr: Pixels, folder: Path, event: Event, medium: Medium) -> None:
    path = path_of(folder, event.camera, event.id, medium)
    make_folder(path.parent)
    replace_file(path, bytes(encode_bgr(bgr, "jpeg", QUALITY)))


def _packet(packet: Packet, index: int) -> Any:
    """The packet as FFmpeg's, with its number as time stamp."""
    coded = av.Packet(bytes(packet.data))
    coded.pts = coded.dts = index
    return coded


def _bgr(frame: av.VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
