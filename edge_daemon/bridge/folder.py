"""A folder with copies of stills and clips, such as on a network drive: what is left when the box is gone.

`FOLDER/CAMERA/DAY/ID.json` is an event's last message, beside `ID.jpg` and `ID.mp4`. A copy that was cut off goes on
where it was.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

from edge_daemon.bridge.drive import Drive
from edge_daemon.bridge.receiver import Context, Receiver
from edge_daemon.delivery.message import TEST, Message
from edge_daemon.delivery.settings import FolderSettings
from edge_daemon.store.media import ENDINGS, Medium, path_of

CHUNK = 256 << 10
CHECKED = 64 << 10
"""Last bytes of a copy that was cut off that are compared before it goes on."""
MEDIA: tuple[Medium, ...] = ("still", "clip")


def connect(settings: FolderSettings, context: Context) -> "Folder":
    """The receiver of a bridge."""
    return Folder(settings, context)


class Folder(Receiver):
    """Copies what an event has so far; alerts go first, as far as they are known."""

    timeout_s = 24 * 3600.0

    def __init__(self, settings: FolderSettings, context: Context) -> None:
        self._settings, self._context, self._drive = settings, context, Drive()
        self._media, self._folder = Path(context.settings.storage.media), Path(settings.path)
        self._free_s = 0.0
        self.to = settings.path

    def lane_of(self, message: Message) -> str:
        """One lane for alerts, one for the others."""
        return str(self.rank(message))

    def rank(self, message: Message) -> int:
        """Alerts first."""
        return 0 if message.data.get("alert") else 1

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Write the message, and copy the files it names that are there."""
        (message,) = messages
        if message.id.startswith(TEST):
            await self._write_test(message)
            return
        camera, id = message.camera or "system", str(message.data.get("id"))
        target = path_of(self._folder, camera, id, "still").with_suffix(".json")
        await self._drive.run(self._write, target, self._context.composer.payload(message).content)
        for medium in MEDIA:
            if message.data.get(medium):
                source = path_of(self._media, camera, id, medium)
                await self._copy(source, target.with_name(f"{id}{ENDINGS[medium]}"))

    async def _write_test(self, message: Message) -> None:
        """Write a test message, which is no event, beside the folders of cameras."""
        path = self._folder / "test.json"
        await self._drive.run(self._write, path, message.body)
        if message.still:
            await self._copy(message.still, path.with_suffix(".jpg"))

    def _write(self, path: Path, content: bytes) -> None:
        """Replace a small file.

        Raises:
            OSError: it cannot be written, or the folder is not there.
        """
        if not self._folder.is_dir():
            raise FileNotFoundError(0, "the folder is not there")
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(content)
        new.replace(path)

    async def _copy(self, source: Path, target: Path) -> None:
        """Copy a file, unless it is there or was removed here."""
        part = target.with_name(f".{target.name}.part")
        done = await self._drive.run(_begin, source, target, part)
        while done is not None:
            await asyncio.sleep(self._free_s - time.monotonic())
            copied = await self._drive.run(_copy_on, source, part, done)
            if self._settings.rate:
                self._free_s = max(self._free_s, time.monotonic()) + copied / self._settings.rate
            if not copied:
                await self._drive.run(_finish, target, part)
                return
            done += copied


def _begin(source: Path, target: Path, part: Path) -> int | None:
    """The length of what a copy has already; None if there is nothing to copy.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        wanted = source.stat()
    except FileNotFoundError:
        return None
    if target.exists() and target.stat().st_size == wanted.st_size:
        return None
    if not part.exists():
        return 0
    length = min(part.stat().st_size, wanted.st_size)
    with source.open("rb") as ours, part.open("r+b") as theirs:
        start = max(0, length - CHECKED)
        ours.seek(start)
        theirs.seek(start)
        is_same = ours.read(length - start) == theirs.read(length - start)
        theirs.truncate(length if is_same else 0)
    return length if is_same else 0


def _copy_on(source: Path, part: Path, done: int) -> int:
    """Copy the next bytes after those that are done; 0 if there are none.

    Raises:
        OSError: a file cannot be read or written.
    """
    with source.open("rb") as ours, part.open("r+b" if done else "wb") as theirs:
        ours.seek(done)
        theirs.seek(done)
        return theirs.write(ours.read(CHUNK))


def _finish(target: Path, part: Path) -> None:
    """Put a whole copy in its place.

    Raises:
        OSError: that failed.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
