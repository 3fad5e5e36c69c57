"""The Open Inference Protocol as HTTP and JSON, in a gateway of its own."""
