"""The web."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from edge_daemon.config import shown
from edge_daemon.config.assignment import zones_of
from edge_daemon.config.schema import Config
from edge_daemon.config.schema import Web as WebSection
from edge_daemon.settings import CameraPlaces, ConfigSettings, RuleFacts, TokenSettings, WebSettings
from edge_daemon.supervisor.description import Entry, described
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run
from edge_daemon.supervisor.kinds.stamp import stamp


class Web(Kind[WebSettings]):
    """Serves the page and HTTP requests. Its libraries are large, and no other process needs them."""

    role = "web"
    preloaded = False
    grace_s = 4.0
    asks = True
    reconfigured = "later"
    leaves_early = True

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """One if the page is enabled; a busy address does not stop the cameras.

        Raises:
            StartError: the certificate cannot be used.
        """
        web = run.config.web
        if run.published is None:
            return
        settings = WebSettings(
            listen=web.listen,
            grpc=web.grpc,
            dispatcher=run.dispatcher,
            published=run.published,
            replies=run.address("answers"),
            cameras=list(run.config.cameras),
            models=run.uploads,
            quality=run.config.frames.quality,
            max_bytes=web.max_bytes,
            max_pixels=web.max_pixels,
            max_waiting=web.max_waiting,
            timeout_s=web.timeout,
            tokens={name: TokenSettings(token=of.token, role=of.role) for name, of in (web.tokens or {}).items()},
            hosts=_hosts(web),
            origins=web.origins or [],
            prefix=web.prefix,
            proxies=web.proxies or [],
            certificate=web.certificate,
            key=web.key,
            stamp=stamp(web.certificate, web.key),
            state=str(run.state) if run.state else None,
            folder=str(run.folder),
            storage=run.storage,
            config=ConfigSettings(
                file=run.config.lines.file, read_at=run.config.origin.read_at, yaml=shown.as_yaml(run.config)
            ),
        )
        settings = msgspec.structs.replace(
            settings, rules=_rules(run), modes=run.config.modes or [], places=_places(run.config)
        )
        if web.certificate and web.key:
            _check(web.certificate, web.key)
        about = described(web)
        if isinstance(certificate := about.get("certificate"), Entry):
            about["certificate"] = Entry((certificate.value, settings.stamp), certificate.text)
        yield ProcessSpec(kind=self, name=self.role, settings=settings, awaited=False, about={"web": about})

    def restart_key(self, settings: WebSettings) -> object:
        """All but what it shows: the cameras, models, rules and places, the content of the certificate, and the
        configuration.
        """
        return msgspec.structs.replace(
            settings, cameras=[], models=[], stamp="", config=ConfigSettings(), rules={}, modes=[], places={}
        )


def _hosts(web: WebSection) -> list[str]:
    """The host names of this service: those that are named, and the one in its address."""
    own = urlsplit(web.url).hostname if web.url else None
    return [*(web.hosts or []), *([own] if own else [])]


def _rules(run: Run) -> dict[str, RuleFacts]:
    """The rules that are evaluated, by name."""
    found: dict[str, RuleFacts] = {}
    for (camera, _), analysis in run.analyses.items():
        for name, rule in analysis.rules.rules.items():
            cameras = found[name].cameras if name in found else []
            found[name] = RuleFacts(cameras=list(dict.fromkeys([*cameras, camera])), alert=not rule.quiet)
    return found


def _places(config: Config) -> dict[str, CameraPlaces]:
    """Zones, lines and areas of each camera that has any."""
    found = {}
    for name, camera in config.cameras.items():
        zones = zones_of(camera)
        places = CameraPlaces(zones=zones.zones, lines=zones.lines, ignore=zones.ignore, privacy=camera.privacy or [])
        if places != CameraPlaces():
            found[name] = places
    return found


def _check(certificate: str, key: str) -> None:
    """Check that a certificate can be used, before a reload changes anything.

    Raises:
        StartError: it cannot.
    """
    from edge_daemon.transport.tls import server_context  # few configurations need TLS

    server_context(certificate, key)
