"""Mixed traffic: every way of calling a server, each in a thread of its own, at its own pace."""

import http.client
import io
import itertools
import json
import os
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as memory
from PIL import Image

from horngate.cli.serving import Serving
from horngate.client import Client, HorngateError, InvalidRequest, NotFound

KEPT_VERSIONS = 2
WIDTH = 32


class Traffic:
    """`answered` and `failed` count by way; `messages` has the first failure of each. Threads end at `stop`."""

    def __init__(self, server: Serving, folder: Path, rate: float) -> None:
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.messages: dict[str, str] = {}
        self._server = server
        self._folder = folder
        self._rate = rate
        self._stopped = threading.Event()
        self._versions = itertools.cycle(sorted((folder / "versions").iterdir()))
        self._newest = 1
        ways: dict[Callable[[], None], float] = {
            self.unary: 0.05, self.layers: 0.3, self.lengths: 0.2, self.pictures: 0.3, self.sequence: 0.5,
            self.abandoned: 2.0, self.stream: 1.0, self.over_http: 0.1, self.shared: 0.5, self.refused: 1.0,
            self.hung_up: 1.0, self.looked_at: 5.0, self.new_version: 20.0, self.training: 3.0,
        }  # fmt: skip
        self._client = Client(server.grpc, timeout=60)
        self._threads = [threading.Thread(target=self._walk, args=item, daemon=True) for item in ways.items()]

    def start(self) -> None:
        """Begin all ways."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all ways; a minute at the most."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)
        self._client.close()

    def _walk(self, way: Callable[[], None], pause_s: float) -> None:
        chance = random.Random(way.__name__)
        while not self._stopped.wait(chance.expovariate(self._rate / pause_s)):
            try:
                way()
                self.answered[way.__name__] += 1
            except Exception as error:
                self.failed[way.__name__] += 1
                self.messages.setdefault(way.__name__, f"{type(error).__name__}: {error}"[:300])

    def unary(self) -> None:
        """Rows of a dense network; now and then many."""
        rows = random.choice((1, 1, 1, 4, 32, 2000))
        assert self._client.predict("dense", _rows(rows)).shape == (rows, 10)

    def layers(self) -> None:
        """Other outputs than the model's own."""
        names = random.choice(("hidden", ["hidden", "y"], "layer:0"))
        self._client.predict("dense", _rows(3), layers=names)

    def lengths(self) -> None:
        """A free axis of any size."""
        tokens = np.random.default_rng().integers(0, 50, (2, random.randint(1, 200)), dtype=np.int32)
        assert self._client.predict("text", tokens).shape == (2, 3)

    def pictures(self) -> None:
        """Files that are decoded, and one that is none."""
        assert self._client.classify("pictures", _jpeg(), top=2)
        with suppress(InvalidRequest):
            self._client.classify("pictures", b"no picture")

    def sequence(self) -> None:
        """A few steps, ended in order."""
        with self._client.sequence("stateful") as sequence:
            for _ in range(4):
                assert sequence.predict(_window()).shape == (1, 4)

    def abandoned(self) -> None:
        """A step, and then silence: the sequence has to expire."""
        self._triton_step(sequence_id=random.getrandbits(60) + 1, sequence_start=True)

    def _triton_step(self, **options: object) -> None:
        client = triton.InferenceServerClient(self._server.grpc)
        window = _window()
        tensor = triton.InferInput("x", list(window.shape), "FP32")
        tensor.set_data_from_numpy(window)
        client.infer("stateful", [tensor], **options)
        client.close()

    def stream(self) -> None:
        """A stream of ten, on a connection of its own."""
        client = triton.InferenceServerClient(self._server.grpc)
        heard: list[object] = []
        done = threading.Semaphore(0)

        def hear(result: object, error: object) -> None:
            heard.append(error)
            done.release()

        client.start_stream(hear)
        for _ in range(10):
            client.async_stream_infer("dense", [_triton_rows(2)])
        assert all(done.acquire(timeout=60) for _ in range(10))
        client.stop_stream()
        client.close()
        assert not any(heard), heard

    def over_http(self) -> None:
        """JSON, on a new connection each time."""
        rows = _rows(2)
        body = {
            "inputs": [{"name": "x", "datatype": "FP32", "shape": rows.shape, "data": rows.ravel().tolist()}]
        }
        connection = http.client.HTTPConnection(self._server.http, timeout=60)
        connection.request("POST", "/v2/models/dense/infer", json.dumps(body))
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        assert answer.status == 200, told

    def shared(self) -> None:
        """Shared memory: made, registered, read by the server, forgotten."""
        name = f"soak-{os.getpid()}-{random.getrandbits(40):x}"
        rows = _rows(4)
        handle = memory.create_shared_memory_region(name, f"/{name}", rows.nbytes)
        client = triton.InferenceServerClient(self._server.grpc)
        try:
            memory.set_shared_memory_region(handle, [rows])
            client.register_system_shared_memory(name, f"/{name}", rows.nbytes)
            tensor = triton.InferInput("x", list(rows.shape), "FP32")
            tensor.set_shared_memory(name, rows.nbytes)
            client.infer("dense", [tensor])
            client.unregister_system_shared_memory(name)
        finally:
            client.close()
            memory.destroy_shared_memory_region(handle)

    def refused(self) -> None:
        """What cannot be answered."""
        for model, rows in (("dense", _rows(1)[:, :5]), ("nobody", _rows(1))):
            try:
                self._client.predict(model, rows)
            except (InvalidRequest, NotFound):
                continue
            raise AssertionError(f"{model} was answered")

    def hung_up(self) -> None:
        """A caller that does not wait, and one that only connects."""
        with suppress(HorngateError):
            self._client.predict("dense", _rows(20_000), timeout=random.choice((0.002, 0.02, 0.2)))
        connection = http.client.HTTPConnection(self._server.http, timeout=60)
        connection.connect()
        connection.send(b"POST /v2/models/dense/infer HTTP/1.1\r\nHost: soak\r\nContent-Length: 999\r\n\r\n{")
        connection.close()

    def looked_at(self) -> None:
        """Metrics, layers, the index."""
        connection = http.client.HTTPConnection(self._server.metrics, timeout=60)
        connection.request("GET", "/metrics")
        assert connection.getresponse().read()
        connection.close()
        self._client.describe("text")
        triton_client = triton.InferenceServerClient(self._server.grpc)
        triton_client.get_model_repository_index()
        triton_client.close()

    def training(self) -> None:
        """The learning phase, on Keras."""
        self._client.predict("dense", _rows(4), training=True, seed=1)

    def new_version(self) -> None:
        """A new version of a model under load; old ones are taken away."""
        served = self._folder / "models/dense"
        self._newest += 1
        partial = served / f".{self._newest}"
        partial.mkdir()
        shutil.copyfile(next(self._versions), partial / "model.h5")
        partial.rename(served / str(self._newest))
        shutil.rmtree(served / str(self._newest - KEPT_VERSIONS), ignore_errors=True)
        deadline = time.monotonic() + 120
        while self._client.describe("dense").version != str(self._newest):
            if time.monotonic() > deadline or self._stopped.wait(0.5):
                break


def _rows(rows: int) -> np.ndarray:
    return np.random.default_rng().random((rows, WIDTH), np.float32)


def _window() -> np.ndarray:
    return np.random.default_rng().random((1, 5, 8), np.float32)


def _triton_rows(rows: int) -> triton.InferInput:
    tensor = triton.InferInput("x", [rows, WIDTH], "FP32")
    tensor.set_data_from_numpy(_rows(rows))
    return tensor


def _jpeg() -> bytes:
    file = io.BytesIO()
    size = (random.randint(20, 300), random.randint(20, 300))
    Image.new("RGB", size, (random.randrange(256), 90, 30)).save(file, "JPEG")
    return file.getvalue()
