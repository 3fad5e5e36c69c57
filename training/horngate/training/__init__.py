"""Training runs whose results are served."""
