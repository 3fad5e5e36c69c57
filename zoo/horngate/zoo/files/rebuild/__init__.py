"""An upgraded configuration as today's Keras model, and the stored weights put in."""
