"""Certificates of a server, read again when their files change."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from horngate.contract.errors import LoadError

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, kw_only=True)
class Tls:
    """PEM files: the server's certificate (with its chain) and key.

    With `client_ca`, callers need a certificate that it signed.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def check(self) -> None:
        """LoadError if a file cannot be read or does not fit the others."""
        self.context()

    def context(self) -> ssl.SSLContext:
        """What the files hold now, for HTTP. LoadError if they do not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
                context.num_tickets = 0  # With one, a caller came back whose authority is no longer trusted.
            return context
        except (OSError, ssl.SSLError) as error:
            files = [self.certificate, self.key, *([self.client_ca] if self.client_ca else [])]
            raise LoadError(f"TLS: {', '.join(map(str, files))}: {error}") from error

    def credentials(self) -> "grpc.ServerCredentials":
        """For gRPC. The files are looked at with each new connection."""
        import grpc

        known = [self.changed()]

        def fetch() -> Any:
            now = self.changed()
            if now == known[0]:
                return None
            try:
                self.check()
            except LoadError:
                return None  # Half-written; the next connection looks again.
            known[0] = now
            return self._configuration()

        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), fetch, require_client_authentication=self.client_ca is not None
        )

    def changed(self) -> tuple[int, ...]:
        """A value that differs once a file was written."""
        files = [self.certificate, self.key, *([self.client_ca] if self.client_ca else [])]
        return tuple(_written_ns(file) for file in files)

    def _configuration(self) -> Any:
        import grpc

        authority = self.client_ca.read_bytes() if self.client_ca else None
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=authority)


def _written_ns(file: Path) -> int:
    """When a file was written; 0 while it is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
