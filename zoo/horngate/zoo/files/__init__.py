"""Keras files, opened: what one holds, how its age is brought up to today's, and the model that it is.

source      what a file holds, read without Keras: architecture, weights, training state, who wrote it
upgrade     a chain of small steps, each for one change in Keras's history, on the configuration alone
rebuild     the upgraded configuration as today's Keras model, with the stored weights in it
legacy      layers and functions that old files need and today's Keras has not
"""

from horngate.zoo.files.opening import Opened, load, load_weights, open_architecture, open_model

__all__ = ["Opened", "load", "load_weights", "open_architecture", "open_model"]
