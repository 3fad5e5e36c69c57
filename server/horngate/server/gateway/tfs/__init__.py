"""TensorFlow Serving's API over the gateway's own methods."""
