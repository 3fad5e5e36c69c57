"""KServe's SDK as a caller: `python kserve_client.py GRPC HTTP MODEL INPUT < rows.json`.

It runs in an environment with `kserve` and nothing of Horngate's, and prints one JSON object: what its two clients
say and get.
"""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferInput, InferRequest
from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig


def request(model: str, name: str, rows: Any, *, raw: bool) -> InferRequest:
    """A prediction of some rows, as raw bytes or as numbers."""
    array = np.array(rows, np.float32)
    tensor = InferInput(name, list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=raw)
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="mine")


def values(answer: Any) -> Any:
    """The first output's rows."""
    return answer.outputs[0].as_numpy().tolist()


async def over_grpc(address: str, model: str, name: str, rows: Any) -> dict[str, Any]:
    """The gRPC client: every method that it has."""
    async with InferenceGRPCClient(address, timeout=30) as client:
        told = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model_ready": await client.is_model_ready(model),
            "raw": values(await client.infer(request(model, name, rows, raw=True))),
            "typed": values(await client.infer(request(model, name, rows, raw=False))),
        }
        try:
            await client.infer(request("nobody", name, rows, raw=True))
        except Exception as error:
            told["error"] = str(error)
    return told


async def over_http(address: str, model: str, name: str, rows: Any) -> dict[str, Any]:
    """The REST client: the protocol's version 2, in JSON and in binary."""
    base = f"http://{address}"
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
    told = {
        "live": await client.is_server_live(base),
        "ready": await client.is_server_ready(base),
        "model_ready": await client.is_model_ready(base, model),
        "raw": values(await client.infer(base, request(model, name, rows, raw=True), model_name=model)),
        "typed": values(await client.infer(base, request(model, name, rows, raw=False), model_name=model)),
    }
    try:
        await client.infer(base, request("nobody", name, rows, raw=True), model_name="nobody")
    except Exception as error:
        told["error"] = str(error)
    await client.close()
    return told


async def main(grpc: str, http: str, model: str, name: str) -> None:
    rows = json.load(sys.stdin)
    found = {
        "grpc": await over_grpc(grpc, model, name, rows),
        "http": await over_http(http, model, name, rows),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
