"""The metrics for Prometheus: the counters of the sink, and the duration of each stage."""

from collections.abc import Iterator

import msgspec
from msgspec import UNSET
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge_daemon.messages.status import BridgeReport, ServerReport, Status
from edge_daemon.web.rejections import Rejections

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STAGES = ("wait", "decode", "preprocess", "infer", "postprocess", "total")


class _Result(msgspec.Struct):
    camera: str = ""
    model: str = ""
    timing_ms: dict[str, float] = {}


class Metrics:
    """The registry behind /metrics. Counts come from `status`, which the sink publishes every second."""

    def __init__(self) -> None:
        self.status: Status | None = None
        self.rejections = Rejections()
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
            "Time that uploaded pictures took until they were answered.",
            ["model", "status"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._registry.register(self)

    def result(self, body: bytes) -> None:
        """Count a result as it was published."""
        result = msgspec.json.decode(body, type=_Result)
        for stage, ms in result.timing_ms.items():
            self._stages.labels(result.camera, result.model, stage).observe(ms / 1e3)

    def request(self, model: str, status: int, seconds: float) -> None:
        """Count an uploaded picture that was answered."""
        self._requests.labels(model, str(status)).observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _totals(self) -> Iterator[Metric]:
        """Yield the metrics of events, lines and zones."""
        of = ["camera", "model"]
        events = CounterMetricFamily("edge_daemon_events", "Events that began.", labels=[*of, "rule"])
        crossings = CounterMetricFamily(
            "edge_daemon_line_crossings", "Crossings of a line.", labels=[*of, "line", "class", "direction"]
        )
        inside = GaugeMetricFamily("edge_daemon_zone_occupancy", "Objects in a zone.", labels=[*of, "zone", "class"])
        blind = CounterMetricFamily("edge_daemon_blind_seconds", "Camera time that nobody looked at.", labels=of)
        for camera, status in self.status.cameras.items() if self.status else ():
            for model, counts in status.models.items():
                if (totals := counts.totals) is UNSET:
                    continue
                blind.add_metric([camera, model], totals.blind_s)
                for rule, count in totals.events.items():
                    events.add_metric([camera, model, rule], count)
                for line, classes in totals.lines.items():
                    for name, ways in classes.items():
                        for way, count in ways.items():
                            crossings.add_metric([camera, model, line, name, way], count)
                for zone, present in totals.zones.items():
                    for name, count in present.items():
                        inside.add_metric([camera, model, zone, name], count)
        yield from (events, crossings, inside, blind)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that come from the status."""
        rejected = CounterMetricFamily(
            "edge_daemon_web_rejected", "Rejected connections, by reason.", labels=["reason"]
        )
        for reason, count in sorted(self.rejections.counts.items()):
            rejected.add_metric([reason], count)
        yield rejected
        frames = CounterMetricFamily("edge_daemon_frames", "Frames by fate.", labels=["camera", "model", "fate"])
        flying = GaugeMetricFamily(
            "edge_daemon_frames_in_flight", "Frames without a fate yet.", labels=["camera", "model"]
        )
        up = GaugeMetricFamily("edge_daemon_camera_up", "1 while the camera delivers frames.", labels=["camera"])
        fps = GaugeMetricFamily("edge_daemon_camera_fps", "Frames a second of the camera.", labels=["camera"])
        for camera, status in self.status.cameras.items() if self.status else ():
            up.add_metric([camera], float(status.state in ("up", "frozen")))
            fps.add_metric([camera], status.fps)
            for model, counts in status.models.items():
                frames.add_metric([camera, model, "delivered"], counts.delivered)
                for reason, count in counts.dropped.items():
                    frames.add_metric([camera, model, reason], count)
                flying.add_metric([camera, model], counts.in_flight)
        yield from (frames, flying, up, fps)
        yield from self._totals()
        restarts = CounterMetricFamily(
            "edge_daemon_process_restarts", "Restarts of a process.", labels=["process", "role"]
        )
        rejected = CounterMetricFamily(
            "edge_daemon_messages_rejected", "Malformed or unexpected messages.", labels=["process", "role"]
        )
        cpu = GaugeMetricFamily("edge_daemon_process_cpu_cores", "CPU in use.", labels=["process", "role"])
        memory = GaugeMetricFamily(
            "edge_daemon_process_memory_bytes",
            "Memory, with shared pages divided (PSS).",
            labels=["process", "role"],
        )
        for process in self.status.processes if self.status else ():
            labels = [process.name, process.role]
            restarts.add_metric(labels, process.restarts)
            rejected.add_metric(labels, process.rejected)
            cpu.add_metric(labels, process.cpu)
            memory.add_metric(labels, process.memory_bytes)
        yield from (restarts, rejected, cpu, memory)
        yield from self._servers()
        yield from self._receivers()

    def _receivers(self) -> Iterator[Metric]:
        """Yield the metrics of deliveries, by receiver."""
        names = ["receiver"]
        up = GaugeMetricFamily("edge_daemon_receiver_up", "1 while the receiver takes messages.", labels=names)
        waiting = GaugeMetricFamily("edge_daemon_delivery_waiting", "Messages not delivered yet.", labels=names)
        lag = GaugeMetricFamily("edge_daemon_delivery_lag_seconds", "Age of the oldest of them.", labels=names)
        messages = CounterMetricFamily(
            "edge_daemon_deliveries",
            "Messages by fate, and tries that failed.",
            labels=[*names, "fate"],
        )
        for process in self.status.processes if self.status else ():
            if process.receiver is None or not process.detail:
                continue
            report, labels = msgspec.convert(process.detail, BridgeReport), [process.receiver]
            up.add_metric(labels, float(process.state == "up" and report.reason is UNSET))
            waiting.add_metric(labels, report.waiting)
            lag.add_metric(labels, report.lag_s)
            for fate in ("delivered", "retried", "dead", "lost"):
                messages.add_metric([*labels, fate], getattr(report, fate))
        yield from (up, waiting, lag, messages)

    def _servers(self) -> Iterator[Metric]:
        """Yield the metrics of inference servers, by the worker that asks them."""
        names = ["process", "server"]
        up = GaugeMetricFamily("edge_daemon_server_up", "1 while the inference server serves the model.", labels=names)
        flying = GaugeMetricFamily("edge_daemon_server_requests_in_flight", "Requests under way.", labels=names)
        latency = GaugeMetricFamily("edge_daemon_server_latency_seconds", "Usual time until an answer.", labels=names)
        requests = CounterMetricFamily(
            "edge_daemon_server_requests", "Requests by fate: served or failed.", labels=[*names, "fate"]
        )
        for process in self.status.processes if self.status else ():
            for one in msgspec.convert(process.detail.get("servers", []), list[ServerReport]):
                labels = [process.name, one.server]
                up.add_metric(labels, float(one.state == "up"))
                flying.add_metric(labels, one.in_flight)
                latency.add_metric(labels, one.latency_ms / 1e3)
                requests.add_metric([*labels, "served"], one.served)
                requests.add_metric([*labels, "failed"], one.failed)
        yield from (up, flying, latency, requests)
