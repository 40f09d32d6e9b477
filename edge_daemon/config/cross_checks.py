"""What no key can say on its own: that names lead somewhere, and that nothing is open to others unasked.

The rules look at plain data, not at a validated configuration, so that all that is wrong is said at once.
"""

from collections.abc import Iterator, Sequence

from edge_daemon.addresses import is_local, listens_locally
from edge_daemon.config.problems import KeyPath, either, mask
from edge_daemon.zoo.paths import BUILTIN, ZOO, is_download

Fault = tuple[KeyPath, str, Sequence[str]]
"""Where, what is wrong, and the words that may have been meant."""


def faults(data: dict[str, object]) -> Iterator[Fault]:
    """Each broken rule. What is of a wrong type is passed over: others say so."""
    yield from _unknown_models(data)
    yield from _unknown_classes(data)
    yield from _unknown_parents(data)
    yield from _unknown_downloads(data)
    yield from _unfit_sums(data)
    yield from _open_addresses(data)
    yield from _open_web(data)


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
                yield ("models", model, "path"), "must name a model of the catalogue, see `edge-daemon models`", known


def _unfit_sums(data: dict[str, object]) -> Iterator[Fault]:
    for model, path in _model_paths(data):
        there = _mapping(_mapping(data.get("models"))[model]).get("sha256") is not None
        if there and path.startswith((BUILTIN, ZOO)):
            yield ("models", model, "sha256"), "belongs to a file or https://; zoo: and builtin: know theirs", ()
        if not there and is_download(path) and not path.startswith(ZOO):
            yield ("models", model, "path"), "needs sha256: beside it, which sha256sum prints for the right file", ()


def _model_paths(data: dict[str, object]) -> Iterator[tuple[str, str]]:
    for model, settings in _mapping(data.get("models")).items():
        if isinstance(path := _mapping(settings).get("path"), str):
            yield model, path


def _unknown_parents(data: dict[str, object]) -> Iterator[Fault]:
    """Models that come after none, after themselves, or after one that their camera does not use."""
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
            yield ("models", name, "after"), "must name a model that does not come after this one", ()
        elif parent not in parents:
            yield ("models", name, "after"), "must name another model", list(parents)
    for camera, settings in _mapping(data.get("cameras")).items():
        used = _words(_mapping(settings).get("models"))
        for i, child in enumerate(used):
            parent = parents.get(child) if child else None
            if isinstance(parent, str) and parent not in used:
                yield ("cameras", camera, "models", i), f"comes after {parent}, which has to be listed too", ()


def _open_addresses(data: dict[str, object]) -> Iterator[Fault]:
    publish = _mapping(data.get("publish"))
    if (publish.get("secret_key") is None) != (publish.get("clients") is None):
        there, missing = ("clients", "secret_key") if publish.get("clients") else ("secret_key", "clients")
        advice = "the public keys of those who may subscribe, or [any]" if missing == "clients" else "this daemon's own"
        yield ("publish", there), f"wants {missing} beside it: {advice}", ()
    if publish.get("insecure") is True or publish.get("secret_key") is not None:
        return
    for i, address in enumerate(_words(publish.get("bind"))):
        if address is not None and address.startswith("tcp://") and not is_local(address):
            advice = "bind to 127.0.0.1, give it a secret_key and clients, or write insecure: true beside it"
            yield ("publish", "bind", i), f"is open to other machines; {advice}", ()


def _open_web(data: dict[str, object]) -> Iterator[Fault]:
    web = _mapping(data.get("web"))
    listen = web.get("listen")
    if (
        isinstance(listen, str)
        and not listens_locally(listen)
        and not web.get("tokens")
        and web.get("insecure") is not True
    ):
        advice = "give it tokens (edge-daemon token makes one), listen on 127.0.0.1, or write insecure: true beside it"
        yield ("web", "listen"), f"is open to other machines; {advice}", ()
    if (web.get("certificate") is None) != (web.get("key") is None):
        there = "key" if web.get("certificate") is None else "certificate"
        yield ("web", there), "is of no use alone: TLS takes certificate and key", ()


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> list[str | None]:
    """The texts of a list, None for what is none."""
    return [item if isinstance(item, str) else None for item in value] if isinstance(value, list) else []
