"""From the configuration that an old Keras wrote to one that today's means the same by.

Nothing here imports Keras or runs anything of the file: steps are pure functions on the configuration.
"""

from horngate.zoo.files.upgrade.chain import STEPS, Taken, Upgraded, upgrade

__all__ = ["STEPS", "Taken", "Upgraded", "upgrade"]
