"""The Open Inference Protocol on the wire: messages, codecs, status codes."""
