"""A process of a kind that only tests know: its state is a word, which a reload can change."""

import select
import time
from pathlib import Path

import msgspec

from edge_daemon.messages.status import ProcessReport
from edge_daemon.runtime.control import Control, Reconfigure

POLL_MS = 100


class EchoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The word, which is refused if it is `no`; and the file that the process appends its name to when it stops."""

    name: str
    word: str
    file: str
    lingers: bool = False


class EchoReport(ProcessReport, frozen=True, kw_only=True):
    """The number of words so far."""

    words: int = 0


def serve(control: Control) -> None:
    """Report the word until stopped. One that lingers closes its channel at once, and does not end by itself."""
    settings, words = control.settings(EchoSettings), 1
    control.ready()
    if settings.lingers:
        control.close()
        time.sleep(600)
    poller = select.poll()
    poller.register(control, select.POLLIN)
    while not control.stopping:
        control.heartbeat(settings.word, EchoReport(words=words))
        poller.poll(POLL_MS)
        for command in control.commands():
            if isinstance(command, Reconfigure):
                new = control.new_settings(command, EchoSettings)
                if new.word != "no":
                    settings, words = new, words + 1
                control.reconfigured("" if new.word != "no" else "no is no word")
    with Path(settings.file).open("a") as file:
        file.write(f"{settings.name}\n")
