"""ModelStatistics: sums since the server started, over all processes, those that have ended among them.

From the same figures as /metrics, and from tallies that are finer. The counts of queue and compute are those of
requests that were answered; each counts for all of the time that its batch took, as in Triton.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from horngate.oip import messages as oip
from horngate.server.gateway.routes import Entry, Routes

NS = 1e9
MS = 1e3
_REQUESTS = "horngate_requests_total{"
_MEMORY = "horngate_model_memory_bytes{"
_BATCH = "batch "


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one version: `sums` of metrics by name, `pairs` of tallies by what is counted."""

    sums: Mapping[str, float] = field(default_factory=dict)
    pairs: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def pair(self, what: str) -> tuple[float, float]:
        """A tally's two sums; zeros for what was never counted."""
        return self.pairs.get(what, (0.0, 0.0))

    def sum(self, name: str) -> float:
        """A metric's sum."""
        return self.sums.get(name, 0.0)

    def by_label(self, name: str) -> dict[str, float]:
        """The sums of a metric, by what stands behind its name in braces."""
        return {key[len(name) : -1]: value for key, value in self.sums.items() if key.startswith(name)}


Totals = Mapping[tuple[str, str], Figures]


def read_totals(rows: list[Any]) -> dict[tuple[str, str], Figures]:
    """The supervisor's answer."""
    return {(name, version): Figures(sums=sums, pairs=pairs) for name, version, sums, pairs in rows}


def model_statistics(
    request: oip.ModelStatisticsRequest, routes: Routes, totals: Totals
) -> oip.ModelStatisticsResponse:
    """The statistics of one version, of a model's or of all that are served. NotFound: there is no such model."""
    if request.name:
        entries = [routes.find(request.name, request.version)]
        if not request.version:
            entries = list(routes.entries[request.name].values())
    else:
        entries = [entry for versions in routes.entries.values() for entry in versions.values()]
    response = oip.ModelStatisticsResponse()
    for entry in entries:
        if entry.ready or request.name:
            response.model_stats.append(
                _statistics(entry, totals.get((entry.name, entry.version), Figures()))
            )
    return response


def _statistics(entry: Entry, figures: Figures) -> oip.ModelStatistics:
    statistics = oip.ModelStatistics(
        name=entry.name,
        version=entry.version,
        last_inference=int(figures.sum("horngate_last_inference_timestamp_seconds") * MS),
        inference_count=int(figures.sum("horngate_rows_total")),
        execution_count=int(figures.sum("horngate_compute_duration_seconds_count")),
        inference_stats=_of_requests(figures),
    )
    sizes = sorted(int(what.split()[1]) for what in figures.pairs if what.endswith(" executions"))
    statistics.batch_stats.extend(_of_size(size, figures) for size in sizes)
    for device, held in sorted(figures.by_label(_MEMORY).items()):
        kind, _, number = device.partition(":")
        if held:
            statistics.memory_usage.add(type=kind.upper(), id=int(number or 0), byte_size=int(held))
    return statistics


def _of_requests(figures: Figures) -> oip.InferStatistics:
    answered = int(figures.sum("horngate_queue_duration_seconds_count"))
    codes = figures.by_label(_REQUESTS)
    failed = sum(count for code, count in codes.items() if code != "OK")
    input_s, output_s = figures.pair("tensors")
    return oip.InferStatistics(
        success=_duration(codes.get("OK", 0), figures.sum("horngate_request_duration_seconds_sum")),
        fail=_duration(failed, figures.sum("horngate_failed_requests_seconds_total")),
        queue=_duration(answered, figures.sum("horngate_queue_duration_seconds_sum")),
        compute_input=_duration(answered, input_s),
        compute_infer=_duration(answered, figures.pair("compute")[0]),
        compute_output=_duration(answered, output_s),
        # There is no cache of answers.
        cache_hit=_duration(0, 0),
        cache_miss=_duration(0, 0),
    )


def _of_size(rows: int, figures: Figures) -> oip.InferBatchStatistics:
    executions, compute_s = figures.pair(f"{_BATCH}{rows} executions")
    input_s, output_s = figures.pair(f"{_BATCH}{rows} tensors")
    return oip.InferBatchStatistics(
        batch_size=rows,
        compute_input=_duration(executions, input_s),
        compute_infer=_duration(executions, compute_s),
        compute_output=_duration(executions, output_s),
    )


def _duration(count: float, seconds: float) -> oip.StatisticDuration:
    return oip.StatisticDuration(count=int(count), ns=round(seconds * NS))
