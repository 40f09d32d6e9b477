"""Draws tracks, zones, lines and events into a video of the camera that made the results."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edge_daemon.cli.film import Film, Scene
from edge_daemon.errors import EdgeError
from edge_daemon.messages.events import Event
from edge_daemon.messages.findings import Found
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import Result
from edge_daemon.messages.topics import Analytics
from edge_daemon.settings import CameraZonesSettings, SaveSettings

QUALITY = 92


class Draw(NamedTuple):
    """The clip to draw into, and the video that is written."""

    clip: Path
    output: Path


class Scenes:
    """The results of one camera and model, in their order."""

    def __init__(self) -> None:
        self._scenes: list[Scene] = []
        self._zones = CameraZonesSettings()

    def add(self, result: Result, made: Iterable[Analytics], zones: CameraZonesSettings) -> None:
        """Add a result, whose detections have the numbers of their tracks, and what was made of it.

        Raises:
            EdgeError: there is a result of another camera or model.
        """
        first = self._scenes[0].result if self._scenes else result
        if (first.camera, first.model) != (result.camera, result.model):
            both = f"{first.camera} {first.model} and {result.camera} {result.model}"
            raise EdgeError(f"these are results of {both}: a video shows those of one camera and model")
        starts = [one for one in made if isinstance(one, Event) and one.phase == "start"]
        self._scenes.append(Scene(result, [f"{one.rule}: {one.because[0]}" for one in starts]))
        self._zones = zones

    def draw(self, draw: Draw) -> None:
        """Write the clip with everything drawn in.

        Raises:
            EdgeError: the clip cannot be read.
        """
        # Decoding and drawing take half a second to import.
        from edge_daemon.capture.source import file_source
        from edge_daemon.imaging.annotation import annotate
        from edge_daemon.imaging.codecs import encode_rgb
        from edge_daemon.imaging.overlay import draw_sentences, draw_trails, draw_zones
        from edge_daemon.sink.saver import Saver

        source, film, seq = file_source(draw.clip), Film(self._scenes), 0
        saver = Saver(SaveSettings(target=str(draw.output), began_at=time.time()), alone=True)
        try:
            while picture := source.read():
                rgb = picture.bgr[:, :, ::-1].copy()
                shown = film.at(picture.time_s, rgb.shape[1], rgb.shape[0])
                draw_zones(rgb, self._zones)
                draw_trails(rgb, shown.trails)
                annotate(rgb, Found(detections=shown.detections))
                draw_sentences(rgb, shown.sentences)
                frame = _frame(draw.clip.stem, seq, picture.time_s, rgb.shape[1], rgb.shape[0])
                saver.add(frame, encode_rgb(rgb, "jpeg", QUALITY), wait=True)
                seq += 1
        finally:
            source.close()
            saver.close()


def _frame(name: str, seq: int, time_s: float, width: int, height: int) -> Result:
    return Result(
        camera=name,
        model="",
        epoch=0,
        seq=seq,
        captured_at="",
        time_s=time_s,
        width=width,
        height=height,
        detections=[],
        dropped={},
        timing_ms=Timing(),
        worker="",
    )
