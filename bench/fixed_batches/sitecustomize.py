"""Makes the workers of a server do as other servers do: batches of a fixed size, and no second try without memory.

For bench/memory_limit.py alone: in PYTHONPATH, with the size in HORNGATE_FIXED_ROWS. Python imports this before
anything else in every process of the server; only workers are changed.
"""

import os
import sys

if "horngate.server.worker.main" in sys.orig_argv:
    from horngate.server.worker import caps, memory_model, room
    from horngate.server.worker.engines import out_of_memory

    ROWS = int(os.environ["HORNGATE_FIXED_ROWS"])
    memory_model.MemoryModel.rows_within = lambda model, budget_bytes, shapes=(): ROWS
    caps.Cap.rows = property(lambda cap: ROWS)
    room.Room.make = lambda self, program, needed_bytes: True
    out_of_memory.is_out_of_memory = lambda fault: False
