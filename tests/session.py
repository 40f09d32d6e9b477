"""Replays a recorded session in a terminal: commands, what they print, and their exit codes.

`$ COMMAND` runs to its end, `& COMMAND` goes on until `stop`. The lines after it have to be in what it prints, in this
order; `? CODE` is its exit code if that is not 0. `#` begins a comment.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import eventually

COMMAND_S = 90.0
STOP_S = 20.0


@dataclass
class Step:
    """One command, or `stop` (empty)."""

    command: str
    goes_on: bool = False
    prints: list[str] = field(default_factory=list)
    code: int = 0


def parsed(text: str) -> list[Step]:
    """The steps of a session."""
    steps: list[Step] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith(("$ ", "& ")):
            steps.append(Step(line[2:], goes_on=line.startswith("&")))
        elif line == "stop":
            steps.append(Step(""))
        elif line.startswith("? "):
            steps[-1].code = int(line[2:])
        else:
            steps[-1].prints.append(line)
    return steps


class Session:
    """A terminal in `folder`; `times` are the seconds that each command took. What fails prints the daemon's log."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder, self._log = folder, folder / "log"
        self._variables = {**variables, "PWD": str(folder)}
        self._env = os.environ | {"COLUMNS": "200", "TMPDIR": str(folder), **variables}
        self._running: subprocess.Popen[bytes] | None = None
        self.times: list[tuple[float, str]] = []

    def replay(self, steps: list[Step]) -> None:
        """Replay all steps; the first that differs fails."""
        try:
            for step in steps:
                began = time.monotonic()
                self._replay(step)
                self.times.append((time.monotonic() - began, step.command or "stop"))
        except BaseException:
            print(self._log.read_text() if self._log.exists() else "")
            raise
        finally:
            if self._running and self._running.poll() is None:
                self._running.kill()
                self._running.wait()

    def _replay(self, step: Step) -> None:
        if not step.command:
            assert self._running
            self._running.send_signal(signal.SIGTERM)
            assert self._running.wait(STOP_S) == step.code
        elif step.goes_on:
            with self._log.open("wb") as log:
                command = ["bash", "-c", f"exec {step.command}"]
                self._running = subprocess.Popen(command, cwd=self._folder, env=self._env, stdout=log, stderr=log)
            try:
                eventually(lambda: not self._missing(step, self._log.read_text()), COMMAND_S)
            except AssertionError as error:
                lacking = self._missing(step, self._log.read_text())
                raise AssertionError(f"$ {step.command}: no {lacking!r}") from error
        else:
            done = subprocess.run(
                ["bash", "-c", step.command],
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=COMMAND_S,
                check=False,
            )
            assert done.returncode == step.code, f"$ {step.command}\n{done.stdout}"
            assert not (missing := self._missing(step, done.stdout)), f"$ {step.command}\n{done.stdout}\nno {missing!r}"

    def _missing(self, step: Step, printed: str) -> str:
        """The first expected text that is not there, in order."""
        at = 0
        for text in step.prints:
            for name, value in self._variables.items():
                text = text.replace(f"${name}", value)
            at = printed.find(text, at)
            if at < 0:
                return text
        return ""
