"""A gateway: speaks the protocols and nothing else. Decode, route, encode."""
