"""Keras models: files in and out, architectures, and their form as ONNX graphs."""
