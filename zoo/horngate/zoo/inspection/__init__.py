"""What a Keras file holds, told without Keras and without running anything of the file.

Imports the standard library alone; h5py is imported when a file is opened.
"""

from horngate.zoo.inspection.report import InputReport, LayerReport, Report, inspect

__all__ = ["InputReport", "LayerReport", "Report", "inspect"]
