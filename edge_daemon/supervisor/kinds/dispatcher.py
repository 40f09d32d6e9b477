"""The dispatcher."""

from collections.abc import Iterator

from edge_daemon.settings import DispatcherSettings, ModelPlan
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run


class Dispatcher(Kind[DispatcherSettings]):
    """Assigns frames to workers; it has to know which of both are gone."""

    role = "dispatcher"
    grace_s = 3.0
    receives_exits = True
    reconfigured = "later"

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """The one dispatcher."""
        config = run.config
        settings = DispatcherSettings(
            bind=run.dispatcher,
            cameras=run.cameras,
            models={
                name: ModelPlan(
                    batch=1 if (model := config.models[name]).url else model.batch,
                    after=model.after,
                    classes=model.classes if model.after else None,
                    max_crops=model.max_crops,
                    requests=config.web.weight if name in run.uploads else None,
                )
                for name in run.models
            },
            epochs=str(run.state / "epochs.json") if run.state else None,
        )
        yield ProcessSpec(kind=self, name=self.role, settings=settings, about={})

    def restart_key(self, settings: DispatcherSettings) -> object:
        """Nothing: all settings can change while it runs."""
        return None

    def needs_restart(self, old: DispatcherSettings, new: DispatcherSettings) -> str:
        """A model that stays cannot follow another one than before."""
        before, after = _parents(old), _parents(new)
        moved = [model for model in sorted(before) if model in after and before[model] != after[model]]
        return f"another `after` of model {moved[0]} needs a restart" if moved else ""


def _parents(settings: DispatcherSettings) -> dict[str, str | None]:
    """The model that each model of a camera comes after, if any."""
    models = {model for camera in settings.cameras.values() for model in camera.models}
    return {model: settings.models[model].after for model in models}
