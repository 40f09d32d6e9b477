"""The recorder."""

from collections.abc import Iterator

from edge_daemon.messages.status import RecorderReport
from edge_daemon.settings import RecorderSettings
from edge_daemon.supervisor.description import described
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run


class Recorder(Kind[RecorderSettings]):
    """Owns the store. A disk that cannot be written does not stop the cameras."""

    role = "recorder"
    stores = True
    report = RecorderReport
    shows_report = True
    reconfigured = "later"

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """One if anything is stored."""
        if run.storage and run.recorder:
            settings = RecorderSettings(
                bind=run.recorder,
                storage=run.storage,
                cameras=run.recorded,
                receivers=tuple(run.config.deliver or ()),
            )
            about = {"storage": described(run.config.storage)}
            yield ProcessSpec(kind=self, name=self.role, settings=settings, awaited=False, about=about)

    def restart_key(self, settings: RecorderSettings) -> object:
        """The address and the folders; cameras, limits and receivers can change while it runs."""
        storage = settings.storage
        return settings.bind, storage.folder, storage.media
