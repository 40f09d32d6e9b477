"""Checks across keys: references lead to something that exists, and nothing is reachable without protection.

They read plain data instead of a validated configuration, so that one run reports every problem.
"""

from collections.abc import Iterator, Sequence

from edge_daemon.addresses import is_local, listens_locally
from edge_daemon.config.deliver import deliver_faults
from edge_daemon.config.problems import KeyPath, either, mask
from edge_daemon.config.rule_checks import rule_faults
from edge_daemon.config.sources import is_on_disk
from edge_daemon.zoo.paths import BUILTIN, ZOO, is_download

Fault = tuple[KeyPath, str, Sequence[str]]
"""Path of the value, error text, and the words that the value is compared with for "did you mean"."""


def faults(data: dict[str, object]) -> Iterator[Fault]:
    """All failed checks. Values of a wrong type are skipped: the schema reports them."""
    yield from _endless(data)
    yield from _unknown_models(data)
    yield from _unknown_classes(data)
    yield from _unknown_parents(data)
    yield from _unknown_downloads(data)
    yield from _unfit_sums(data)
    yield from _unfit_servers(data)
    yield from _open_addresses(data)
    yield from _open_web(data)
    yield from _unfit_recording(data)
    yield from rule_faults(data)
    yield from deliver_faults(data)


def _endless(data: dict[str, object]) -> Iterator[Fault]:
    """Sources with `loop` that have no end, or whose every frame is waited for."""
    for camera, settings in _mapping(data.get("cameras")).items():
        keys = _mapping(settings)
        source = keys.get("source")
        if keys.get("loop") is not True:
            continue
        if isinstance(source, str | int) and not is_on_disk(source):
            yield ("cameras", camera, "loop"), "is for files and folders; other sources have no end", ()
        elif keys.get("delivery") == "lossless":
            advice = "which reads a file to its end once; leave one of them out"
            yield ("cameras", camera, "loop"), f"does not go with delivery: lossless, {advice}", ()


def _unknown_models(data: dict[str, object]) -> Iterator[Fault]:
    models = _mapping(data.get("models"))
    for camera, settings in _mapping(data.get("cameras")).items():
        for i, name in enumerate(_words(_mapping(settings).get("models"))):
            if models and name is not None and name not in models:
                known = either([mask(model) for model in models])
                yield ("cameras", camera, "models", i), f"must name a model: {known}", list(models)


def _unknown_classes(data: dict[str, object]) -> Iterator[Fault]:
    for model, settings in _mapping(data.get("models")).items():
        labels = [name for name in _words(_mapping(settings).get("labels")) if name is not None]
        for i, name in enumerate(_words(_mapping(settings).get("classes"))):
            if labels and name is not None and name not in labels and not _mapping(settings).get("after"):
                yield ("models", model, "classes", i), "must be one of the model's labels", labels


def _unknown_downloads(data: dict[str, object]) -> Iterator[Fault]:
    for model, path in _model_paths(data):
        if path.startswith(ZOO) and path != ZOO:
            from edge_daemon.zoo.catalogue import Catalogue  # few configurations need the catalogue

            known = [f"{ZOO}{name}" for name in Catalogue.load().names]
            if path not in known:
                yield ("models", model, "path"), "must name a model of the catalogue (see `edge-daemon models`)", known


def _unfit_sums(data: dict[str, object]) -> Iterator[Fault]:
    for model, path in _model_paths(data):
        there = _mapping(_mapping(data.get("models"))[model]).get("sha256") is not None
        if there and path.startswith((BUILTIN, ZOO)):
            yield ("models", model, "sha256"), "is for files and https:// only", ()
        if not there and is_download(path) and not path.startswith(ZOO):
            yield ("models", model, "path"), "needs sha256: beside it, as sha256sum prints it", ()


def _unfit_servers(data: dict[str, object]) -> Iterator[Fault]:
    """Models that are neither here nor elsewhere, or both, and keys that are for servers only."""
    for model, settings in _mapping(data.get("models")).items():
        keys, own = _mapping(settings), ("models", model)
        if keys.get("url") is None:
            if keys.get("path") is None and isinstance(settings, dict | None):
                yield (*own, "path"), "is missing; for example path: yolox_nano.onnx, or url: for one on a server", ()
            for key in ("fallback", "token", "ca", "certificate", "key", "repository"):
                if keys.get(key) is not None:
                    yield (*own, "url"), f"is missing: {key} is for models on servers", ()
        elif keys.get("path") is not None:
            yield (*own, "path"), "does not go with url; fallback is the model that stands in on this machine", ()
        if (keys.get("certificate") is None) != (keys.get("key") is None):
            there = "key" if keys.get("certificate") is None else "certificate"
            yield (*own, there), "is not enough to be known by the servers, which takes certificate and key", ()


