"""TensorFlow Serving's API for clients: the services' messages, and what they hold of TensorFlow's own."""
