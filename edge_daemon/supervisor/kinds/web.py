"""The web."""

from collections.abc import Iterable, Iterator

import msgspec

from edge_daemon.settings import TokenSettings, WebSettings
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run


class Web(Kind[WebSettings]):
    """Serves the page and HTTP requests. Its libraries are large, and no other process needs them."""

    role = "web"
    preloaded = False
    grace_s = 4.0
    asks = True
    reconfigured = "later"
    leaves_early = True

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """One if the page is enabled; a busy address does not stop the cameras."""
        web = run.config.web
        if run.published is None:
            return
        settings = WebSettings(
            listen=web.listen,
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
            hosts=web.hosts or [],
            prefix=web.prefix,
            certificate=web.certificate,
            key=web.key,
            audit=str(run.state) if run.state else None,
        )
        yield ProcessSpec(kind=self, name=self.role, settings=settings, awaited=False)

    def restart_key(self, settings: WebSettings) -> object:
        """All but the cameras and models."""
        return msgspec.structs.replace(settings, cameras=[], models=[])

    def topics(self, spec: ProcessSpec, settings: WebSettings) -> Iterable[tuple[str, object]]:
        """The web, except for cameras and models, which have topics of their own."""
        yield "the web", self.restart_key(settings)
