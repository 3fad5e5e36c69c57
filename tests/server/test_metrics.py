"""What histograms are told at once."""

from prometheus_client import Histogram

from horngate.server.metrics import SECONDS, observe


def test_values_that_are_told_together_count_as_if_told_one_by_one() -> None:
    one, all_ = (Histogram("h", "Some seconds.", buckets=SECONDS, registry=None) for _ in range(2))
    values = [0.0, 0.0001, 0.00011, 0.3, 0.3, 31.0]
    for value in values:
        one.observe(value)
    observe(all_, values)
    [told], [expected] = all_.collect(), one.collect()
    assert [(s.name, s.labels, s.value) for s in told.samples if "created" not in s.name] == [
        (s.name, s.labels, s.value) for s in expected.samples if "created" not in s.name
    ]
