"""Text: a distribution over characters for each step along the picture (CTC) or for each place of a plate.

- CTC (PP-OCR, LPRNet, CRNN): TxC or CxT. Repeated characters count once, and the blank separates equal ones: the first
  of C in PP-OCR, the last in LPRNet.
- Fixed places (fast-plate-ocr): PxC, or flat P*C; a filler, usually `_`, stands for places that are not used.

The characters are those of `labels`, or of the metadata (`character`, as PaddleX and RapidOCR write it).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import Array, Decoder, Outputs, Seen, finite, is_share, softmax
from edge_daemon.models.detections import Detections, Findings
from edge_daemon.models.evidence import Fact, Sign, fact
from edge_daemon.models.preprocess import Recipe

_PADDLE = Recipe(fit="corner", color="bgr", scale=1 / 127.5, mean=(1.0,), pad=127)
_PLATES = Recipe(fit="stretch", color="rgb", scale=1.0)
_LPRNET = Recipe(fit="stretch", color="bgr", scale=1 / 128, mean=(127.5 / 128,))
_LATIN = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FILLER = "_"
MOST_PLACES = 16
"""Most places of a plate; CTC has more steps."""
LEAST_CHARACTERS = 10


class _Text(Decoder):
    classes = 0
    needs_nms = False

    def __init__(self, seen: Seen, output: str, shape: tuple[int, int], characters: Sequence[str]) -> None:
        self._output, self._shape, self._characters = output, shape, characters

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. The confidence is the mean of those of the characters."""
        values = self._steps(finite(np.asarray(outputs[self._output], np.float32)))
        shares = values if _are_shares(values) else softmax(values)
        best = shares.argmax(axis=1)
        kept = self._kept(best)
        text = "".join(self._characters[number] for number in best[kept].tolist()).strip()
        sure = float(shares[kept, best[kept]].mean()) if kept.size else 0.0
        return Findings(Detections.none(), text=(text, sure) if sure >= confidence else ("", 0.0))

    def _steps(self, array: Array) -> Array:
        """Scores of characters (float32 TxC)."""
        raise NotImplementedError

    def _kept(self, best: NDArray[np.intp]) -> NDArray[np.intp]:
        """The steps that stand for a character of the text, of those with the highest characters `best` (T)."""
        raise NotImplementedError


class Ctc(_Text):
    """Decodes steps along the picture; `blank` is the number of the blank, and with `across` steps are columns."""

    name = "ctc"

    def __init__(
        self,
        seen: Seen,
        output: str,
        shape: tuple[int, int],
        characters: Sequence[str],
        *,
        blank: int,
        across: bool,
    ) -> None:
        super().__init__(seen, output, shape, characters)
        self._blank, self._across = blank, across
        self.recipe = _LPRNET if across else _PADDLE
        first = "first" if blank == 0 else "last"
        self.why = f"{shape[0]} steps along the picture with {shape[1]} characters each, the {first} for none"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        name, array = next(iter(seen.outputs.items()))
        matrix = _matrix(array)
        if len(seen.outputs) != 1 or matrix is None or not np.issubdtype(array.dtype, np.floating):
            return
        values = finite(np.asarray(matrix, np.float32))
        # Only logits of named characters: a matrix of anything would do.
        named = characters_of(seen)
        for across, steps in ((False, values), (True, values.T)):
            count, width = steps.shape
            asked = seen.asked == cls.name
            if count <= MOST_PLACES or width < LEAST_CHARACTERS:
                continue
            if not (_are_shares(steps) or asked or (named and abs(len(named) - width) <= 2)):
                continue
            given, blank = named, _blank(steps)
            if given is None or blank is None:
                if asked or _are_shares(steps):
                    raise ModelError(
                        f"it reads text ({count} steps with {width} characters each), but its characters are not "
                        "known: set `labels` to a file with one a line"
                    )
                continue
            listed = _with_blank(given, width, blank)
            if listed is None:
                continue
            decoder = cls(seen, name, (count, width), listed, blank=blank, across=across)
            decoder.sure = "known" if "character" in seen.metadata or asked else "proved"
            yield decoder
            return

    def _steps(self, array: Array) -> Array:
        steps = _matrix(array)
        assert steps is not None  # it was one for the test pictures
        return steps.T if self._across else steps

    def _kept(self, best: NDArray[np.intp]) -> NDArray[np.intp]:
        changed = np.append(True, best[1:] != best[:-1])
        return np.flatnonzero(changed & (best != self._blank))


class Places(_Text):
    """Decodes fixed places, each with a character or the filler."""

    name = "places"
    recipe = _PLATES

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        name, array = next(iter(seen.outputs.items()))
        if len(seen.outputs) != 1 or not np.issubdtype(array.dtype, np.floating):
            return
        given = characters_of(seen)
        width = len(given) if given else len(_LATIN) + 1
        places = array.size // width if width else 0
        if places * width != array.size or not 2 <= places <= MOST_PLACES or width < LEAST_CHARACTERS:
            return
        values = finite(np.asarray(array, np.float32)).reshape(places, width)
        if not _are_shares(values):
            return
        decoder = cls(seen, name, (places, width), given or [*_LATIN, FILLER])
        decoder.why = f"{places} places with {width} characters each, whose probabilities add up to 1"
        if given is None:
            sign = Sign(_LATIN, f"there are {width} of them")
            decoder.facts = [Fact("characters", "0 to 9, A to Z and _", sign.because, "likely", "labels: [0, 1, ...]")]
        else:
            decoder.facts = [fact("characters", Sign(width, "they are given", "known"))]
        yield decoder

    def _steps(self, array: Array) -> Array:
        return array.reshape(self._shape)

    def _kept(self, best: NDArray[np.intp]) -> NDArray[np.intp]:
        filler = [number for number, character in enumerate(self._characters) if character in (FILLER, "")]
        return np.flatnonzero(~np.isin(best, filler))


def _matrix(array: NDArray[Any]) -> NDArray[Any] | None:
    """Steps and characters in two axes: the axis of the batch (1) may be anywhere; PyTorch's LSTMs have steps first."""
    longer = [axis for axis in array.shape if axis != 1]
    return array.reshape(longer) if len(longer) == 2 else None


def characters_of(seen: Seen) -> list[str] | None:
    """The characters that a model may read, in order."""
    if text := seen.metadata.get("character"):
        return text.split("\n")
    return list(seen.names) if seen.names and all(len(name) <= 2 for name in seen.names) else None


def _with_blank(characters: Sequence[str], width: int, blank: int) -> list[str] | None:
    """As many characters as columns: with the blank, and with PP-OCR's space at the end if that is missing too."""
    listed = list(characters)
    if len(listed) < width and blank == 0:
        listed = ["", *listed]
    elif len(listed) < width:
        listed = [*listed, ""]
    if len(listed) == width - 1 and blank == 0:
        listed = [*listed, " "]
    return listed if len(listed) == width else None


def _blank(steps: Array) -> int | None:
    """The column of the blank, which most steps (float32 TxC) of a picture without text choose: the first or last."""
    best = steps.argmax(axis=1)
    ends = [column for column in (0, steps.shape[1] - 1) if (best == column).mean() > 0.5]
    return ends[0] if ends else None


def _are_shares(steps: Array) -> bool:
    return is_share(steps) and bool((np.abs(steps.sum(axis=1) - 1) < 0.05).all())
