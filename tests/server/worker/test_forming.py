"""What a batch is made of, and which thread may run it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from horngate.server.worker.forming import is_brief
from horngate.server.worker.queues import Ride


@pytest.mark.parametrize(
    ("charged_s", "is_known", "alone", "brief"),
    [
        (1e-4, True, False, True),
        (1e-2, True, False, False),
        (1e-4, False, False, False),
        (1e-4, True, True, False),
    ],
)
def test_only_what_is_known_to_take_a_moment_is_run_by_the_main_thread(
    charged_s: float, is_known: bool, alone: bool, brief: bool
) -> None:
    ride = Ride(program=None, names=(), charged_s=charged_s, is_cost_known=is_known)
    assert is_brief(ride, cast(Any, SimpleNamespace(alone=alone, seed=None))) == brief
