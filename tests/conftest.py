"""How the tests are dealt out to processes (`-n 2`), and what they have in common."""

from typing import Any

from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says how busy the machine is.
settings.register_profile("horngate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("horngate")

_SERVERS_OF_THEIR_OWN = tuple(
    f"tests/integration/test_{name}.py"
    for name in (
        "hostile_files", "images", "memory", "monitoring", "old_files", "placement", "published_networks",
        "real_weights", "reload", "repository_orders", "scheduling", "sequences", "several_servers", "statistics",
        "tracing", "training", "worker_death", "zoo",
    )
)  # fmt: skip


class ByServer(LoadScopeScheduling):  # type: ignore[misc]
    """All that share one server go to one process, other files whole to whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shares = file.startswith("tests/integration/") and file not in _SERVERS_OF_THEIR_OWN
        return "servers" if shares else file


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Those with servers first: they take longest, and would end one process's work long after the other's."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/integration/"))


def pytest_xdist_make_scheduler(config: Any, log: Any) -> ByServer:
    """Called by pytest-xdist. Its own order is by the number of tests in a file."""
    config.option.loadscopereorder = False
    return ByServer(config, log)
