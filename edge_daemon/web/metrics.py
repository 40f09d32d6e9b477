"""What Prometheus reads: counters from the sink's books, and how long each stage takes."""

from collections.abc import Iterator
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STAGES = ("wait", "decode", "preprocess", "infer", "postprocess", "total")


class _Result(msgspec.Struct):
    camera: str = ""
    model: str = ""
    timing_ms: dict[str, float] = {}


class Metrics:
    """The registry behind /metrics. Counts come from `status`, which the sink tells every second."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {}
        self._registry = CollectorRegistry()
        self._stages = Histogram(
            "edge_daemon_stage_seconds",
            "Time that a frame spent in each stage; total runs from capture to publication.",
            ["camera", "model", "stage"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._requests = Histogram(
            "edge_daemon_request_seconds",
            "Time that pictures sent in took until they were answered.",
            ["model", "status"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._registry.register(self)

    def result(self, body: bytes) -> None:
        """Take in a result as it was published."""
        result = msgspec.json.decode(body, type=_Result)
        for stage, ms in result.timing_ms.items():
            self._stages.labels(result.camera, result.model, stage).observe(ms / 1e3)

    def request(self, model: str, status: int, seconds: float) -> None:
        """A picture was answered."""
        self._requests.labels(model, str(status)).observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For the registry: what the status says."""
        frames = CounterMetricFamily(
            "edge_daemon_frames", "Frames by what became of them.", labels=["camera", "model", "fate"]
        )
        flying = GaugeMetricFamily(
            "edge_daemon_frames_in_flight", "Frames whose fate is open.", labels=["camera", "model"]
        )
        up = GaugeMetricFamily("edge_daemon_camera_up", "1 while the camera gives frames.", labels=["camera"])
        fps = GaugeMetricFamily("edge_daemon_camera_fps", "Frames a second that it gives.", labels=["camera"])
        for camera, status in self.status.get("cameras", {}).items():
            up.add_metric([camera], float(status["state"] in ("up", "frozen")))
            fps.add_metric([camera], float(status.get("fps", 0.0)))
            for model, counts in status["models"].items():
                frames.add_metric([camera, model, "delivered"], counts["delivered"])
                for reason, count in counts["dropped"].items():
                    frames.add_metric([camera, model, reason], count)
                flying.add_metric([camera, model], counts["in_flight"])
        yield from (frames, flying, up, fps)
        restarts = CounterMetricFamily(
            "edge_daemon_process_restarts", "How often a process was started again.", labels=["process", "role"]
        )
        rejected = CounterMetricFamily(
            "edge_daemon_messages_rejected", "Messages that were of no use to a process.", labels=["process", "role"]
        )
        cpu = GaugeMetricFamily("edge_daemon_process_cpu_cores", "CPU that it uses.", labels=["process", "role"])
        memory = GaugeMetricFamily(
            "edge_daemon_process_memory_bytes", "Memory, what is shared divided (PSS).", labels=["process", "role"]
        )
        for process in self.status.get("processes", []):
            who = [process["name"], process["role"]]
            restarts.add_metric(who, process["restarts"])
            rejected.add_metric(who, process["rejected"])
            cpu.add_metric(who, process["cpu"])
            memory.add_metric(who, process["memory_bytes"])
        yield from (restarts, rejected, cpu, memory)
