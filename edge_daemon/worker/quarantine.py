"""Pictures that a model fails on, or that its workers die of, kept on disk to be looked at and replayed."""

import logging
import time
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError, PictureError
from edge_daemon.imaging.codecs import decode_bgr, encode_bgr
from edge_daemon.imaging.yuv import Yuv
from edge_daemon.messages.fates import Failure
from edge_daemon.messages.frames import Frame, Header
from edge_daemon.messages.published import utc
from edge_daemon.settings import Codec, ModelSettings

logger = logging.getLogger(__name__)
KEPT = 100
"""Pictures kept on disk, the newest; also the burst allowed before one per `EVERY_S`."""
EVERY_S = 60.0
REASONS: tuple[Failure, ...] = ("model-error", "poison")


class QuarantinedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """Written beside the picture: its header as the worker got it, with `codec` that of the file."""

    v: int = 1
    at: str
    reason: Failure
    error: str
    worker: str
    model: ModelSettings
    frame: Header
    picture: str


class Quarantine:
    """A folder of pictures, each with a JSON file of the same name that describes it."""

    def __init__(self, folder: Path, worker: str, model: ModelSettings) -> None:
        self._folder, self._worker, self._model = folder, worker, model
        self._allowed, self._counted_at = float(KEPT), time.monotonic()

    def put(self, frame: Header, payload: memoryview, reason: Failure, error: str) -> None:
        """Keep a picture. A failure is logged."""
        if not self._is_allowed():
            return
        title = f"{frame.camera}-{frame.epoch}-{frame.seq}" if isinstance(frame, Frame) else f"upload-{frame.number}"
        name = f"{title}-{self._model.name}"
        try:
            codec, data = _lasting(frame, payload)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            picture = self._folder / f"{name}.{codec}"
            picture.write_bytes(data)
            about = QuarantinedFrame(
                at=utc(time.time_ns()),
                reason=reason,
                error=error,
                worker=self._worker,
                model=self._model,
                frame=msgspec.structs.replace(frame, codec=codec, yuv=None, deaths=0),
                picture=picture.name,
            )
            written = self._folder / f"{name}.json"
            written.write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=2))
            self._prune()
        except (OSError, PictureError) as failure:
            logger.warning("%s cannot be set aside: %s", frame.title, failure)
        else:
            logger.warning("set aside: edge-daemon replay %s", written, extra={"camera": frame.camera})

    def _is_allowed(self) -> bool:
        """Take a token if there is one: a model that fails on every frame must not write without limit."""
        now = time.monotonic()
        self._allowed = min(float(KEPT), self._allowed + (now - self._counted_at) / EVERY_S)
        self._counted_at = now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True

    def _prune(self) -> None:
        by_age = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for old in by_age[:-KEPT]:
            for picture in self._folder.glob(f"{old.stem}.*"):
                picture.unlink(missing_ok=True)


def read(path: Path) -> tuple[QuarantinedFrame, bytes]:
    """Read a picture that was set aside, and its description, by the path of either file.

    Raises:
        EdgeError: there is none, or it is damaged.
    """
    try:
        about = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=QuarantinedFrame)
        return about, (path.parent / Path(about.picture).name).read_bytes()
    except FileNotFoundError as error:
        why = "its JSON file is not beside it" if path.exists() else "there is no such file"
        raise EdgeError(f"{path} is no frame that was set aside: {why}") from error
    except OSError as error:
        raise EdgeError(f"cannot read {error.filename}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EdgeError(f"{path.with_suffix('.json')} is no frame that was set aside: {error}") from error


def _lasting(frame: Header, payload: memoryview) -> tuple[Codec, bytes | memoryview]:
    """The picture as a file: as it arrived, or raw pixels as PNG."""
    if frame.codec != "raw":
        return frame.codec, payload
    if frame.yuv:
        bgr = Yuv.of(payload, frame.width, frame.height, frame.yuv).bgr()
    else:
        width, height = frame.scaled or (frame.width, frame.height)
        bgr = decode_bgr(payload, "raw", width, height)
    return "png", encode_bgr(bgr, "png")
