"""Works out how to feed a model and read its outputs, from its file and its outputs for a test picture."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models import labels
from edge_daemon.models.decoders import candidates
from edge_daemon.models.decoders.decoder import Decoder, Outputs, Seen
from edge_daemon.models.preprocess import Preprocessor, Recipe
from edge_daemon.models.probe import check_few, check_plausible, texture
from edge_daemon.models.session import Session
from edge_daemon.settings import InputSettings, ModelSettings


@dataclass(frozen=True)
class Reading:
    """An interpreted model: `decoder` reads its outputs, `recipe` prepares its input, `names` are its classes.

    `notes` list the assumptions that were made.
    """

    decoder: Decoder
    recipe: Recipe
    names: tuple[str, ...]
    notes: tuple[str, ...]


def read(session: Session, settings: ModelSettings) -> Reading:
    """Interpret a model; the settings override what would be worked out.

    Raises:
        ModelError: no interpretation fits; the message describes the outputs.
    """
    inputs = session.inputs
    stated = labels.stated(settings.labels, session.metadata)
    # Colour order and range are known with the decoder only; values in 0..1 overflow in no model.
    first = adapted(Recipe(fit="stretch", color="rgb", scale=1 / 255), settings.input, inputs.channels)
    seen = Seen(
        outputs=tried(session, first),
        size=inputs.size,
        metadata=session.metadata,
        named=None if stated is None else len(stated),
        asked=settings.decoder,
        channels_last=inputs.channels_last,
    )
    notes = []
    decoder, *others = possible(candidates(seen), session, settings)
    if others:
        named = ", ".join(f"{other.name} ({other.why})" for other in others)
        notes.append(f"its outputs could also be read as {named}: set `decoder` to choose")
    if inputs.assumed:
        notes.append(
            f"the file leaves its input's size open: {inputs.size[1]}x{inputs.size[0]} is assumed; if it was trained "
            "at another, set `input: {size: ...}`"
        )
    recipe = adapted(decoder.recipe, settings.input, inputs.channels)
    return Reading(decoder, recipe, labels.complete(stated, decoder.classes, decoder.name), tuple(notes))


def possible(candidates: Sequence[Decoder], session: Session, settings: ModelSettings) -> list[Decoder]:
    """The decoders whose findings in a picture without objects are plausible, at least one.

    Raises:
        ModelError: there is none; the message gives the reason for each candidate.
    """
    refused: list[str] = []
    good: list[Decoder] = []
    for candidate in candidates:
        recipe = adapted(candidate.recipe, settings.input, session.inputs.channels)
        try:
            found = candidate.decode(tried(session, recipe), settings.confidence)
            check_plausible(found, session.inputs.size)
            check_few(found)
            good.append(candidate)
        except ModelError as error:
            refused.append(f"as {candidate.name} ({candidate.why}) {error}")
    if not good:
        raise ModelError("its outputs are implausible: " + "; ".join(refused))
    return good


def tried(session: Session, recipe: Recipe) -> Outputs:
    """The model's outputs for the texture prepared by `recipe`."""
    Preprocessor(session.tensor[0], recipe, channels_last=session.inputs.channels_last).fill(
        texture(*session.inputs.size)
    )
    return session.run()[0]


def adapted(recipe: Recipe, asked: InputSettings, channels: int) -> Recipe:
    """A decoder's recipe with the overrides of the configuration, for an input with this number of channels.

    Raises:
        ModelError: the configuration does not fit the channels.
    """
    stated: Mapping[str, object] = {
        "fit": asked.resize,
        "color": asked.color or ("gray" if channels == 1 else None),
        "scale": asked.scale,
        "mean": None if asked.mean is None else tuple(asked.mean),
        "std": None if asked.std is None else tuple(asked.std),
        "pad": asked.pad,
    }
    changed = {name: value for name, value in stated.items() if value is not None}
    made: Recipe = dataclasses.replace(recipe, **changed)  # type: ignore[arg-type]
    if (made.color == "gray") != (channels == 1):
        raise ModelError(f"`input.color` is {made.color}, but its input has {channels} channels")
    wanted = 1 if made.color == "gray" else 3
    for name in ("mean", "std"):
        values = getattr(made, name)
        if len(values) not in (1, wanted):
            if getattr(asked, name) is not None:
                raise ModelError(f"`input.{name}` has {len(values)} numbers, for {wanted} channels")
            made = dataclasses.replace(made, **{name: (float(np.mean(values)),)})  # type: ignore[arg-type]
    return made
