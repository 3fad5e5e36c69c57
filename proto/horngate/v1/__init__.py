"""What Horngate adds to the Open Inference Protocol: every layer described."""
