"""Whether all is as it should be, with reasons."""

from typing import Any

PATIENCE_S = 5.0
"""How old the last word of the sink may be; it speaks every second."""
FINE = ("up", "ended", "frozen", "finished")


def troubles(status: dict[str, Any], age_s: float, *, dispatcher_here: bool) -> list[str]:
    """What is not as it should be, a sentence each; none if all is well."""
    found = [] if dispatcher_here else ["the dispatcher does not answer"]
    if not status:
        return [*found, "the sink has not said anything yet"]
    if age_s > PATIENCE_S:
        found.append(f"the sink has not said anything for {age_s:.0f} s")
    found += [f"camera {name} is {camera['state']}" for name, camera in status["cameras"].items() if _is_bad(camera)]
    found += [
        f"{process['role']} {process['name']} is {process['state']}"
        for process in status["processes"]
        if process["role"] != "capture" and (process["pid"] is None or process["state"].startswith("down"))
    ]
    return found


def _is_bad(camera: dict[str, Any]) -> bool:
    return camera["state"] not in FINE and camera["state"] != "connecting"
