"""The metrics for Prometheus: well-formed, and those that the dashboard queries."""

import json
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_daemon.messages.status import Status, Totals
from edge_daemon.web.metrics import Metrics
from tests.components import require_component
from tests.statuses import camera, process, stream_counts

DASHBOARD = Path(__file__).parents[2] / "configs" / "grafana.json"
COUNTS = stream_counts(5, 3, {"late": 1}, in_flight=1, fps=3.0)
STATUS = Status(
    at="",
    cameras={"door": camera(m=COUNTS), 'odd "\\ name': camera("down (refused)", m=COUNTS)},
    processes=[process("worker", "m-0", restarts=2, rejected=1, cpu=0.5, memory_bytes=1000)],
)


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    made.status = STATUS
    timing = {"wait": 1.0, "decode": 0.0, "preprocess": 1.0, "infer": 20.0, "postprocess": 0.3, "total": 25.0}
    made.result(json.dumps({"camera": "door", "model": "m", "timing_ms": timing}).encode())
    made.request("m", 200, 0.02)
    return made


def test_counts_come_from_the_status(metrics: Metrics) -> None:
    families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
    frames = {tuple(sorted(one.labels.items())): one.value for one in families["edge_daemon_frames"].samples}
    assert frames[("camera", "door"), ("fate", "delivered"), ("model", "m")] == 3
    assert frames[("camera", "door"), ("fate", "late"), ("model", "m")] == 1
    up = {one.labels["camera"]: one.value for one in families["edge_daemon_camera_up"].samples}
    assert up == {"door": 1.0, 'odd "\\ name': 0.0}
    stages = [one for one in families["edge_daemon_stage_seconds"].samples if one.name.endswith("_sum")]
    assert {one.labels["stage"]: one.value for one in stages}["infer"] == pytest.approx(0.02)


def test_every_metric_of_the_dashboard_exists(metrics: Metrics) -> None:
    known = set(re.findall(r"^(edge_daemon_\w+)", metrics.text().decode(), re.MULTILINE))
    asked = set(re.findall(r"edge_daemon_\w+", DASHBOARD.read_text()))
    assert asked
    assert asked <= known


def test_promtool_finds_no_fault(metrics: Metrics) -> None:
    require_component("promtool")
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics.text(), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_totals_of_events_lines_and_zones() -> None:
    made, totals = (
        Metrics(),
        Totals(
            events={"visitor": 3},
            lines={"gate": {"person": {"in": 4, "out": 1}}},
            zones={"drive": {"person": 2}},
            blind_s=1.5,
        ),
    )
    counts = msgspec.structs.replace(COUNTS, totals=totals)
    made.status = Status(at="", cameras={"door": camera(m=counts, n=COUNTS)}, processes=[])
    text = made.text().decode()
    for line in (
        'edge_daemon_events_total{camera="door",model="m",rule="visitor"} 3.0',
        'edge_daemon_line_crossings_total{camera="door",class="person",direction="in",line="gate",model="m"} 4.0',
        'edge_daemon_line_crossings_total{camera="door",class="person",direction="out",line="gate",model="m"} 1.0',
        'edge_daemon_zone_occupancy{camera="door",class="person",model="m",zone="drive"} 2.0',
        'edge_daemon_blind_seconds_total{camera="door",model="m"} 1.5',
    ):
        assert line in text
    assert text.count("edge_daemon_blind_seconds_total{") == 1, "not of models without"
