"""Breaks the cores on purpose, one line at a time, and asks whether the tests notice.

    python -m tests.mutants [NUMBER OF THE FIRST]

Each mutant is a copy of the package with one change; it is killed when the cores' tests fail on it, or those of
`SHELLS`.
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
    "file_clock",
    "jpeg_stream",
    "http_auth",
    "moment",
    "packets",
    "clip",
    "arrivals",
    "cascade",
    "scheduler",
    "stride_scheduler",
    "dispatcher",
    "web_requests",
    "fairness",
    "reorder_buffer",
    "collector",
    "checkpoint",
    "ack_batcher",
    "coalescer",
    "backoff",
    "promises",
    "shared_memory",
    "epoch_file",
    "audit_log",
    "request_router",
    "web_access",
    "web_bodies",
    "web_budget",
    "web_connections",
    "web_guard",
    "web_proxies",
    "web_sessions",
    "imaging_work",
    "tracking",
)
SERVER, DECODERS = "integration/test_web_server.py", "integration/test_web_decoders.py"
UPLOADS = "integration/test_web_uploads.py"
SHELLS = {
    "web/acceptor.py": SERVER,
    "web/connection.py": SERVER,
    "web/server.py": SERVER,
    "web/decoder.py": DECODERS,
    "web/decoders.py": DECODERS,
    "web/forms.py": UPLOADS,
    "web/inference.py": UPLOADS,
}
"""Files that are not cores, and their tests."""
MUTANTS = [
    (
        "dispatcher/stream.py",
        "report.worker, frame.deaths, self._poison = None, POISON, report",
        "return self._lose(report)",
    ),
    ("dispatcher/stream.py", "self.can_report and not self._held", "self.can_report"),
    ("capture/file_clock.py", "(ahead_s < JUMP_S or alike)", "ahead_s < JUMP_S"),
    ("capture/file_clock.py", "self._offset_s = self._time_s - stamp_s", "pass"),
    ("capture/http_auth.py", "min(usable, key", "max(usable, key"),
    ("dispatcher/blame.py", "self._wait_s, self.is_suspect = 0.0, True", "pass"),
    ("dispatcher/stream.py", "if self.live and self.backlog.frames:", "if self.backlog.frames:"),
    ("dispatcher/stream.py", "> self._max_age_ns", "< self._max_age_ns"),
    ("dispatcher/stream.py", "and not self._requested and now_ns -", "and now_ns -"),
    ("dispatcher/stream.py", "report.served |= report.worker == worker", "report.served = True"),
    ("dispatcher/stream.py", 'return [self.outstanding.lost(report, "worker-lost")]', "return []"),
    ("dispatcher/stream.py", "report.frame.deaths += 1", "report.frame.deaths += 0"),
    ("dispatcher/stream.py", "and not report.served and report.seq not in not_started:", ":"),
    ("dispatcher/stream.py", 'self.backlog.drop_all("shutdown")', "pass"),
    ("dispatcher/stream.py", "if report.served:\n                    messages += self._lose(report)", "pass"),
    ("dispatcher/stream.py", "not frame.seq <= seq <= self.backlog.last", "not seq <= self.backlog.last"),
    ("dispatcher/stream.py", "not frame.seq <= seq <= self.backlog.last", "not frame.seq <= seq"),
    ("dispatcher/stream.py", "messages += self.sent(marker.seq, slot.worker, alive=True)", "pass"),
    ("dispatcher/stream.py", "report.worker is None and not self.live", "not self.live"),
    ("dispatcher/stream.py", "and report.seq <= self._offered", ""),
    ("dispatcher/stream.py", "if not report.served:\n                    report.worker = None", "report.worker = None"),
    ("dispatcher/stream.py", "all(one.backlog.ended for one in self.followers)", "True"),
    ("dispatcher/stream.py", "only_shared=bool(self.followers) and not self.live", "only_shared=False"),
    ("dispatcher/backlog.py", "Counter(replaced=1) + newer.before", "newer.before"),
    ("dispatcher/backlog.py", "replaced = min(replaced, left)", "replaced = 0"),
    ("dispatcher/backlog.py", "still = min(still, left)", "still = 0"),
    ("dispatcher/backlog.py", "key=lambda pending: pending.seq", "key=lambda pending: -pending.seq"),
    ("dispatcher/backlog.py", "if all(frame.seq != other.seq for other in self.frames):", "if True:"),
    ("dispatcher/backlog.py", "self.frames[position].before = dropped +", "self.frames[position].before ="),
    ("dispatcher/outstanding.py", "self.counted = max(self.counted, report.seq + 1)", "pass"),
    ("dispatcher/outstanding.py", "self.counted = max(self.resolved, self.last_seq) + 1", "pass"),
    ("dispatcher/stream.py", ">= (known.epoch, known.resolved)", ">= (0, 0)"),
    ("dispatcher/outstanding.py", "and (finished or not reports[0].end)", ""),
    ("dispatcher/outstanding.py", "if report.seq <= self.resolved and (self.finished or not report.end):", "if False:"),
    ("dispatcher/cascade.py", "backlog.ended |= report.end", "pass"),
    ("dispatcher/cascade.py", "if report.seq <= backlog.last:", "if False:"),
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
    (
        "dispatcher/cascade.py",
        "while self.live and self.backlog.frames[0] is not frame:",
        "while self.backlog.frames[0] is not frame:",
    ),
    ("dispatcher/cascade.py", "first.ready and (", "("),
    ("dispatcher/cascade.py", "(self.live or first.seq <= self._offered)", "True"),
    ("dispatcher/arrivals.py", "age_ns % self._interval_ns if self._is_regular else age_ns", "age_ns"),
    ("dispatcher/arrivals.py", "(captured_ns - self._last_ns) // frames", "(captured_ns - self._last_ns)"),
    (
        "dispatcher/worker_slot.py",
        "self.assigned[self.batch :] if marker is None else",
        "self.assigned if marker is None else",
    ),
    ("dispatcher/worker_slot.py", "credit = 1 if self.alone else", "credit ="),
    ("dispatcher/worker_slot.py", "and picture.seq <= last.seq", "and picture.seq == last.seq"),
    (
        "dispatcher/stride_scheduler.py",
        "near = due[client] + self._shortest",
        "near = due[client] + 9 * self._shortest",
    ),
    ("dispatcher/stride_scheduler.py", "1.0 / weight", "1.0"),
    (
        "dispatcher/stride_scheduler.py",
        "return max(self._pass[client], self._now - MAX_LAG * self._stride[client])",
        "return self._pass[client]",
    ),
    ("dispatcher/stride_scheduler.py", "<= self._now - MAX_LAG * self._stride[client]", "<= self._now"),
    ("dispatcher/stride_scheduler.py", "self._pass.get(client, self._now)", "self._now"),
    ("dispatcher/scheduler.py", "if not (slot.assigned and competitor.is_suspect):", "if True:"),
    ("dispatcher/scheduler.py", "elif not competitor.is_waiting:", "else:"),
    ("dispatcher/scheduler.py", "if not slot.assigned:", "if True:"),
    ("dispatcher/scheduler.py", "if competitor.reports_to in away:", "if False:"),
    ("dispatcher/scheduler.py", "0 if any(one.live for one in competitors) else PREFETCH", "PREFETCH"),
    ("dispatcher/request_queue.py", "self._outbox.send(WEB, needed)", "pass"),
    ("dispatcher/request_queue.py", "self._outbox.send(WEB, *self._inputs.values())", "pass"),
    ("dispatcher/request_queue.py", "if number not in self._assigned:", "if True:"),
    ("dispatcher/request_queue.py", "self._assigned.pop(number, None)", "pass"),
    ("dispatcher/camera.py", "return last, min(", "return last, max("),
    (
        "dispatcher/camera.py",
        "seq = min(stream.outstanding.resolved for stream in streams)",
        "seq = max(s.outstanding.resolved for s in streams)",
    ),
    (
        "dispatcher/camera.py",
        "known = [stream for stream in streams if stream not in self._joining]",
        "known = streams",
    ),
    (
        "dispatcher/camera.py",
        "if not self._restarted:  # some",
        "if False:  # some",
    ),
    ("dispatcher/camera.py", "self._outbox.send(SINK, *stream.sent(message.seq, message.worker, alive=alive))", "pass"),
    ("dispatcher/camera.py", "slot.done_up_to(frame)", "pass"),
    ("dispatcher/cameras.py", "if camera.greeted == peer == camera.peer:", "if True:"),
    ("dispatcher/cameras.py", "if stream.is_waiting or not stream.can_report:", "if False:"),
    ("dispatcher/dispatcher.py", "if SINK not in self._away:", "if True:"),
    ("dispatcher/dispatcher.py", "if known and known.inbox != message.inbox:", "if False:"),
    ("dispatcher/epochs.py", "self.highest.get(camera, 0) + 1)", "0)"),
    ("dispatcher/epoch_file.py", "max(epoch, known.get(camera, 0))", "epoch"),
    ("dispatcher/epoch_file.py", "if content.v == VERSION:", "if True:"),
    (
        "sink/reorder_buffer.py",
        "entry.arrival = entry.arrival or arrival",
        "entry.arrival = arrival; self.delivered += 1",
    ),
    ("sink/reorder_buffer.py", "> self.reorder_wait_ns", "<= self.reorder_wait_ns"),
    ("sink/reorder_buffer.py", "gap, self._epoch.gap = self._epoch.gap or NOTHING, Counter()", "gap = self._epoch.gap"),
    ("sink/reorder_buffer.py", 'self._drop(Counter({"worker-lost": unknown}) if unknown > 0 else Counter())', "pass"),
    ("sink/reorder_buffer.py", "and frame.seq <= self._epoch.resolved", "and frame.seq < self._epoch.resolved"),
    ("sink/reorder_buffer.py", "return not self._entries", "return True"),
    ("sink/checkpoint.py", "Counter(line.dropped) - Counter(state.gap if same else {})", "Counter(line.dropped)"),
    ("sink/checkpoint.py", "<= (state.epoch, state.published)", "< (state.epoch, state.published)"),
    ("sink/ack_batcher.py", "any(plan.delivery", "all(plan.delivery"),
    ("sink/ack_batcher.py", "state.finished or not 0 <=", "not 0 <="),
    ("sink/ack_batcher.py", "self._acked |= {key: state.resolved for key, state in states.items()}", "pass"),
    ("sink/collector.py", "if not self._started:\n            return\n", "pass\n"),
    ("transport/coalescer.py", "if urgent or len(self._held) == self.count:", "if urgent:"),
    ("transport/coalescer.py", "if not self._held:\n            self._until", "if True:\n            self._until"),
    ("transport/coalescer.py", "bool(self._held) and", ""),
    ("transport/coalescer.py", "self._previous, self._last = self._last,", "self._previous = self._last ="),
    ("backoff.py", "if delay_s(self._failures, self._first_s, self._longest_s) < self._longest_s:", "if True:"),
    ("backoff.py", "max(0, self._failures - forgiven)", "self._failures"),
    ("transport/shared_memory.py", "pool.memory[flag] = 1", "pass"),
    ("transport/shared_memory.py", "and not pool.memory[flag]", ""),
    ("transport/shared_memory.py", "and self.memory[flags : flags + READERS] == _DOWN", ""),
    ("transport/shared_memory.py", "(owner is None or owner() is None) and", ""),
    ("transport/shared_memory.py", "memory[flag_of(shared.slot, shared.reader)] = 0", "pass"),
    ("transport/shared_memory.py", "for flag in (SEEN + reader, *", "for flag in (*"),
    ("transport/shared_memory.py", "and all(map(self._is_free, slots))", ""),
    ("transport/shared_memory.py", "key = shared.pool, shared.created_ns", "key = shared.pool, 0"),
    ("runtime/audit_log.py", 'if result == "refused" or action == LOGIN', "if False"),
    ("supervisor/request_router.py", "if pending not in self._pending:\n            return", "pass"),
    ("supervisor/request_router.py", "pending.respond = _nobody", "pass"),
    ("web/access.py", "if head.method in SAFE:", "if True:"),
    ("web/access.py", "or includes(found.role, needed)", ""),
    ("web/access.py", 'or head.fetch_site == "same-origin"', ""),
    ("web/access.py", "if given != guesses.last:", "if True:"),
    ("web/access.py", "return found[0] if found else self", "return self"),
    ("web/access.py", "if now_s < guesses.until_s:", "if False:"),
    ("web/access.py", "while len(self._guesses) > REMEMBERED:", "while False:"),
    ("web/access.py", "self._refusal(given, network_of(client), now_s)", "self._refusal(given, client, now_s)"),
    ("web/budget.py", "and self.held - share.held + count > self._most", "and False"),
    ("web/bodies.py", "        hold(request, len(data), slow=True)\n", ""),
    ("web/bodies.py", "    hold(request, len(data))\n", ""),
    ("web/bodies.py", "if len(data) > most:", "if False:"),
    ("web/bodies.py", "or 0) > most:", "or 0) > 10 * most:"),
    ("web/budget.py", "victim.give_up()", "pass"),
    ("web/budget.py", "self._budget.release(self)", "pass"),
    (
        "web/connections.py",
        "for group in (own, self._all):\n            if",
        "for group in (self._all,):\n            if",
    ),
    ("web/connections.py", "group in (own, self._all):\n            if", "group in (own,):\n            if"),
    ("web/connections.py", "if address in self._proxies", "if True"),
    ("web/connections.py", "if address in self._proxies", "if False"),
    ("web/connections.py", ">> 64 << 64", ""),
    ("web/connections.py", "phase and count - self._bytes >= phase.least", "phase and count > self._bytes"),
    ("web/guard.py", "if client in proxies:", "if True:"),
    ("web/guard.py", "if refusal := self._refusal(scope, head):", "if refusal := None:"),
    ("web/guard.py", "except ClientDisconnect:", "except ZeroDivisionError:"),
    ("web/guard.py", "if answer.without_body:", "if False:"),
    ("web/guard.py", "while len(body) > PIECE:", "while False:"),
    ("web/guard.py", "self._scope[SHARE].hold(len(body), slow=True)", "pass"),
    ("web/proxies.py", "if one not in self), listed[0]", "), listed[0]"),
    ("web/proxies.py", "in reversed(listed)", "in listed"),
    ("web/sessions.py", "and session.until > self._clock()", ""),
    ("web/sessions.py", "while len(self._sessions) > MOST:", "while False:"),
    ("imaging/work.py", "> most:", "> 2 * most:"),
    ("imaging/work.py", "+ SCAN)", ")"),
    ("imaging/work.py", "if bytes(data).count(_SCAN_BYTES) <= most:", "if False:"),
    ("imaging/codecs.py", "    check_work(data)\n", ""),
    ("imaging/pictures.py", "        check_work(data)\n        data =", "        data ="),
    ("imaging/pictures.py", "        check_work(data)\n    try", "    try"),
    ("web/acceptor.py", "for closed in self._connections.open(connection, address):", "for closed in ():"),
    ("web/acceptor.py", "ssl_handshake_timeout=limit, ", ""),
    ("web/server.py", "connection.check(now)", "pass"),
    ("web/connection.py", "self._head > MAX_HEAD or", ""),
    ("web/connection.py", "or self._fields > MAX_FIELDS", ""),
    ("web/connection.py", "if len(self.pipeline) >= MAX_PIPELINED:", "if False:"),
    ("web/connection.py", "if self._received - self._body > MAX_HEAD", "if False and MAX_HEAD"),
    ("web/connection.py", "or self.flow.write_paused", ""),
    ("web/connection.py", "return BODY", "return None"),
    ("web/connection.py", "return HEAD", "return None"),
    ("web/connection.py", "self._connections.close(self)", "pass"),
    ("web/connection.py", "with contextlib.suppress(httptools.HttpParserUpgrade):", "if True:"),
    ("web/decoder.py", "resource.setrlimit(resource.RLIMIT_CPU", "str((resource.RLIMIT_CPU"),
    ("web/decoder.py", "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))", "pass"),
    ("web/decoder.py", "os.nice(NICE)", "pass"),
    ("web/decoder.py", "ctypes.CDLL(None).malloc_trim(0)", "pass"),
    ("web/decoders.py", "self._socket.settimeout(limit_s)", "pass"),
    ("web/decoders.py", "env=environment, ", ""),
    ("web/decoders.py", "and self._count < COUNT", ""),
    ("web/decoders.py", "now - decoder.used_at > IDLE_S", "True"),
    ("web/decoders.py", "        os.close(fd)", "        pass"),
    ("web/forms.py", "if self._fields > MOST_FIELDS:", "if False:"),
    ("tracking/gap.py", 'dropped.get("paced", 0)', "0"),
    ("tracking/gap.py", "(self.unseen + 1) / (self.still + self.unseen + 1)", "1"),
    ("tracking/gap.py", "min(moving_s, longest_s)", "moving_s"),
    ("tracking/motion.py", "turn * seconds**2 / 3", "turn * seconds**2"),
    ("tracking/motion.py", "self._mean[:, 1] *= left", "pass"),
    ("tracking/motion.py", "2 * seconds, seconds**2", "2 * seconds, 0"),
    ("tracking/association.py", "if row not in taken_rows and column", "if column"),
    (
        "tracking/association.py",
        "if row not in taken_rows and column not in taken_columns:",
        "if row not in taken_rows:",
    ),
    ("tracking/association.py", "np.argsort(-score", "np.argsort(score"),
    ("tracking/association.py", "factor = np.where(alike, 1.0, OTHER_CLASS)", "factor = np.where(alike, 1.0, 1.0)"),
    ("tracking/track.py", "and self.missed >= PATIENCE_LOOKS", ""),
    ("tracking/track.py", "self.lost_s >= PATIENCE_S and", ""),
    ("tracking/track.py", "if weight > self.votes[self.class_id]:", "if True:"),
    ("tracking/certainty.py", "if found and not tracked:", "if False:"),
    ("tracking/tracker.py", "new = new[shared.max(axis=1) < TWICE]", "pass"),
    ("tracking/tracker.py", "if step.still_s:", "if False:"),
    ("tracking/tracker.py", "self._motion.shift(shift)", "pass"),
    ("tracking/tracker.py", "self._motion.keep(kept)", "self._motion.keep(kept[::-1])"),
    ("tracking/stream.py", "if away_s > PATIENCE_S:", "if False:"),
    ("tracking/stream.py", "+ away_s - now.time_s", "- now.time_s"),
    ("tracking/camera_motion.py", "belief * share * common", "common"),
    ("web/inference.py", "Annotated[list[int], msgspec.Meta(max_length=DIMENSIONS)]", "list[int]"),
    ("web/inference.py", "name[:SHOWN]", "name"),
]


def survives(file: str, right: str, wrong: str, folder: Path) -> bool:
    """Whether the tests say nothing of this change."""
    shutil.copytree(ROOT / "edge_daemon", folder / "edge_daemon")
    shutil.copytree(ROOT / "tests", folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    path = folder / "edge_daemon" / file
    path.write_text(path.read_text().replace(right, wrong, 1))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/tmp"]
    names = sorted(TESTS, key=lambda name: Path(file).stem not in name)  # the module's own first: most are killed there
    command += [f"tests/{SHELLS[file]}"] if file in SHELLS else [f"tests/unit/test_{name}.py" for name in names]
    env = os.environ | {"PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "ci"}
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:  # it goes round in circles
        return False
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
