"""What people have switched: the mode, and rules and cameras that are off."""

from collections.abc import Sequence

import msgspec


class SwitchState(msgspec.Struct, frozen=True, kw_only=True):
    """The mode (None: there are none), the rules that are off, each until a time (UTC; None: for good), and the cameras
    that are off.
    """

    mode: str | None = None
    off: dict[str, str | None] = {}
    cameras_off: list[str] = []

    def at(self, now: str, modes: Sequence[str]) -> "SwitchState":
        """The state at a time: rules whose time has come are on, and the first of `modes` is the usual one."""
        mode = self.mode if self.mode in modes else next(iter(modes), None)
        off = {rule: until for rule, until in self.off.items() if not until or until > now}
        return SwitchState(mode=mode, off=off, cameras_off=self.cameras_off)