def _model_paths(data: dict[str, object]) -> Iterator[tuple[str, str]]:
    for model, settings in _mapping(data.get("models")).items():
        keys = _mapping(settings)
        if isinstance(path := keys.get("path") or keys.get("fallback"), str):
            yield model, path


def _unknown_parents(data: dict[str, object]) -> Iterator[Fault]:
    """Models whose `after` names no model, the model itself, or one that the camera does not run."""
    models = _mapping(data.get("models"))
    parents = {name: _mapping(settings).get("after") for name, settings in models.items()}
    for name, parent in parents.items():
        if not isinstance(parent, str):
            continue
        seen = {name}
        before: object = parent
        while isinstance(before, str) and before not in seen:
            seen.add(before)
            before = parents.get(before)
        if before == name:
            yield ("models", name, "after"), "must name a model that does not itself run after this one", ()
        elif parent not in parents:
            yield ("models", name, "after"), "must name another model", list(parents)
    for camera, settings in _mapping(data.get("cameras")).items():
        used = _words(_mapping(settings).get("models"))
        for i, child in enumerate(used):
            parent = parents.get(child) if child else None
            if isinstance(parent, str) and parent not in used:
                yield ("cameras", camera, "models", i), f"runs after {parent}, which must be listed too", ()


def _open_addresses(data: dict[str, object]) -> Iterator[Fault]:
    publish = _mapping(data.get("publish"))
    if (publish.get("secret_key") is None) != (publish.get("clients") is None):
        there, missing = ("clients", "secret_key") if publish.get("clients") else ("secret_key", "clients")
        advice = "the public keys of subscribers, or [any]" if missing == "clients" else "the daemon's own key"
        yield ("publish", there), f"needs {missing} beside it: {advice}", ()
    if publish.get("insecure") is True or publish.get("secret_key") is not None:
        return
    for i, address in enumerate(_words(publish.get("bind"))):
        if address is not None and address.startswith("tcp://") and not is_local(address):
            advice = "bind to 127.0.0.1, set secret_key and clients, or set insecure: true"
            yield ("publish", "bind", i), f"is open to other machines; {advice}", ()


def _open_web(data: dict[str, object]) -> Iterator[Fault]:
    web = _mapping(data.get("web"))
    for key in ("listen", "grpc"):
        listen = web.get(key)
        is_open = isinstance(listen, str) and not listens_locally(listen)
        if is_open and not web.get("tokens") and web.get("insecure") is not True:
            advice = "set tokens (`edge-daemon token` makes one), listen on 127.0.0.1, or set insecure: true"
            yield ("web", key), f"is open to other machines; {advice}", ()
    if (web.get("certificate") is None) != (web.get("key") is None):
        there = "key" if web.get("certificate") is None else "certificate"
        yield ("web", there), "is not enough for TLS, which needs certificate and key", ()


def _unfit_recording(data: dict[str, object]) -> Iterator[Fault]:
    """Recording without a store, and of cameras with areas to hide: packets cannot be masked."""
    for path in _records(data):
        storage = data.get("storage")
        if storage is False or _mapping(storage).get("enabled") is False:
            yield path, "needs the store, which `storage` turns off", ()
        for camera, settings in _mapping(data.get("cameras")).items():
            own = _mapping(settings).get("record")
            concerned = path == ("cameras", camera, "record") or (path == ("record",) and own is None)
            if concerned and _mapping(settings).get("privacy"):
                advice = "clips are kept as the camera sends them, and hide nothing"
                yield ("cameras", camera, "privacy"), f"does not go with `record`: {advice}; set record: false here", ()
    for camera, settings in _mapping(data.get("cameras")).items():
        record, path = _mapping(_mapping(settings).get("record")), ("cameras", camera, "record")
        source, main = _mapping(settings).get("source"), record.get("source")
        if record.get("crop") is not None and main is None:
            yield (*path, "crop"), "is about another stream, which `source` names", ()
        if isinstance(main, str) and not main.startswith(("rtsp://", "rtsps://", "http://", "https://")):
            yield (*path, "source"), "must be the address of a stream of the camera", ()
        elif isinstance(main, str) and isinstance(source, str | int) and is_on_disk(source):
            yield (*path, "source"), "is for cameras; a file is recorded as it is", ()


def _records(data: dict[str, object]) -> Iterator[KeyPath]:
    """The sections `record` that are on."""
    found: list[tuple[KeyPath, object]] = [(("record",), data.get("record"))]
    for camera, settings in _mapping(data.get("cameras")).items():
        found.append((("cameras", camera, "record"), _mapping(settings).get("record")))
    for path, record in found:
        if record is True or (isinstance(record, dict) and record.get("enabled") is not False):
            yield path


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> list[str | None]:
    """The items of a list, with None for those that are not text."""
    return [item if isinstance(item, str) else None for item in value] if isinstance(value, list) else []
