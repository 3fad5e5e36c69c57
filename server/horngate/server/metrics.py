"""Every metric, in one place. What all processes have counted is read in scraping.py.

Each process writes its own memory-mapped files (prometheus_client's multiprocess mode); the supervisor reads
them all. So a killed process loses none of its counts, and a scrape asks nothing of a busy worker.
`configure_metrics` must run before anything here is used, since prometheus_client reads the variable on import.
"""

import os
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from horngate.server.series import DIRECTORY_VARIABLE, use_mapped_values

SECONDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
ROWS = tuple(float(1 << power) for power in range(13))


def configure_metrics(directory: Path) -> None:
    """Say where the processes of one server keep their figures; children inherit it."""
    directory.mkdir(parents=True, exist_ok=True)
    os.environ[DIRECTORY_VARIABLE] = str(directory)


def observe(histogram: Any, values: Sequence[float]) -> None:
    """Have a histogram observe values, each of its figures written once; prometheus_client takes one at a time."""
    bounds: list[float] = histogram._upper_bounds
    histogram._sum.inc(sum(values))
    counts: dict[int, int] = {}
    for value in values:
        place = bisect_left(bounds, value)
        counts[place] = counts.get(place, 0) + 1
    for place, count in counts.items():
        histogram._buckets[place].inc(count)


class GatewayMetrics:
    """What a gateway counts."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        use_mapped_values()
        labels = ("model", "version")
        self.requests = Counter(
            "horngate_requests", "Inference requests answered, by gRPC status code.", (*labels, "code")
        )
        self.rows = Counter("horngate_rows", "Rows answered with success.", labels)
        self.duration = Histogram(
            "horngate_request_duration_seconds",
            "From a request's arrival to its answer.",
            labels,
            buckets=SECONDS,
        )
        self.last = Gauge(
            "horngate_last_inference_timestamp_seconds",
            "When a request was last answered with success, in seconds since 1970.",
            labels,
            multiprocess_mode="max",
        )
        self.failed_seconds = Counter(
            "horngate_failed_requests_seconds", "Time spent on requests that failed.", labels
        )
        self.refused = Counter(
            "horngate_refused_requests",
            "Requests refused by a queue, by what would not have held: rows, bytes, pictures or deadline.",
            (*labels, "reason"),
        )
        self.pictures = Counter(
            "horngate_pictures", "Pictures decoded or resized, and those refused.", (*labels, "outcome")
        )
        self.decoding = Histogram(
            "horngate_decoding_duration_seconds",
            "From a request's arrival until all of its pictures are decoded.",
            labels,
            buckets=SECONDS,
        )
        self.waiting = Gauge(
            "horngate_requests_in_flight",
            "Requests accepted and not yet answered.",
            multiprocess_mode="livesum",
        )


class WorkerMetrics:
    """What a worker counts."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        use_mapped_values()
        labels = ("model", "version")
        self.batch_rows = Histogram("horngate_batch_rows", "Rows in a batch.", labels, buckets=ROWS)
        self.queue = Histogram(
            "horngate_queue_duration_seconds", "A request's wait for its batch.", labels, buckets=SECONDS
        )
        self.compute = Histogram(
            "horngate_compute_duration_seconds", "A batch's time in the engine.", labels, buckets=SECONDS
        )
        self.queued_rows = Gauge(
            "horngate_queued_rows", "Rows waiting for a batch.", ("device",), multiprocess_mode="livesum"
        )
        self.queue_age = Gauge(
            "horngate_queue_age_seconds",
            "How long the oldest request that waits has waited.",
            (*labels, "device"),
            multiprocess_mode="livemax",
        )
        compared = (*labels, "precision")
        self.error = Gauge(
            "horngate_model_error_ratio",
            "Largest difference from Keras when it was loaded, relative to the output's scale.",
            compared,
            multiprocess_mode="livemax",
        )
        self.top1 = Gauge(
            "horngate_model_top1_ratio",
            "Part of the rows compared then with Keras's most likely class.",
            compared,
            multiprocess_mode="livemin",
        )
        self.rows_rate = Gauge(
            "horngate_rows_per_second",
            "Rows that ran during the last second.",
            (*labels, "device"),
            multiprocess_mode="livesum",
        )
        self.device_rows = Counter("horngate_device_rows", "Rows that ran, by device.", (*labels, "device"))
        self.cap = Gauge(
            "horngate_model_max_batch_rows", "Largest batch that fits.", labels, multiprocess_mode="livemax"
        )
        self.dispatch = Gauge(
            "horngate_model_dispatch_rows",
            "Batch size that runs fastest.",
            labels,
            multiprocess_mode="livemax",
        )
        self.batch_bytes = Gauge(
            "horngate_model_batch_bytes",
            "Most memory that a batch of the dispatched size takes, as predicted.",
            (*labels, "device"),
            multiprocess_mode="livemax",
        )
        self.device_budget = Gauge(
            "horngate_device_budget_bytes",
            "What a device's workers may hold, models and batches.",
            ("device",),
            multiprocess_mode="livesum",
        )
        self.device_used = Gauge(
            "horngate_device_used_bytes",
            "What a device's workers hold now.",
            ("device",),
            multiprocess_mode="livesum",
        )
        self.out_of_memory = Counter(
            "horngate_out_of_memory", "Batches for which memory ran out.", (*labels, "device")
        )
        self.halved = Counter(
            "horngate_batches_halved", "Batches run in halves, for memory's sake.", (*labels, "device")
        )
        self.programs = Gauge(
            "horngate_programs",
            "Programs that are loaded, each for a set of outputs.",
            (*labels, "device"),
            multiprocess_mode="livesum",
        )
        self.programs_given_up = Counter(
            "horngate_programs_given_up",
            "Programs for layers that were given up for others.",
            (*labels, "device"),
        )
        self.padding_steps = Counter(
            "horngate_padding_steps",
            "Steps along a free axis computed only so that requests of different lengths share a batch.",
            labels,
        )
        self.padding = Counter(
            "horngate_padding_rows", "Rows computed only to fill a compiled batch size.", labels
        )
        self.memory = Gauge(
            "horngate_model_memory_bytes",
            "Memory that a loaded model holds before any batch.",
            (*labels, "device"),
            multiprocess_mode="livesum",
        )


