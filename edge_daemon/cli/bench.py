"""`edge-daemon bench`: how many cameras this machine can run a model on, and the best arrangement of workers."""

import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from edge_daemon.bench.clip import write_clip
from edge_daemon.bench.distance import Asked, Figures
from edge_daemon.bench.machine import Arrangement, Machine
from edge_daemon.bench.survey import survey
from edge_daemon.bench.trial import attempt
from edge_daemon.config.edit import as_lines
from edge_daemon.config.load import adhoc, load
from edge_daemon.config.problems import KeyPath, unknown
from edge_daemon.config.rewrite import rewrite
from edge_daemon.config.schema import Config
from edge_daemon.config.sources import kind_of, path_of
from edge_daemon.config.yaml import parse
from edge_daemon.errors import ConfigError
from edge_daemon.runtime.isolated import call
from edge_daemon.settings import ModelSettings
from edge_daemon.supervisor.kinds.worker import model_settings
from edge_daemon.supervisor.model_files import with_local_models

RATES = (1.0, 5.0, 10.0)
REMOTE_S = 300.0
"""Longest time to measure a server."""


def bench(
    model: str | None,
    source: str | None,
    fps: float | None,
    write: Path | None,
    seconds: float,
    cache: Path | None,
    *,
    as_json: bool,
) -> None:
    """Measure, print the results, and write the best arrangement into the file `write`.

    Raises:
        EdgeError: the model, the video or the file cannot be used.
    """
    config = load(write) if write else adhoc([source or "scene:"], [model or "builtin:person"])
    name = _chosen(config, model if write else None)
    local = with_local_models(config, cache)
    if source and kind_of(source) != "file":
        raise ConfigError(f"--source {source}: must be a video file; cameras cannot be read faster than they deliver")
    with tempfile.TemporaryDirectory(prefix="edge-daemon-") as folder:
        video = str(path_of(source).absolute() if source else write_clip(Path(folder) / "street.mp4"))
        if local.models[name].url:
            _bench_remote(video, model_settings(local, name), _written(write, local, name), seconds, as_json=as_json)
            return
        machine = survey(video, model_settings(local, name), _written(write, local, name), seconds, _report)
    best = machine.best(fps or machine.camera_fps)
    print(json.dumps(_facts(machine, best), indent=2) if as_json else "\n".join(_lines_of(machine, best, fps, name)))
    if write:
        changes = _changes(config, name, best)
        rewrite(write, changes)
        print(f"{write}: {as_lines(changes) or 'unchanged'}", file=sys.stderr)


def _bench_remote(
    video: str, settings: ModelSettings, written: dict[str, Any], seconds: float, *, as_json: bool
) -> None:
    """Measure a model on a server, and the daemon with it, and print the results.

    Raises:
        EdgeError: the server does not answer, or its model cannot be used.
    """
    assert settings.remote
    _report(f"the server {settings.remote.urls[0]}")
    figures = call("edge_daemon.bench.remote", Asked(settings, seconds), Figures, REMOTE_S)
    _report("the daemon on a file")
    fps = attempt({"c": {"source": video}}, written, "auto", 2 * seconds).fps
    if as_json:
        print(json.dumps({**msgspec.to_builtins(figures), "daemon_fps": fps}, indent=2))
        return
    best, most = figures.best, max(figures.rates.values())
    print(
        f"{figures.server}: {figures.single_ms:.1f} ms for one request at a time, {figures.away_ms:.1f} ms of them not "
        f"the model's (network, protocol; {figures.sent_bytes / 1e6:.1f} MB each; a small request takes "
        f"{figures.round_trip_ms:.1f} ms)"
    )
    rates = ", ".join(f"{number} in flight {rate:.1f}/s" for number, rate in figures.rates.items())
    print(f"inferences: {rates}; {best} in flight {'is' if best == 1 else 'are'} enough")
    print(f"this machine: {figures.here_ms:.1f} ms of CPU for each frame, to prepare it and to read the outputs")
    print(f"the daemon: {fps:.1f} frames a second, {fps / most:.0%} of what the server gives")
    for rate in RATES:
        print(f"the server is enough for {int(0.95 * fps / rate)} cameras at {rate:g} fps each")


