"""Who has a program to themselves hears that another thread waits."""

import threading
import time

from horngate.server.worker.alone import Alone

PATIENCE_S = 60.0


def test_it_is_wanted_while_somebody_waits_for_it() -> None:
    alone, has_it = Alone(), threading.Event()

    def wait() -> None:
        with alone:
            has_it.set()

    assert alone.acquire()
    assert not alone.is_wanted
    assert not alone.acquire(blocking=False)
    assert not alone.is_wanted, "nobody waits who does not block"
    waiting = threading.Thread(target=wait)
    waiting.start()
    until_s = time.monotonic() + PATIENCE_S
    while not alone.is_wanted and time.monotonic() < until_s:
        time.sleep(0.001)
    assert alone.is_wanted
    assert not has_it.is_set()
    alone.release()
    assert has_it.wait(PATIENCE_S)
    waiting.join(PATIENCE_S)
    assert not alone.is_wanted
    assert alone.acquire(blocking=False)
