"""HandleReloadConfigRequest: labels moved from one version to another while everything is served.

The repository's folder says which models and versions there are, and it is watched; a configuration that asks for
others is refused with what to do. The supervisor holds the labels, so that every gateway has the same.
"""

import time
from collections.abc import Callable
from typing import Any

from horngate.contract.errors import InvalidRequest, LoadError, NotFound, Unavailable, Unsupported
from horngate.server.gateway.infer import Respond
from horngate.server.gateway.routes import Routes
from horngate.tfs import messages as tfs

Labels = dict[str, dict[str, str]]
"""By model: the version that each label means."""

PATIENCE_S = 30.0
"""How long labels may take to be published; others that are moved meanwhile may come before."""


class Relabelling:
    """Requests whose labels the supervisor has not published yet. The gateway's event loop owns it."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._waiting: list[tuple[Labels, Respond, float]] = []

    def take(self, request: tfs.ReloadConfigRequest, routes: Routes, respond: Respond) -> None:
        """Ask for the labels; answer once they hold. An error says what is not as the configuration wants it."""
        wanted = read_labels(request, routes)
        if _holds(wanted, routes):
            respond(_done())
            return
        self._waiting.append((wanted, respond, time.monotonic() + PATIENCE_S))
        self._tell("labels", wanted)

    def update(self, routes: Routes) -> None:
        """Take a new table."""
        done = [each for each in self._waiting if _holds(each[0], routes)]
        self._waiting = [each for each in self._waiting if each not in done]
        for _, respond, _ in done:
            respond(_done())

    def sweep(self) -> None:
        """Answer who waits too long: others moved the same labels meanwhile, or a version is gone."""
        now_s = time.monotonic()
        late = [each for each in self._waiting if each[2] <= now_s]
        self._waiting = [each for each in self._waiting if each not in late]
        for wanted, respond, _ in late:
            moved = ", ".join(f"'{name}'" for name in wanted)
            respond(
                Unavailable(
                    f"the labels of {moved} were not as asked for within {PATIENCE_S:.0f} s; ask again"
                )
            )


def read_labels(request: tfs.ReloadConfigRequest, routes: Routes) -> Labels:
    """The labels of every model that the configuration lists."""
    if request.metric_names:
        raise Unsupported(
            "metric_names are asked for; this server's metrics are at /metrics on its HTTP port"
        )
    if request.config.WhichOneof("config") != "model_config_list":
        raise InvalidRequest("ReloadConfigRequest has no model_config_list; no other configuration is served")
    configs = request.config.model_config_list.config
    if len({config.name for config in configs}) < len(configs):
        raise InvalidRequest("model_config_list names a model twice; expected each once")
    return {config.name: _labels(config, routes) for config in configs}


def _labels(config: tfs.ModelConfig, routes: Routes) -> dict[str, str]:
    versions = routes.entries.get(config.name)
    if not versions:
        raise NotFound(
            f"model '{config.name}' is not in the repository, whose folder says what is served: put it there"
        )
    ready = [version for version, entry in versions.items() if entry.ready]
    _check_policy(config, ready, next(iter(versions.values())).policy)
    for label, version in config.version_labels.items():
        if str(version) not in ready:
            raise LoadError(
                f"Request to assign label to version {version} of model {config.name}, which is not currently "
                f"available for inference; label '{label}' can be given to {', '.join(ready) or 'none'}"
            )
    return {label: str(version) for label, version in config.version_labels.items()}


def _check_policy(config: tfs.ModelConfig, ready: list[str], served: str) -> None:
    policy: Any = config.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "specific":
        agrees = {str(version) for version in policy.specific.versions} == set(ready)
    elif kind == "all":
        agrees = served == "all"
    else:
        agrees = kind is None or len(ready) <= max(policy.latest.num_versions, 1)
    if not agrees:
        raise LoadError(
            f"model '{config.name}' serves {', '.join(ready)}; its model.toml says which versions, and the "
            f"configuration asks for '{kind}': set versions there"
        )


def _holds(wanted: Labels, routes: Routes) -> bool:
    return all(routes.version_labels.get(name, {}) == labels for name, labels in wanted.items())


def _done() -> bytes:
    response = tfs.ReloadConfigResponse()
    response.status.error_code = 0
    return response.SerializeToString()
