"""Loads a `Config` from a file, a text or a command line; one error lists every problem."""

import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge_daemon.config import files, mistaken, secrets
from edge_daemon.config.cross_checks import faults
from edge_daemon.config.deliver import plain_secrets
from edge_daemon.config.near import near
from edge_daemon.config.problems import KeyPath, Lines, Problem, got
from edge_daemon.config.pydantic_errors import explain
from edge_daemon.config.schema import Config, Origin
from edge_daemon.config.sources import camera_names, model_names
from edge_daemon.config.yaml import Document, parse
from edge_daemon.errors import ConfigError, StartError
from edge_daemon.messages.published import utc
from edge_daemon.runtime import disk
from edge_daemon.server_address import is_server

MAX_BYTES = 1_000_000
FREE = "x-"
"""Keys at the top level that begin so are ignored: a place for YAML anchors that several cameras share."""


def load(path: Path) -> Config:
    """The configuration in a YAML file. Relative paths in it are resolved against its folder.

    Raises:
        ConfigError: the file cannot be read, or the configuration is not valid; one line per problem.
    """
    return _config(parse(_read(path), str(path)), path.absolute().parent)


def loads(text: str, name: str = "<string>", folder: Path | None = None) -> Config:
    """The configuration in a YAML text, called `name` in errors. Relative paths are resolved against `folder`.

    Raises:
        ConfigError: the configuration is not valid; one line per problem.
    """
    return _config(parse(text, name), folder or Path.cwd())


def adhoc(sources: Sequence[str], models: Sequence[str], options: Mapping[str, object] | None = None) -> Config:
    """A configuration without a file: every model runs on every source; names are derived from paths and URLs.

    `options` are added to the keys of every model.

    Raises:
        ConfigError: the configuration is not valid; one line per problem.
    """
    data: dict[str, object] = {
        "cameras": {n: {"source": s} for n, s in zip(camera_names(sources), sources, strict=True)},
        "models": {
            n: {"url" if is_server(p) else "path": p, **(options or {})}
            for n, p in zip(model_names(models), models, strict=True)
        },
    }
    return _validated(Document(data, Lines()), data, Path.cwd())


def missing_files(config: Config) -> list[Problem]:
    """One problem for each file or folder that the configuration names and that cannot be read."""
    return list(files.missing(config))


@cache
def _schema() -> dict[str, Any]:
    from edge_daemon.config.descriptions import described

    return described(Config.model_json_schema())


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the YAML, for completion and checks in editors."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "edge-daemon configuration"}
    free = {"patternProperties": {f"^{FREE}": {"description": "Ignored: a place for YAML anchors to share."}}}
    return {**head, **free, **{key: value for key, value in _schema().items() if key != "title"}}


def _read(path: Path) -> str:
    if advice := mistaken.sentence(path):
        raise ConfigError(advice)
    try:
        disk.must_answer(path)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except StartError as error:
        raise ConfigError(str(error)) from None
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file{near(path)}") from None
    except IsADirectoryError:
        raise ConfigError(
            f"{path}: is a folder; name the YAML file in it. Run a model on a folder of pictures: "
            f"edge-daemon run --source {path} --model MODEL"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read: {str(reason).lower()}") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: is too large for a configuration ({MAX_BYTES / 1e6:g} MB at most)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text; save it as UTF-8") from None


def _config(document: Document, folder: Path) -> Config:
    data = document.data
    if not isinstance(data, dict):
        if not document.problems:
            text = "is empty" if data is None else f"must be a mapping of keys to values{got(data)}"
            document.blame((), f"{text}; it needs cameras: and models:")
        raise _error(document)
    document.data = data = {key: value for key, value in data.items() if not key.startswith(FREE)}
    return _validated(document, secrets.fill(document, data), folder)


def _validated(document: Document, filled: dict[str, object], folder: Path) -> Config:
    """The configuration in `filled`, the document's data with secrets filled in; errors quote the unfilled data."""
    try:
        config = Config.model_validate(filled, context={"folder": folder})
    except ValidationError as error:
        config = None
        for found in error.errors(include_url=False, include_input=False):
            path, value = _place(document.data, found["loc"], found["type"])
            if not any(path[:length] in document.void for length in range(len(path) + 1)):
                document.blame(path, explain(found["type"], found.get("ctx", {}), path, value, _schema()))
    blamed = {(problem.key, problem.line) for problem in document.problems}
    problems = [(path, text + got(_value_at(document.data, path), words)) for path, text, words in faults(filled)]
    problems += [(path, text) for path, text, _ in plain_secrets(_as_mapping(document.data))]
    for path, text in problems:
        problem = document.lines.problem(path, text)
        if (problem.key, problem.line) not in blamed:
            document.problems.append(problem)
    if config is None or document.problems:
        raise _error(document)
    config._lines = document.lines
    config._origin = Origin(_as_mapping(document.data), utc(time.time_ns()))
    return config


def _as_mapping(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _place(data: object, loc: KeyPath, kind: str) -> tuple[KeyPath, object]:
    """The path of pydantic's error and the value written there; for an invalid name, the name itself."""
    if kind == "value_error" and loc[-1] == "[key]":
        return loc[:-1], loc[-2]
    return loc, _value_at(data, loc)


def _value_at(data: object, path: KeyPath) -> object:
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            data = data[step]
    return data


def _error(document: Document) -> ConfigError:
    problems = sorted(document.problems, key=lambda problem: (problem.line or 0, problem.column or 0))
    error = ConfigError("\n".join(str(problem) for problem in problems))
    error.problems = problems
    return error
