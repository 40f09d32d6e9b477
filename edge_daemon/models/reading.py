"""How a model is to be read and fed: found from its file, and from what it makes of a picture."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models import labels
from edge_daemon.models.decoders import readings
from edge_daemon.models.decoders.decoder import Decoder, Outputs, Seen
from edge_daemon.models.preprocess import Preprocessor, Recipe
from edge_daemon.models.probe import believable, modest, texture
from edge_daemon.models.session import Session
from edge_daemon.settings import InputSettings, ModelSettings


@dataclass(frozen=True)
class Reading:
    """A model understood: `decoder` reads its outputs, `recipe` prepares its input, `names` are those of its classes.

    `notes` say what had to be guessed.
    """

    decoder: Decoder
    recipe: Recipe
    names: tuple[str, ...]
    notes: tuple[str, ...]


def read(session: Session, settings: ModelSettings) -> Reading:
    """Find out how a model is to be read and fed, as far as the settings do not say.

    Raises:
        ModelError: nothing fits; says what was seen.
    """
    inputs = session.inputs
    stated = labels.stated(settings.labels, session.metadata)
    # Which colours and range a model wants is known with its decoder only; 0..1 overflows in none.
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
    decoder, *others = possible(readings(seen), session, settings)
    if others:
        named = ", ".join(f"{other.name} ({other.why})" for other in others)
        notes.append(f"its outputs could also be read as {named}: set `decoder` to say which")
    if inputs.assumed:
        notes.append(
            f"the file leaves its input's size open: {inputs.size[1]}x{inputs.size[0]} is assumed; if it was trained "
            "at another, set `input: {size: ...}`"
        )
    recipe = adapted(decoder.recipe, settings.input, inputs.channels)
    return Reading(decoder, recipe, labels.complete(stated, decoder.classes, decoder.name), tuple(notes))


def possible(candidates: Sequence[Decoder], session: Session, settings: ModelSettings) -> list[Decoder]:
    """The decoders whose findings in a picture that shows nothing can be true, at least one.

    Raises:
        ModelError: there is none; says what each made of it.
    """
    refused: list[str] = []
    good: list[Decoder] = []
    for candidate in candidates:
        recipe = adapted(candidate.recipe, settings.input, session.inputs.channels)
        try:
            found = candidate.decode(tried(session, recipe), settings.confidence)
            believable(found, session.inputs.size)
            modest(found)
            good.append(candidate)
        except ModelError as error:
            refused.append(f"as {candidate.name} ({candidate.why}) {error}")
    if not good:
        raise ModelError("its outputs make no sense: " + "; ".join(refused))
    return good


def tried(session: Session, recipe: Recipe) -> Outputs:
    """What the model makes of a texture that is prepared so."""
    Preprocessor(session.tensor[0], recipe, channels_last=session.inputs.channels_last).fill(
        texture(*session.inputs.size)
    )
    return session.run()[0]


def adapted(recipe: Recipe, asked: InputSettings, channels: int) -> Recipe:
    """A decoder's recipe with what the configuration states instead, for so many channels.

    Raises:
        ModelError: the configuration does not go with the channels.
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
