"""The health check: everything that is wrong, in sentences."""

from edge_daemon.messages.status import Status

MAX_AGE_S = 5.0
"""Maximum age of a status; the sink publishes one every second."""
FINE = ("up", "ended", "frozen", "finished")
"""States of cameras and processes that are as they should be."""


def problems(status: Status | None, age_s: float, *, dispatcher_here: bool) -> list[str]:
    """Sentences on everything that is wrong, from the last status, which is `age_s` old; empty if all is well."""
    found = [] if dispatcher_here else ["the dispatcher does not answer"]
    if status is None:
        return [*found, "the sink has not published a status yet"]
    if age_s > MAX_AGE_S:
        found.append(f"the sink has not published a status for {age_s:.0f} s")
    found += [
        f"camera {name} is {camera.state}"
        for name, camera in status.cameras.items()
        if camera.state not in (*FINE, "connecting")
    ]
    found += [
        f"{process.role} {process.name} is {process.state}"
        for process in status.processes
        if process.camera is None and _is_down(process.pid, process.state)
    ]
    return found


def _is_down(pid: int | None, state: str) -> bool:
    return state.startswith("down") or (pid is None and state not in FINE)
