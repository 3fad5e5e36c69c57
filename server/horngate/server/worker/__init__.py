"""A worker: the queue, the scheduler and the loaded programs of one device."""
