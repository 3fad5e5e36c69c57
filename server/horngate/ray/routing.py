"""Which replica a call goes to: Ray Serve's own choice, but for sequences."""

import hashlib
from typing import Any

from ray.serve._private.request_router.pow_2_router import PowerOfTwoChoicesRequestRouter
from ray.serve.request_router import RunningReplica


class StickyRouter(PowerOfTwoChoicesRequestRouter):  # type: ignore[misc]
    """The steps of a sequence (Serve's session) go to one replica; other calls to the less busy of two.

    Each replica has a weight that the sequence gives it, and the heaviest is it: every front finds the same, and a
    replica that goes moves no other's sequences. One that comes takes its share of them.
    """

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: Any = None
    ) -> list[list[RunningReplica]]:
        """See RequestRouter."""
        session = pending_request.metadata.session_id if pending_request is not None else ""
        if not session or not candidate_replicas:
            chosen: list[list[RunningReplica]] = await super().choose_replicas(
                candidate_replicas, pending_request
            )
            return chosen
        return [[max(candidate_replicas, key=lambda replica: _weight(session, replica.replica_id.unique_id))]]


def _weight(session: str, replica: str) -> bytes:
    return hashlib.blake2b(f"{replica}\0{session}".encode(), digest_size=8).digest()
