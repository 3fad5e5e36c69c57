"""The zoo's architectures built: those of `keras.applications`, and those that it has no more."""

from horngate.zoo.architectures.building import build, build_choice

__all__ = ["build", "build_choice"]
