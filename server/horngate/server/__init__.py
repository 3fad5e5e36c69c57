"""The serving processes: supervisor, gateway, worker, builder."""
