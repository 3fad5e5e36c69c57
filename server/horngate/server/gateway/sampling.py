"""A sampler that can be turned while the server runs."""

from typing import Any


class Dial:
    """One of `rate` requests is traced, and every request whose caller traces it. Any thread may ask it."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased

        class Root(Sampler):
            def __init__(self) -> None:
                self.ratio = TraceIdRatioBased(1.0)

            def should_sample(self, *arguments: Any, **named: Any) -> Any:
                return self.ratio.should_sample(*arguments, **named)

            def get_description(self) -> str:
                return f"Dial{{{self.ratio.get_description()}}}"

        self._ratio_of = TraceIdRatioBased
        self._root = Root()
        self.sampler = ParentBased(self._root)

    def turn(self, rate: int) -> None:
        """Trace one of so many from now on."""
        self._root.ratio = self._ratio_of(1.0 / rate)
