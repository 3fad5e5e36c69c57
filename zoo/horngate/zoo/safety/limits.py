"""How much a file may hold before it is refused."""

from dataclasses import dataclass

_MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Caps on one file. Each is far above what a real model has.

    `declared_bytes` bounds the weights; a builder sets it to the memory that it has. Weights may declare
    `inflation` times the bytes that store them, and `spare_bytes` beside. `row_bytes` bounds what one row of
    input becomes in any layer.
    """

    config_bytes: int = 32 * _MIB
    config_depth: int = 100
    config_values: int = 5_000_000
    layers: int = 5_000
    objects: int = 200_000
    declared_bytes: int = 64 * 1024 * _MIB
    inflation: int = 32
    spare_bytes: int = 32 * _MIB

    def inflated(self, stored_bytes: int) -> int:
        """What may be declared over so many stored bytes."""
        return min(self.declared_bytes, stored_bytes * self.inflation + self.spare_bytes)
