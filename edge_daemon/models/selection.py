"""Selects a model's detections by class, confidence and number."""

import difflib

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.detections import Detections
from edge_daemon.settings import ModelSettings

SHOWN = 100
"""Characters of a name that an error shows."""


class Selection:
    """The configured selection for a model whose classes have these `names`; `lowest` is the lowest threshold, and
    `faintest` that of unsure detections, if they are given too.

    Raises:
        ModelError: the settings name a class that the model does not have.
    """

    def __init__(self, settings: ModelSettings, names: tuple[str, ...]) -> None:
        self._names, self._most = names, settings.max_detections
        for key, wanted in (("classes", settings.classes or ()), ("class_confidence", settings.class_confidence)):
            for name in wanted:
                if problem := unknown_class(name, key, names):
                    raise ModelError(problem)
        self.lowest = min([settings.confidence, *settings.class_confidence.values()])
        self._unsure = settings.unsure
        self.faintest = self.lowest if self._unsure is None else min(self.lowest, self._unsure)
        self._wanted = None if settings.classes is None else np.array([name in settings.classes for name in names])
        limits = [settings.class_confidence.get(name, settings.confidence) for name in names]
        self._limits = np.array(limits, np.float32) if settings.class_confidence else None
        self._confidence = np.float32(settings.confidence)

    def wanted(self, found: Detections) -> Detections:
        """The detections of selected classes above their thresholds, and unsure ones if those are given too."""
        if self._limits is not None:
            limits = self._limits[found.class_id]
            if self._unsure is not None:
                limits = np.minimum(limits, np.float32(self._unsure))
            found = found[found.confidence >= limits]
        return self.of_wanted_classes(found)

    def sure(self, found: Detections) -> NDArray[np.bool_]:
        """True (bool, N) for each detection above its threshold."""
        limits = self._confidence if self._limits is None else self._limits[found.class_id]
        return np.asarray(found.confidence >= limits, np.bool_)

    def of_wanted_classes(self, found: Detections) -> Detections:
        """The detections of selected classes."""
        return found if self._wanted is None else found[self._wanted[found.class_id]]

    def most_confident(self, found: Detections) -> Detections:
        """The most confident detections, in descending order, up to the configured number."""
        return found[np.argsort(-found.confidence, kind="stable")[: self._most]]


def unknown_class(name: str, key: str, names: tuple[str, ...]) -> str:
    """Sentence on a class that is not one of `names`, and was given for `key`; empty if it is."""
    if name in names:
        return ""
    close = difflib.get_close_matches(name[:SHOWN], names, n=1)
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    has = f"it has {', '.join(names[:10])}{more}" if names else "its classes have no names: give `labels`"
    problem = f"`{key}` names {name[:SHOWN]!r}, which the model does not have: "
    return problem + (f"did you mean {close[0]}?" if close else has)
