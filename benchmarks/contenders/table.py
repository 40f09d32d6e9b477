"""What contenders did, in medians over the rounds: a table, JSON, and a plot."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contenders.gauge import Run
from benchmarks.contenders.limit import Costs
from edge_daemon.bench.survey import usable_cores

OURS, OTHERS = "#2a7f62", "#9aa5ab"


@dataclass
class Table:
    """All rounds: the limit in each, and each contender's runs."""

    limits: list[Costs] = field(default_factory=list)
    runs: dict[str, list[Run]] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Medians; `of_limit` is the median of the rounds' own ratios."""
        return {
            "cores": usable_cores(),
            "limit_fps": statistics.median(costs.fps for costs in self.limits),
            "cpu_ms": {name: _median([getattr(costs, name) for costs in self.limits]) for name in Costs._fields},
            "contenders": {
                name: {
                    **{figure: _median([getattr(run, figure) for run in runs]) for figure in Run._fields},
                    "of_limit": statistics.median(
                        run.fps / costs.fps for run, costs in zip(runs, self.limits, strict=True)
                    ),
                }
                for name, runs in self.runs.items()
            },
        }

    def __str__(self) -> str:
        facts = self.facts()
        costs = ", ".join(f"{name} {value:.2f}" for name, value in facts["cpu_ms"].items())
        lines = [
            f"{facts['cores']} cores, limit {facts['limit_fps']:.1f} fps (CPU ms: {costs})",
            f"{'':30} {'fps':>7} {'of limit':>9} {'CPU ms':>7} {'PSS MB':>7} {'p50 ms':>7} {'p99 ms':>7}",
        ]
        for name, one in facts["contenders"].items():
            spent = f"{one['cpu_ms']:7.1f} {one['pss_mb']:7.0f}"
            latency = " ".join(f"{one[key]:7.1f}" if one[key] else f"{'':7}" for key in ("p50_ms", "p99_ms"))
            lines.append(f"{name:30} {one['fps']:7.1f} {one['of_limit']:9.2f} {spent} {latency}")
        return "\n".join(lines)

    def plot(self, path: Path) -> None:
        """Bars: each contender's share of the limit."""
        from matplotlib.figure import Figure

        facts = self.facts()
        shares = {name: one["of_limit"] for name, one in reversed(facts["contenders"].items())}
        figure = Figure(figsize=(7.5, 0.8 + 0.32 * len(shares)), layout="constrained")
        axes = figure.subplots()
        colours = [OURS if name.startswith("daemon") else OTHERS for name in shares]
        axes.bar_label(axes.barh(list(shares), list(shares.values()), color=colours), fmt="%.2f", padding=3)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xlabel(f"share of what {facts['cores']} cores could do ({facts['limit_fps']:.0f} frames a second)")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path)


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None
