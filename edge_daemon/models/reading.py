"""Works out how to feed a model and read its outputs, from its file, the files beside it, and its outputs for test
pictures.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from edge_daemon.errors import ModelError
from edge_daemon.models import evidence, labels
from edge_daemon.models.decoders import candidates
from edge_daemon.models.decoders.decoder import RGB_SHARE, Decoder, Outputs, Seen
from edge_daemon.models.decoders.listed import Listed
from edge_daemon.models.evidence import Fact
from edge_daemon.models.files_beside import Beside, read_beside
from edge_daemon.models.graph import Graph, read_graph
from edge_daemon.models.graph_input import Start, start_of
from edge_daemon.models.inputs import unreadable
from edge_daemon.models.preparation import Stated, in_graph, in_metadata, prepared
from edge_daemon.models.preprocess import Preprocessor, Recipe
from edge_daemon.models.probe import check_few, check_plausible, picture
from edge_daemon.models.session import Session
from edge_daemon.settings import ModelSettings
from edge_daemon.zoo.paths import BUILTIN

_SIZES = ((48, 320), (224, 224), (320, 320), (256, 256), (416, 416), (512, 512))
"""Heights and widths to try where the file states none and the model fails at the usual one; the first is PP-OCR's."""
_FIRST = Recipe(fit="stretch", color="rgb", scale=1 / 255)
"""Values in 0..1 overflow in no model."""
_TASKS = {"detect", "segment", "classify", "pose", "obb", "semantic"}
_FAMILIES = {"yolov5", "yolov8", "rows", "rtdetr", "classification"}
"""Decoders of Ultralytics' exports, whose metadata shows that the usual input is the right one."""


@dataclass(frozen=True)
class Reading:
    """An interpreted model: `decoder` reads its outputs, `recipe` prepares its input, `names` are its classes.

    `facts` list its properties and what they rest on, `notes` those that are only likely. `others` are further readings
    that the test pictures do not contradict.
    """

    decoder: Decoder
    recipe: Recipe
    names: tuple[str, ...]
    facts: tuple[Fact, ...]
    notes: tuple[str, ...]
    others: tuple[Decoder, ...] = ()


