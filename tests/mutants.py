"""Breaks the cores on purpose, one line at a time, and asks whether the tests notice.

    python -m tests.mutants [NUMBER OF THE FIRST]

Each mutant is a copy of the package with one change; it is killed when the cores' tests fail on it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = (
    "stream",
    "announcements",
    "clock",
    "moment",
    "packets",
    "clip",
    "dispatcher",
    "rota",
    "fairness",
    "ledger",
    "desk",
    "memory",
    "receipts",
    "promises",
    "pool",
    "epoch_file",
    "audit_log",
    "request_router",
    "web_access",
)
MUTANTS = [
    ("dispatcher/stream.py", "if self.live and self._waiting:", "if self._waiting:"),
    ("dispatcher/stream.py", "> self._max_age_ns", "< self._max_age_ns"),
    ("dispatcher/stream.py", "before = before + Counter(replaced=1) + newer.before", "before = before + newer.before"),
    ("dispatcher/stream.py", "told.served |= told.worker == worker", "told.served = True"),
    ("dispatcher/stream.py", 'return [self._lost(told, "worker-lost")]', "return []"),
    ("dispatcher/stream.py", "told.frame.deaths += 1", "told.frame.deaths += 0"),
    ("dispatcher/stream.py", "replaced = min(replaced, frames - still)", "replaced = 0"),
    ("dispatcher/seat.py", "if at else self.given[self.batch :]", "if False else self.given[self.batch :]"),
    ("dispatcher/rota.py", "near = due + self._shortest", "near = due + 9 * self._shortest"),
    ("capture/announcements.py", 'counts["replaced"] = len(frames) - 1', 'counts["replaced"] = 0'),
    (
        "capture/announcements.py",
        "self._unrequested = 0 if self._live else",
        "self._unrequested = 1 if self._live else",
    ),
    ("capture/clock.py", "or delay_s <= self.at(now_s)", ""),
    ("capture/clock.py", "self._least_s + DRIFT * (now_s - self._now_s)", "self._least_s"),
    ("capture/clock.py", "back=last_s is not None and stamp_s < last_s - STEP_S", "back=False"),
    ("capture/clock.py", "stepped = back or delay_s < least_s - STEP_S", "stepped = back"),
    ("capture/clock.py", "self._wrap_s * round((last_s - stamp_s) / self._wrap_s)", "0"),
    ("capture/clock.py", "max(self._newest_s, time_s)", "time_s"),
    ("capture/clock.py", "now_s - self._late_since_s >= self._patience_s", "False"),
    ("capture/clock.py", "believed = not stepped and stamp_s != last_s", "believed = not stepped"),
    ("capture/clock.py", "len(self._steps) == STEPS and", "False and"),
    ("capture/moment.py", "after_ns - before_ns < QUIET_NS and", ""),
    ("capture/moment.py", "captured_ns + round(delay_s * 1e9)", "captured_ns"),
    ("capture/packets.py", "self._newest_s - self._keys[1]", "self._newest_s - self._keys[0]"),
    ("capture/packets.py", "self.bytes > self._max_bytes and", "False and"),
    ("capture/packets.py", "while self._packets and not self._packets[0].key:", "if False:"),
    ("capture/clip.py", "delay = max(index", "delay = min(index"),
    ("capture/clip.py", "at = max(at + 1, ", "at = max(at, "),
    ("capture/clip.py", "end = 1 + between[-1]", "break"),
    ("capture/clip.py", "and off_s <= OFF_S", ""),
    ("dispatcher/stream.py", "and not told.served and told.seq not in in_hand:", ":"),
    ("dispatcher/stream.py", 'self._drop(frame, "shutdown")', "pass"),
    ("dispatcher/stream.py", "if told.served:\n                    messages += self._lose(told)", "pass"),
    ("dispatcher/stream.py", "key=lambda waiting: waiting.seq", "key=lambda waiting: -waiting.seq"),
    ("dispatcher/stream.py", "still = min(still, frames)", "still = 0"),
    ("dispatcher/dispatcher.py", "if not (stream.suspect and seat.given):", "if True:"),
    ("dispatcher/dispatcher.py", "seat.done(message.camera, message.epoch, message.seq, newer=stream.live)", "pass"),
    ("dispatcher/dispatcher.py", "return last, min(", "return last, max("),
    (
        "dispatcher/dispatcher.py",
        "seq = min(stream.resolved for stream in streams)",
        "seq = max(s.resolved for s in streams)",
    ),
    ("dispatcher/dispatcher.py", "if not self._sink_here:\n            return", "pass"),
    (
        "dispatcher/dispatcher.py",
        "self._tell_sink(stream.sent(message.seq, message.worker, alive=True))",
        "pass",
    ),
    ("dispatcher/dispatcher.py", "self._tell_sink(stream.sent(at.seq, worker, alive=True))", "pass"),
    ("dispatcher/dispatcher.py", "if not seat.given:", "if True:"),
    ("dispatcher/stream.py", "if self._counted <= self.announced:", "if False:"),
    ("dispatcher/stream.py", "self._counted = max(self._counted, told.seq + 1)", "pass"),
    ("dispatcher/stream.py", "self._counted = max(self.resolved, ", "max(self.resolved, "),
    ("dispatcher/dispatcher.py", "elif not stream.holds:", "else:"),
    (
        "dispatcher/dispatcher.py",
        "known = [stream for stream in streams if stream not in self._joining]",
        "known = streams",
    ),
    (
        "dispatcher/dispatcher.py",
        "for camera in self._cameras.keys() - self._anew:",
        "for camera in ():",
    ),
    ("dispatcher/stream.py", "< (self.state.epoch, self.state.resolved)", "< (0, 0)"),
    ("dispatcher/stream.py", "not self._asked[1].seq <= seq <=", "not seq <="),
    ("dispatcher/stream.py", "self._asked[1].seq <= seq <= self.announced", "self._asked[1].seq <= seq"),
    ("dispatcher/rota.py", "1.0 / weight", "1.0"),
    ("dispatcher/rota.py", "self._now - ARREARS * self._stride[camera]", "self._now"),
    (
        "dispatcher/rota.py",
        "max(self._passed[camera], self._now - ARREARS * self._stride[camera])",
        "self._passed[camera]",
    ),
    ("sink/ledger.py", "entry.arrival = entry.arrival or arrival", "entry.arrival = arrival; self.delivered += 1"),
    ("sink/ledger.py", "<= self.reorder_wait_ns", ">= self.reorder_wait_ns"),
    ("sink/ledger.py", "gap, self._epoch.gap = self._epoch.gap or NOTHING, Counter()", "gap = self._epoch.gap"),
    ("sink/ledger.py", 'self._drop(Counter({"worker-lost": unknown}) if unknown > 0 else Counter())', "pass"),
    ("sink/ledger.py", "and frame.seq <= self._epoch.resolved", "and frame.seq < self._epoch.resolved"),
    ("sink/memory.py", "Counter(line.dropped) - Counter(state.gap if same else {})", "Counter(line.dropped)"),
    ("sink/memory.py", "<= (state.epoch, state.published)", "< (state.epoch, state.published)"),
    ("sink/receipts.py", "any(turn.delivery", "all(turn.delivery"),
    ("sink/receipts.py", "state.finished or not 0 <=", "not 0 <="),
    ("sink/receipts.py", "or now >= self._until", ""),
    ("sink/desk.py", "if not self._started:\n            return\n", "pass\n"),
    ("pool.py", "pool.memory[flag] = 1", "pass"),
    ("pool.py", "and not pool.memory[flag]", ""),
    ("pool.py", "and self.memory[flags : flags + READERS] == _DOWN", ""),
    ("pool.py", "(owner is None or owner() is None) and", ""),
    ("pool.py", "memory[flag_of(lent.slot, lent.reader)] = 0", "pass"),
    ("pool.py", "for flag in (SEEN + reader, *", "for flag in (*"),
    ("pool.py", "and all(map(self._is_free, slots))", ""),
    ("pool.py", "if born != lent.born:", "if born is None:"),
    ("dispatcher/dispatcher.py", "self.epochs.get(camera, 0) + 1)", "0)"),
    ("dispatcher/epoch_file.py", "max(epoch, known.get(camera, 0))", "epoch"),
    ("dispatcher/epoch_file.py", "if content.v == VERSION:", "if True:"),
    ("runtime/audit_log.py", 'if result == "refused" or action == LOGIN', "if False"),
    ("supervisor/request_router.py", "if pending not in self._pending:\n            return", "pass"),
    ("supervisor/request_router.py", "pending.respond = _nobody", "pass"),
    ("web/access.py", "head.method not in SAFE and", "False and"),
    ("web/access.py", "or includes(found.role, needed)", ""),
    ("web/access.py", 'or head.fetch_site == "same-origin"', ""),
    ("web/access.py", "if given == last:", "if False:"),
]


def survives(file: str, right: str, wrong: str, folder: Path) -> bool:
    """Whether the tests say nothing of this change."""
    shutil.copytree(ROOT / "edge_daemon", folder / "edge_daemon")
    shutil.copytree(ROOT / "tests", folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    path = folder / "edge_daemon" / file
    path.write_text(path.read_text().replace(right, wrong, 1))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/tmp"]
    command += [f"tests/unit/test_{name}.py" for name in TESTS]
    env = os.environ | {"PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "ci"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=600, check=False)
    return done.returncode == 0


def main() -> None:
    for file, right, _ in MUTANTS:
        assert right in (ROOT / "edge_daemon" / file).read_text(), f"{file} does not hold {right!r} any more"
    alive, begin = 0, int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for number, (file, right, wrong) in enumerate(MUTANTS[begin - 1 :], begin - 1):
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            survived = survives(file, right, wrong, Path(folder))
        alive += survived
        print(f"{number + 1}. {'SURVIVES' if survived else 'killed'}: {file}: {right!r} -> {wrong!r}", flush=True)
    print(f"{len(MUTANTS) - begin + 1 - alive} of {len(MUTANTS) - begin + 1} killed")
    raise SystemExit(bool(alive))


if __name__ == "__main__":
    main()
