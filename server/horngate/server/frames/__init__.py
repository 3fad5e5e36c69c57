"""How the processes talk: length-prefixed msgpack frames on Unix sockets, large payloads in shared memory."""
