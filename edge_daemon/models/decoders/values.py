"""Numbers that a model estimates: an age, the angles of a head. Each output is a single number, named as the output; an
output of a few probabilities beside them has classes.

- OpenVINO's zoo: `age_conv3` (1x1x1x1, a hundredth of the age) and `prob` (two classes); `angle_y_fc`, `angle_p_fc` and
  `angle_r_fc` of head-pose-estimation-adas-0001.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import BYTES_BGR, Decoder, Outputs, Seen, finite, is_share
from edge_daemon.models.detections import Class, Detections, Findings

MOST_CLASSES = 20
_WORDS = ("age", "angle", "yaw", "pitch", "roll", "gaze", "count", "score", "value", "weight", "height", "temperature")


class Values(Decoder):
    """Decodes single numbers, and the classes of the output `kinds`, if there is one."""

    name = "values"
    recipe = BYTES_BGR
    needs_nms = False

    def __init__(self, numbers: list[str], kinds: str | None, classes: int) -> None:
        self.classes = classes
        self._numbers, self._kinds = numbers, kinds
        beside = f", and {classes} probabilities" if kinds else ""
        self.why = f"single numbers ({', '.join(numbers)}){beside}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        numbers = [name for name, array in seen.outputs.items() if array.size == 1]
        others = [name for name in seen.outputs if name not in numbers]
        named = [name for name in numbers if any(word in name.lower() for word in _WORDS)]
        if not numbers or len(others) > 1 or (len(named) < len(numbers) and seen.asked != cls.name):
            return
        kinds = others[0] if others else None
        classes = 0
        if kinds:
            shares = tables.flat(seen.outputs[kinds])
            if not is_share(shares) or not 2 <= len(shares) <= MOST_CLASSES or abs(float(shares.sum()) - 1) > 0.05:
                return
            classes = len(shares)
        decoder = cls(numbers, kinds, classes)
        decoder.sure = "known" if seen.asked == cls.name else "likely"
        yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        values = tuple((name, float(finite(tables.flat(outputs[name]))[0])) for name in self._numbers)
        if self._kinds is None:
            return Findings(Detections.none(), values=values)
        shares = finite(tables.flat(outputs[self._kinds]))
        order = np.argsort(-shares, kind="stable").tolist()
        classes = tuple(Class(number, float(np.clip(shares[number], 0, 1))) for number in order)
        return Findings(Detections.none(), classes=classes, values=values)
