"""The generated street as a source: `scene:?seed=3&size=640x360&fps=15&frames=200`."""

from edge_daemon.capture.picture import Details, Picture, ready
from edge_daemon.demo.scene.options import SceneOptions
from edge_daemon.demo.scene.scene import Scene


class GeneratedScene:
    """Renders the street frame by frame, as it is read."""

    live = False
    lost, idle = 0, "up"

    def __init__(self, source: str) -> None:
        self._options = SceneOptions.parse(source)
        o = self._options
        self._scene = Scene(seed=o.seed, width=o.width, height=o.height, people=o.people)
        self._index = 0
        self.details = Details(fps=o.fps)
        self.about = f"{o.width}x{o.height} generated, {o.fps:g} fps"

    def read(self) -> Picture | None:
        """The next frame, with the boxes of the people in it."""
        if self._options.frames is not None and self._index >= self._options.frames:
            return None
        bgr, people = self._scene.frame(self._index, self._options.fps)
        time_s = self._index / self._options.fps
        self._index += 1
        return Picture(time_s, ready(bgr), truth=[list(person.xyxy) for person in people])

    def close(self) -> None:
        """Do nothing: no resource is open."""