class Reader:
    """Interprets the model of a session, whose file is at `path` if it is here; the settings override what would be
    worked out.
    """

    def __init__(self, session: Session, settings: ModelSettings, path: Path | None) -> None:
        self._session, self._settings = session, settings
        self._beside = [one for one in read_beside(path) if self._is_for_size(one)] if path else []
        self._metadata = dict(session.metadata)
        for one in self._beside:
            self._metadata = {**(one.metadata or {}), **self._metadata}
        self._graph: Graph = read_graph(path) if path else Graph()
        self._start: Start = start_of(self._graph, session.inputs.name)
        self._names = labels.stated(settings.labels, self._metadata)
        beside = next((one.names for one in self._beside if one.names and one.sure == "known"), None)
        self._names_given = self._names.value if self._names else beside
        self._outputs_for = cache(self._run)

    def read(self) -> Reading:
        """The reading.

        Raises:
            ModelError: no interpretation fits; the message describes the outputs.
        """
        seen = self._seen_at_some_size()
        first, *others = self._possible(candidates(seen))
        reading = self.reading_of(first, others)
        return replace(reading, others=tuple(others) if isinstance(first, Listed) and first.sure == "likely" else ())

    def reading_of(self, decoder: Decoder, others: Sequence[Decoder] = ()) -> Reading:
        """The reading by a decoder; its outputs could also be read by `others`.

        Raises:
            ModelError: its classes are not as many as the names.
        """
        recipe, fed = self._recipe(decoder)
        fitting = [one for one in self._beside if one.sure == "known" or self._suits(one, decoder)]
        names, named = labels.complete(self._names, fitting, decoder.classes, decoder.name, decoder.usual_names)
        facts = [
            Fact("layout", decoder.name, decoder.why, decoder.sure, f"decoder: {decoder.name}"),
            *(one for one in decoder.facts if one.what != "names" or not self._names),
            *(named if self._names or not any(one.what == "names" for one in decoder.facts) else ()),
            *fed,
        ]
        return Reading(decoder, recipe, names, tuple(facts), tuple(self._notes(facts, decoder, others, names)))

    def _seen_at_some_size(self) -> Seen:
        """The outputs at the size that is assumed, or, if the model fails at it, at another usual one."""
        try:
            return self._seen()
        except ModelError:
            if not self._session.inputs.assumed:
                raise
            for size in _SIZES:
                with suppress(ModelError):
                    self._session.assume(size)
                    return self._seen()
            raise

    def _seen(self) -> Seen:
        session, settings = self._session, self._settings
        return Seen(
            outputs=self._outputs_for(0, self._first_recipe()),
            size=session.inputs.size,
            metadata=self._metadata,
            names=self._names_given,
            asked=settings.decoder,
            channels_last=session.inputs.channels_last,
            boxes=settings.boxes,
            graph=self._graph,
            helpers=tuple(session.inputs.helpers),
            declared=session.declared,
            batch=session.inputs.batch or 1,
            more=lambda: [self._outputs_for(number, self._first_recipe()) for number in (1, 2)],
        )

    def _first_recipe(self) -> Recipe:
        """How pictures are prepared before the family is known."""
        return prepared(_FIRST, "", self._sources(_FIRST), self._settings.input, self._session.inputs.channels)[0]

    def _recipe(self, decoder: Decoder) -> tuple[Recipe, list[Fact]]:
        sources = self._sources(decoder.recipe, decoder)
        if self._settings.path.startswith(BUILTIN):
            sources.append(_all(decoder.recipe, "it ships with edge-daemon"))
        elif "stride" in self._metadata or self._metadata.get("task") in _TASKS:
            usual = decoder.recipe if decoder.name in _FAMILIES else RGB_SHARE
            sources.append(_all(usual, "its metadata is Ultralytics'"))
        because = f"usual for {decoder.name}"
        return prepared(decoder.recipe, because, sources, self._settings.input, self._session.inputs.channels)

    def _sources(self, usual: Recipe, decoder: Decoder | None = None) -> list[Stated]:
        suiting = [one for one in self._beside if one.sure == "known" or (decoder and self._suits(one, decoder))]
        beside = [one.input for one in suiting if one.input]
        return [
            *in_metadata(self._metadata),
            *in_graph(self._start, self._session.inputs, usual),
            *beside,
        ]

    def _is_for_size(self, beside: Beside) -> bool:
        inputs = self._session.inputs
        return beside.size is None or inputs.assumed or beside.size == inputs.size

    def _suits(self, beside: Beside, decoder: Decoder) -> bool:
        """True if a file that may belong to another model can be this one's."""
        return beside.names is None or decoder.classes == len(beside.names)

    def _possible(self, found: Sequence[Decoder]) -> list[Decoder]:
        """The decoders whose findings in a picture without objects are plausible, at least one.

        Raises:
            ModelError: there is none; the message gives the reason for each candidate.
        """
        refused: list[str] = []
        good: list[Decoder] = []
        for decoder in found:
            recipe, _ = self._recipe(decoder)
            try:
                outputs = arranged(self._outputs_for(0, recipe), decoder)
                findings = decoder.decode(outputs, self._settings.confidence)
                check_plausible(findings, self._session.inputs.size)
                check_few(findings)
                good.append(decoder)
            except ModelError as error:
                refused.append(f"as {decoder.name} ({decoder.why}) {error}")
        if not good:
            raise ModelError("its outputs are implausible: " + "; ".join(refused))
        surest = [decoder for decoder in good if decoder.sure != "likely"]
        return surest or good

    def _notes(
        self, facts: Sequence[Fact], decoder: Decoder, others: Sequence[Decoder], names: tuple[str, ...]
    ) -> list[str]:
        inputs = self._session.inputs
        notes = [*evidence.notes(facts), *labels.unreadable(self._metadata), *unreadable(self._metadata)]
        for name, kind in self._session.passed_over.items():
            notes.append(f"its output {name} ({kind}) is no tensor of numbers and is passed over")
        if others:
            named = ", ".join(f"{other.name} ({other.why})" for other in others)
            notes.append(f"its outputs could also be read as {named}: set `decoder`, `boxes` or `outputs` to choose")
        if inputs.assumed:
            notes.append(
                f"the file leaves its input's size open: {inputs.size[1]}x{inputs.size[0]} is assumed; if it was "
                "trained at another, set `input: {size: ...}`"
            )
        if decoder.left_out:
            notes.append(
                f"its outputs {', '.join(decoder.left_out)} are not read: set `outputs` or `decoder` to choose others"
            )
        if decoder.classes and all(name.startswith("class ") for name in names):
            what = "class has no name" if len(names) == 1 else f"{len(names)} classes have no names"
            notes.append(f"its {what}: set `labels`")
        elif decoder.classes is None and not names:
            notes.append("its classes have no names, and their number is not known: set `labels`")
        return notes

    def _run(self, number: int, recipe: Recipe) -> Outputs:
        """The model's outputs for a test picture prepared by `recipe`."""
        session = self._session
        shown = picture(number, *session.inputs.size)
        Preprocessor(session.tensor[0], recipe, channels_last=session.inputs.channels_last).fill(shown)
        return session.run()[0]


def arranged(outputs: Outputs, decoder: Decoder) -> Outputs:
    """The outputs that a decoder reads, as it reads them."""
    if decoder.left_out:
        outputs = {name: array for name, array in outputs.items() if name not in decoder.left_out}
    if decoder.adds_axis:
        outputs = {name: array.reshape(1, *array.shape) for name, array in outputs.items()}
    return outputs


def _all(recipe: Recipe, because: str) -> Stated:
    return Stated(because, "known", recipe.color, (recipe.scale, recipe.mean, recipe.std), recipe.fit, recipe.pad)
