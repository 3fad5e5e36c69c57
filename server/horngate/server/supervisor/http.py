"""/metrics and health over HTTP, for Prometheus and orchestrators."""

import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from horngate.server.scraping import registry

StartResponse = Callable[..., Any]
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


class MetricsServer:
    """Serves on threads of its own. `ready` is asked at each /healthz/ready."""

    def __init__(self, host: str, port: int, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._metrics = make_wsgi_app(registry())
        self._server = make_server(host, port, self._answer, _Server, _Handler)
        self.port: int = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="http", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: Mapping[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start)
            return answer
        if path == "/healthz/live":
            start("200 OK", list(_TEXT))
            return [b"live\n"]
        if path == "/healthz/ready":
            ready = self._ready()
            start("200 OK" if ready else "503 Service Unavailable", list(_TEXT))
            return [b"ready\n" if ready else b"not ready\n"]
        start("404 Not Found", list(_TEXT))
        return [b"there is /metrics, /healthz/live and /healthz/ready\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 30

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not news."""