def _chosen(config: Config, name: str | None) -> str:
    """The name of the model to measure."""
    if name is None and len(config.models) > 1:
        raise ConfigError(f"name the model to measure: {', '.join(config.models)}")
    name = name or next(iter(config.models))
    if name not in config.models:
        raise ConfigError(unknown("model", name, config.models))
    if config.models[name].after:
        raise ConfigError(f"{name} runs on the detections of {config.models[name].after}: measure that model")
    return name


def _written(file: Path | None, local: Config, name: str) -> dict[str, Any]:
    """The model as written in the file, with absolute paths."""
    data: Any = parse(file.read_text("utf-8-sig"), str(file)).data if file else {"models": {name: {}}}
    model = local.models[name]
    keys = {key: value for key, value in data["models"][name].items() if key != "sha256"}
    keys |= {"url": model.url} if model.url else {"path": model.path}
    if model.labels:
        keys["labels"] = model.labels
    if model.input.size:
        keys["input"] = {**(keys.get("input") or {}), "size": "{}x{}".format(*model.input.size)}
    return keys


def _changes(config: Config, name: str, best: Arrangement) -> dict[KeyPath, int | str]:
    """Values of the configuration that differ from the best arrangement."""
    model = config.models[name]
    now = model.workers, model.threads, config.frames.codec
    keys = ("models", name, "workers"), ("models", name, "threads"), ("frames", "codec")
    then = dataclasses.astuple(best)
    return {key: new for key, old, new in zip(keys, now, then, strict=True) if old != new}


def _facts(machine: Machine, best: Arrangement) -> dict[str, Any]:
    return {
        **dataclasses.asdict(machine),
        "choices": [
            {**dataclasses.asdict(choice), "fps": machine.lossless_fps(choice)} for choice in machine.choices()
        ],
        "best": dataclasses.asdict(best),
        "cameras": {f"{rate:g}": int(machine.cameras(best, rate)) for rate in _rates(machine)},
    }


def _lines_of(machine: Machine, best: Arrangement, fps: float | None, name: str) -> Iterator[str]:
    """The measurements and conclusions as lines of text."""
    model_ms, other_ms = machine.speed(best.workers, best.threads).cpu_ms, machine.transports[best.codec].cpu_ms
    yield (
        f"core time per frame: decode {machine.decode_ms:.1f} ms, convert {machine.convert_ms:.1f} ms, {name} "
        f"{model_ms:.1f} ms, everything else {other_ms:.1f} ms ({machine.cores:g} cores)"
    )
    yield f"{'workers':>7} {'threads':>8}  {'codec':6} {'frames a second':>15} {'ms in the model':>16}"
    for choice in machine.choices():
        yield (
            f"{choice.workers:7} {choice.threads:8}  {choice.codec:6} {machine.lossless_fps(choice):15.1f} "
            f"{machine.speed(choice.workers, choice.threads).service_ms:16.1f}{'  best' if choice == best else ''}"
        )
    for rate in [fps] if fps else _rates(machine):
        count = int(machine.cameras(best, rate))
        cameras, rate = f"{count} camera{'s' * (count != 1)}", min(rate, machine.camera_fps)
        yield f"this machine can run {name} on up to {cameras} at {rate:g} fps each"
    if machine.cameras(best, fps or machine.camera_fps) < 1:
        yield f"of one camera, it can process {machine.live_fps(best, 1):.1f} of {machine.camera_fps:g} frames a second"
    yield "to use the best arrangement, write:"
    chosen = {"workers": best.workers, "threads": best.threads}
    config = {"models": {name: chosen}, "frames": {"codec": best.codec}}
    yield yaml.safe_dump(config, sort_keys=False).rstrip()


def _rates(machine: Machine) -> list[float]:
    """Common frame rates up to that of the video."""
    return [*(rate for rate in RATES if rate < machine.camera_fps), machine.camera_fps]


def _report(what: str) -> None:
    print(f"measuring {what}", file=sys.stderr)
