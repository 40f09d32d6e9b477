"""Stills: one frame of a camera at full resolution, decoded from its packets, plain and annotated."""

from collections.abc import Sequence
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
    if not at:
        return None
    wanted = max(at, key=lambda index: packets[index].seq or 0)
    keys = [index for index in range(wanted + 1) if packets[index].key]
    if not keys:
        return None
    parameters = packets[keys[-1]].parameters
    assert isinstance(parameters, StreamParameters)
    try:
        decoder = parameters.decoder()
        for index in range(keys[-1], len(packets)):
            for frame in decoder.decode(_packet(packets[index], index)):
                if frame.pts == wanted:
                    return _bgr(frame)
        for frame in decoder.decode(None):
            if frame.pts == wanted:
                return _bgr(frame)
    except av.FFmpegError as error:
        raise SourceError(f"a still cannot be decoded: {error}") from error
    return None


def write_stills(bgr: Pixels, event: Event, folder: Path) -> None:
    """Write a frame (BGR, uint8, height x width x 3) as the still of an event, also annotated and small.

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
    draw_boxes(rgb, np.array([track.xyxy for track in event.tracks], np.float32), [0] * len(captions), captions)
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
