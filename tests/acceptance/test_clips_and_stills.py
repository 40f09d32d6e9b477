"""A real camera with B-frames: clips and stills of events show the very frames; `python -m tests.evidence` has more."""

from pathlib import Path

import pytest

from tests.components import require_component
from tests.evidence import KINDS, prove


@pytest.mark.long
def test_clips_and_stills_of_a_real_camera_show_the_very_frames(tmp_path: Path) -> None:
    require_component("rtsp-server")
    (kind,) = [one for one in KINDS if one.name == "h264 with B-frames"]
    (verdict,) = prove(tmp_path, [kind], 2, browser=False).values()
    assert (verdict.events, verdict.faults) == (2, [])
