"""The sink."""

from collections.abc import Iterator

from edge_daemon.config.schema import Config
from edge_daemon.messages.status import SinkReport
from edge_daemon.settings import SinkSettings
from edge_daemon.supervisor.description import Description, Entry, described
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run
from edge_daemon.transport.curve import ANY, public_key, secret_key


class Sink(Kind[SinkSettings]):
    """Orders, counts and publishes results; its counts are those that the supervisor shows."""

    role = "sink"
    stores = True
    report = SinkReport
    receives_processes = True
    reconfigured = "first"  # its new addresses may be in use

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """The one sink."""
        publish = run.config.publish
        settings = SinkSettings(
            bind=run.sink,
            pictures=run.pictures,
            dispatcher=run.dispatcher,
            publish=publish.bind,
            cameras=run.cameras,
            wait_for=publish.wait_for if run.is_finite else 0,
            quality=run.config.frames.quality,
            results=run.results,
            replaced=str(run.folder / "results-replaced") if run.results and run.replaces_results else None,
            events=run.events,
            analyses=list(run.analyses.values()),
            modes=run.config.modes or [],
            state=str(run.state) if run.state else None,
            memory=str(run.state / "analytics") if run.state and run.analyses else None,
            recorder=run.recorder,
            save=run.save,
            checkpoint=str(run.folder / "sink-checkpoint"),
            secret_key=secret_key(publish.secret_key) if publish.secret_key else None,
            local=run.published,
            bridges=list(run.live_bridges.values()),
            clients=[client if client == ANY else public_key(client) for client in publish.clients or []],
        )
        yield ProcessSpec(kind=self, name=self.role, settings=settings, about=_about(run.config, settings))

    def restart_key(self, settings: SinkSettings) -> object:
        """Nothing: all settings can change while it runs, or are refused by it."""
        return None


def _about(config: Config, settings: SinkSettings) -> Description:
    """Publishing, with the keys in the files of clients, and what concerns all processes."""
    publish = described(config.publish)
    if isinstance(clients := publish.get("clients"), Entry):
        publish["clients"] = Entry(settings.clients, clients.text)
    return {"publish": publish, "frames": described(config.frames), "log": described(config.log)}
