"""Metrics for Prometheus: a file for the node exporter's collector, a port, or both."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import keras


class Prometheus(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells epoch, steps and the metrics as gauges named `horngate_training_…`, labelled with `run`.

    `filename` is written anew at each epoch's end, in one step. With `port` above -1 the same is served on
    `host`; port 0 is any free one, which `address` tells.
    """

    def __init__(
        self, filename: str = "metrics.prom", port: int = -1, host: str = "127.0.0.1", run: str = ""
    ) -> None:
        super().__init__()
        self.filename, self.port, self.host, self.run = filename, port, host, run
        self.address = ""
        self._gauges: dict[str, float] = {}
        self._server: ThreadingHTTPServer | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Called by Keras."""
        if self.port >= 0 and self._server is None:
            self._server = ThreadingHTTPServer((self.host, self.port), _handler(self.text))
            self.address = f"{self.host}:{self._server.server_address[1]}"
            threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Called by Keras."""
        self._gauges = {"epoch": epoch + 1.0, "steps": float(self.model.optimizer.iterations), **(logs or {})}
        if self.filename:
            unfinished = Path(f"{self.filename}.unfinished")
            unfinished.write_text(self.text())
            unfinished.replace(self.filename)

    def on_train_end(self, logs: Any = None) -> None:
        """Called by Keras."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def text(self) -> str:
        """All gauges in Prometheus's text format."""
        run = self.run.replace("\\", "\\\\").replace('"', '\\"')
        return "".join(
            f'# TYPE horngate_training_{name} gauge\nhorngate_training_{name}{{run="{run}"}} {value}\n'
            for name, value in ((_plain(name), value) for name, value in self._gauges.items())
        )


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _handler(text: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a scrape is no news."""

    return Handler
