"""The simulator against what queueing theory and plain counting say."""

import statistics

import pytest

from horngate.server.costs import Curve
from horngate.server.settings import QueueSettings
from horngate.server.simulate.arrivals import Arrival, Load
from horngate.server.simulate.world import Site, World

ROW_S = 0.01
LINEAR = Curve({1: 1 / ROW_S, 64: 1 / ROW_S})
FLAT = Curve({1: 1 / ROW_S, 64: 64 / ROW_S})


def test_one_device_and_single_rows_are_the_queue_of_the_textbook() -> None:
    """M/D/1: the mean time in the system at load p is s + p * s / (2 * (1 - p)) (Pollaczek and Khinchine)."""
    load, found = 0.7, []
    for seed in range(2):
        world = World(Site(devices=1, curve=LINEAR, limit=1, queue=QueueSettings(rows=10**9)))
        figures = world.run(Load(rate=load / ROW_S).arrivals(20000, 1.0, seed))
        found.append(figures.mean_latency_s)
        assert figures.utilisation == pytest.approx(load, rel=0.05)
        assert figures.rows_per_s == pytest.approx(load / ROW_S, rel=0.05)
    assert statistics.mean(found) == pytest.approx(ROW_S + load * ROW_S / (2 * (1 - load)), rel=0.05)


def test_throughput_grows_with_devices_and_a_queue_a_device_costs_little() -> None:
    rates, tails = {}, {}
    for devices in (1, 8, 64):
        for one_queue in (False, True):
            site = Site(
                devices=devices, curve=LINEAR, limit=8, one_queue=one_queue, queue=QueueSettings(rows=10**9)
            )
            figures = World(site).run(
                Load(rate=3.0, relative=True).arrivals(5000, site.capacity_rows_per_s, 0)
            )
            rates[devices, one_queue] = figures.rows_per_s
            usual = World(site).run(Load(rate=0.8, relative=True).arrivals(5000, site.capacity_rows_per_s, 0))
            tails[devices, one_queue] = usual.latencies_s[2]
    for devices in (8, 64):
        assert rates[devices, False] >= 0.97 * devices * rates[1, False]
        assert tails[devices, False] <= 1.6 * tails[devices, True]


def test_bursts_ride_together_and_delay_makes_batches_larger() -> None:
    site = Site(devices=1, curve=FLAT, limit=16)
    figures = World(site).run(Load(rate=100, burst=16).arrivals(1600, 1.0, 0))
    assert figures.batch_rows > 6  # the first of a burst goes at once, the others together
    patient = Site(devices=1, curve=FLAT, limit=16, queue=QueueSettings(max_delay_s=0.05))
    assert World(patient).run(Load(rate=100, burst=16).arrivals(1600, 1.0, 0)).batch_rows == 16


def test_what_is_refused_expires_or_is_split_is_counted() -> None:
    site = Site(devices=1, curve=LINEAR, limit=4, queue=QueueSettings(rows=8))
    flood = [Arrival(at_s=0.0) for _ in range(20)]
    figures = World(site).run(flood)
    # One runs, eight wait.
    assert figures.refused == pytest.approx(11 / 20)
    late = [Arrival(at_s=0.0, rows=4), Arrival(at_s=0.0, rows=1, timeout_s=0.02)]
    assert World(site).run(late).expired == pytest.approx(1 / 2)
    large = World(site).run([Arrival(at_s=0.0, rows=10)])
    assert (large.batch_rows, large.latencies_s[0]) == (pytest.approx(10 / 3), pytest.approx(0.1))
