"""Cameras in real time: files that are played at their own speed."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from benchmarks.contenders.subject import Subject

WARM_S = 4.0
"""Processes start, and workers load their model."""
TICKS = 90_000
"""A second in the file that is made."""


def played(subject: Subject, path: Path, fps: float, seconds: float) -> Subject:
    """The clip again and again, for so long and at that rate, as a file of its own: coded as it was."""
    frames, wanted = 0, round(fps * (seconds + 2 * WARM_S))
    with av.open(str(path), "w") as made:
        target = None
        while frames < wanted:
            with av.open(subject.clip) as clip:
                source = clip.streams.video[0]
                target = target or made.add_stream_from_template(source)
                packets = [packet for packet in clip.demux(source) if packet.dts is not None and packet.pts is not None]
                step = 1 / (source.average_rate or Fraction(25)) / (source.time_base or Fraction(1, TICKS))
                begin = packets[0].dts or 0
                for packet in packets:
                    for stamp in ("dts", "pts"):
                        number = frames + round((getattr(packet, stamp) - begin) / step)
                        setattr(packet, stamp, round(number * TICKS / fps))
                    packet.stream, packet.time_base = target, Fraction(1, TICKS)
                    made.mux(packet)
                frames += len(packets)
    return Subject(str(path), subject.model)


def config(subject: Subject, cameras: int, workers: int, web: str | None = None) -> dict[str, Any]:
    """A configuration of live cameras, and the page at the address `web`, if any."""
    return {
        "cameras": {f"c{n}": {"source": subject.clip, "delivery": "live"} for n in range(cameras)},
        "models": {"m": {"path": subject.model, "workers": workers}},
        "web": {"listen": web} if web else {"enabled": False},
    }


def age_ms(result: dict[str, Any]) -> float:
    """How old a frame was when its result was heard."""
    heard_s: float = result["heard"]
    return 1e3 * (heard_s - datetime.fromisoformat(result["captured_at"]).timestamp())
