"""The application: one for all models, which routes by model."""

from collections.abc import Mapping
from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, RequestRouterConfig

from horngate.ray.front import Front
from horngate.ray.replica import Replica
from horngate.ray.settings import Settings, read_settings

HEAD = "node:__internal_head__"
ONGOING = 1024
"""Calls that a replica holds at a time: its own queues bound them by rows, bytes and deadlines."""


def application(args: Mapping[str, Any]) -> Any:
    """The application for Ray Serve. LoadError: an argument is wrong.

    `serve run horngate.ray.application:application models=/models least=2` makes it.
    """
    settings = read_settings(args)
    return _fronts(settings).bind(settings.front, _replicas(settings).bind(settings.replica))


def _replicas(settings: Settings) -> Any:
    scale = settings.scale
    return serve.deployment(
        name="replicas",
        max_ongoing_requests=ONGOING,
        autoscaling_config=AutoscalingConfig(
            min_replicas=scale.least,
            initial_replicas=scale.least,
            max_replicas=scale.most,
            target_ongoing_requests=scale.requests,
        ),
        request_router_config=RequestRouterConfig(request_router_class="horngate.ray.routing.StickyRouter"),
        ray_actor_options={"num_cpus": settings.replica.cpus, "num_gpus": settings.replica.gpus},
        health_check_period_s=5.0,
        graceful_shutdown_timeout_s=60.0,
    )(Replica)


def _fronts(settings: Settings) -> Any:
    alone = settings.front.fronts == 1
    return serve.deployment(
        name="fronts",
        num_replicas=settings.front.fronts,
        ray_actor_options={"num_cpus": 0, "resources": {HEAD: 0.001} if alone else {}},
        **({} if alone else {"max_replicas_per_node": 1}),
    )(Front)
