"""The protocols: services and messages of the `.proto` files, and HTTP's paths of the OpenAPI description."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROTO = ROOT / "proto/horngate"
OPENAPI = ROOT / "server/horngate/server/gateway/http/openapi.json"
FILES = {
    "The Open Inference Protocol": "oip/grpc_service.proto",
    "Model configuration": "oip/model_config.proto",
    "Horngate's own": "v1/horngate.proto",
    "TensorFlow Serving": "tfs/serving.proto",
    "TensorFlow's tensors": "tfs/tensorflow.proto",
}
HEAD = """# Protocols

Made from the `.proto` files of the repository and from the description of HTTP. What works of each is told under
[Triton's clients](../triton.md), [TensorFlow Serving's clients](../tensorflow-serving.md) and [HTTP](../http.md).
"""
_RPC = re.compile(r"rpc (\w+)\((stream )?(\w+)\)\s*returns \((stream )?(\w+)\)")


def page() -> str:
    """A section for each file, and one for HTTP."""
    sections = [line for title, file in FILES.items() for line in _file(title, PROTO / file)]
    return "\n".join([HEAD, *sections, *_http()])


def _file(title: str, path: Path) -> Iterator[str]:
    text = path.read_text()
    package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
    yield f"## {title}\n"
    yield f"`package {package[1] if package else ''}`. {_opening(text)}\n"
    for service in re.finditer(r"^service (\w+) \{(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        yield f"| `{service[1]}` | takes | gives |\n|---|---|---|"
        for name, asked_many, asked, told_many, told in _RPC.findall(service[2]):
            yield f"| `{name}` | {asked_many}`{asked}` | {told_many}`{told}` |"
        yield ""
    yield f'??? note "{path.name}"\n'
    yield "    ```protobuf"
    yield from (f"    {line}".rstrip() for line in text.rstrip().splitlines())
    yield "    ```\n"


def _opening(text: str) -> str:
    """The comment that a file begins with."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.removeprefix("//").strip())
    return " ".join(lines)


def _http() -> Iterator[str]:
    described = json.loads(OPENAPI.read_text())
    yield "## HTTP\n"
    yield f"{described['info']['description']} The server itself has the whole description, at `/openapi.json`.\n"
    yield "| | path | |\n|---|---|---|"
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post", "put", "delete"):
                yield f"| {method.upper()} | `{path}` | {operation.get('summary', '')} |"
    yield ""