class SequenceMetrics:
    """What a worker counts of sequences."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge

        use_mapped_values()
        labels = ("model", "version")
        self.live = Gauge(
            "horngate_sequences", "Sequences under way.", (*labels, "device"), multiprocess_mode="livesum"
        )
        self.bytes = Gauge(
            "horngate_sequence_states_bytes",
            "Memory for the states of sequences.",
            (*labels, "device"),
            multiprocess_mode="livesum",
        )
        self.begun = Counter("horngate_sequences_begun", "Sequences begun.", labels)
        self.ended = Counter(
            "horngate_sequences_ended",
            "Sequences that are over, by how: ended, expired, lost with their worker, or replaced.",
            (*labels, "how"),
        )


class SupervisorMetrics:
    """What the supervisor counts."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        use_mapped_values()
        self.models = Gauge(
            "horngate_models", "Model versions, by state.", ("state",), multiprocess_mode="livesum"
        )
        self.builds = Counter("horngate_builds", "Finished builders, by outcome.", ("outcome",))
        self.build_seconds = Histogram(
            "horngate_build_duration_seconds",
            "A builder's run.",
            buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600),
        )
        self.load_failures = Counter(
            "horngate_model_load_failures", "Versions that could not be served.", ("model", "version")
        )
        self.budget = Gauge(
            "horngate_memory_budget_bytes",
            "What all workers may hold, models and batches.",
            multiprocess_mode="livesum",
        )
        self.starved = Counter(
            "horngate_workers_starved",
            "Workers that ended for want of memory while they ran a batch.",
            ("worker",),
        )
        self.worker_restarts = Counter("horngate_worker_restarts", "Workers restarted.", ("worker",))
        self.decoder_restarts = Counter("horngate_decoder_restarts", "Decoders restarted.", ("decoder",))
        self.gateway_restarts = Counter("horngate_gateway_restarts", "Gateways restarted.", ("gateway",))
