"""What a disk has after a power cut: the writes and syncs of a program, recorded with strace, made again on a disk that
forgets all that was not synced.

A file has what it had at its last sync, and a folder the names that it had at its own: the least that POSIX promises.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

CALLS = (
    "openat,close,write,pwrite64,lseek,ftruncate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir"
)
_LINE = re.compile(r"(\w+)\((.*)\)\s+= (\d+)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Call(NamedTuple):
    """A system call that worked: its name, its arguments, the strings among them, and its result."""

    name: str
    args: Sequence[str]
    strings: Sequence[bytes]
    result: int


def trace(command: Sequence[str], output: Path) -> Iterator[Call]:
    """Run a program of one thread; yield what it did to files.

    Raises:
        OSError: there is no strace, or it may not trace.
        subprocess.CalledProcessError: the program failed.
    """
    tracing = ["strace", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", str(output), *command]
    subprocess.run(tracing, check=True, stdout=subprocess.DEVNULL)
    with output.open() as lines:
        for line in lines:
            if found := _LINE.match(line):
                name, args, result = found.groups()
                strings = [bytes.fromhex(one.replace("\\x", "")) for one in _STRING.findall(args)]
                yield Call(name, _STRING.sub("", args).split(", "), strings, int(result))


def can_trace() -> bool:
    """True if programs can be traced here."""
    command = ["strace", "-e", "trace=none", "true"]
    return bool(shutil.which("strace")) and not subprocess.run(command, capture_output=True, check=False).returncode


class File:
    """A file as programs see it (`now`), and as the disk has it (`safe`)."""

    def __init__(self) -> None:
        self.now, self.safe = bytearray(), b""

    def sync(self) -> None:
        self.safe = bytes(self.now)


class Folder:
    """The same of a folder: its names."""

    def __init__(self) -> None:
        self.now: dict[str, File | Folder] = {}
        self.safe: dict[str, File | Folder] = {}

    def sync(self) -> None:
        self.safe = dict(self.now)


class _Open:
    def __init__(self, node: File | Folder, flags: str) -> None:
        self.node, self.appends, self.at = node, "O_APPEND" in flags, 0


class Disk:
    """The disk below the folder `root`, empty at first. With `syncs` false, syncs do nothing."""

    def __init__(self, root: Path, *, syncs: bool = True) -> None:
        self.root, self._top, self._syncs = root, Folder(), syncs
        self._open: dict[int, _Open] = {}

    def apply(self, call: Call) -> bool:
        """Do what a program did; true if the disk itself has something else now."""
        match call.name:
            case "openat":
                self._opened(call)
            case "close":
                self._open.pop(int(call.args[0]), None)
            case "write" | "pwrite64" | "lseek" | "ftruncate":
                if (file := self._open.get(int(call.args[0]))) and isinstance(file.node, File):
                    _change(file, file.node, call)
            case "fsync" | "fdatasync":
                file = self._open.get(int(call.args[0]))
                if file and self._syncs:
                    file.node.sync()
                    return True
            case "mkdir" | "mkdirat":
                self._link(call.strings[0], Folder())
            case "unlink" | "unlinkat" | "rmdir":
                self._unlink(call.strings[0])
            case "rename" | "renameat" | "renameat2":
                if node := self._unlink(call.strings[0]):
                    self._link(call.strings[1], node)
        return False

    def write(self, folder: Path, is_safe: Callable[[], bool] = lambda: True) -> None:
        """Write what is there after a power cut to a folder; what is not `is_safe` was written in time nevertheless."""
        _write(self._top, folder, is_safe)

    def _opened(self, call: Call) -> None:
        place = self._place(call.strings[0])
        if place is None:
            return
        folder, name = place
        node = folder.now.get(name) if name else folder
        if node is None and "O_CREAT" in call.args[2]:
            node = folder.now[name] = File()
        if isinstance(node, File) and "O_TRUNC" in call.args[2]:
            node.now.clear()
        if node:
            self._open[call.result] = _Open(node, call.args[2])

    def _link(self, path: bytes, node: File | Folder) -> None:
        if place := self._place(path):
            place[0].now[place[1]] = node

    def _unlink(self, path: bytes) -> File | Folder | None:
        place = self._place(path)
        return place[0].now.pop(place[1], None) if place else None

    def _place(self, path: bytes) -> tuple[Folder, str] | None:
        """The folder that a path is in, and the last name of the path (none for the root); None if it is elsewhere."""
        place = Path(os.fsdecode(path))
        if not place.is_relative_to(self.root):
            return None
        folder, names = self._top, place.relative_to(self.root).parts
        for name in names[:-1]:
            below = folder.now.get(name)
            if not isinstance(below, Folder):
                return None
            folder = below
        return folder, names[-1] if names else ""


def _change(file: _Open, node: File, call: Call) -> None:
    if call.name == "lseek":
        file.at = call.result
    elif call.name == "ftruncate":
        size = int(call.args[1])
        node.now[size:] = bytes(max(0, size - len(node.now)))
    else:
        at = int(call.args[3]) if call.name == "pwrite64" else len(node.now) if file.appends else file.at
        data = call.strings[0][: call.result]
        node.now.extend(bytes(max(0, at - len(node.now))))
        node.now[at : at + len(data)] = data
        if call.name == "write":
            file.at = at + len(data)


def _write(node: Folder, place: Path, is_safe: Callable[[], bool]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name, below in (node.safe if is_safe() else node.now).items():
        if isinstance(below, Folder):
            _write(below, place / name, is_safe)
        else:
            (place / name).write_bytes(below.safe if is_safe() else below.now)
