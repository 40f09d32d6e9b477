"""`edge-daemon track`: tracks for results that were made earlier, or elsewhere."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from edge_daemon.cli.drawn import Draw, Scenes
from edge_daemon.cli.results import Analyses, lines, opened
from edge_daemon.config.schema import Config
from edge_daemon.errors import EdgeError
from edge_daemon.messages.findings import Detection
from edge_daemon.messages.published import Result


def track(results: str, output: str, config: Config | None = None, draw: Draw | None = None) -> None:
    """Write the lines of a results file with tracks to another one; `-` is standard input and output. With `draw`, draw
    them into a video instead.

    Raises:
        EdgeError: a file cannot be opened or written, or a line is no result.
    """
    try:
        with ExitStack() as files:
            source = files.enter_context(opened(results))
            if draw:
                _draw(source, results, config, draw)
                return
            if output != "-" and results != "-" and Path(output).exists() and Path(output).samefile(results):
                raise EdgeError(f"{output} is the file that is read; name another one")
            target: BinaryIO = sys.stdout.buffer if output == "-" else files.enter_context(Path(output).open("wb"))
            analyses = Analyses(config)
            for message, result in lines(source, results):
                target.write(msgspec.json.encode(_tracked(message, result, analyses)) + b"\n")
            target.flush()
    except OSError as error:
        raise EdgeError(f"{error.filename or output}: {error.strerror}") from error


def _tracked(message: dict[str, Any], result: Result | None, analyses: Analyses) -> dict[str, Any]:
    """The message of a result with the numbers of its tracks; any other message as it is."""
    if result:
        analyses.of(result).look(result)
        _number(message["detections"], result.detections)
        _number(message.get("unsure", []), result.unsure or [])
    return message


def _number(found: list[dict[str, Any]], numbered: list[Detection]) -> None:
    for one, detection in zip(found, numbered, strict=True):
        one.pop("tracker_id", None)
        if detection.tracker_id is not None:
            one["tracker_id"] = detection.tracker_id


def _draw(source: BinaryIO, name: str, config: Config | None, draw: Draw) -> None:
    analyses, scenes = Analyses(config), Scenes()
    for _, result in lines(source, name):
        if result:
            analysis = analyses.of(result)
            scenes.add(result, analysis.look(result), analysis.settings.rules.zones)
    scenes.draw(draw)
