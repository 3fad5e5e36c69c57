"""What in a Keras file could act, or take more than it brings, found before Keras sees the file.

Imports the standard library alone; h5py and yaml are imported when a file is opened. libhdf5 itself can crash or
hang on a damaged file: call this where that costs nothing, that is in the builder or in a child with limits.
"""

from horngate.zoo.safety.check import check, examine
from horngate.zoo.safety.findings import Danger, Finding, Findings
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.permission import Permission

__all__ = ["Danger", "Finding", "Findings", "Limits", "Permission", "check", "examine"]
