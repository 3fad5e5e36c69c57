// A Horngate server called from Node, from the .proto files alone: nothing is generated, nothing is installed but
// grpc-js and proto-loader.
//
//     npm install && node ask.js localhost:8001 digits < rows.json
//
// rows.json holds an array of the model's one float32 input, rows first. Prints one JSON object: what the server says of
// itself and of the model, the predictions by a unary call, the same through a stream a row at a time, and what two
// requests that are wrong are told.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const HERE = dirname(fileURLToPath(import.meta.url));
const PROTO = process.env.HORNGATE_PROTO ?? join(HERE, "..", "..", "proto");
const FILES = ["horngate/oip/grpc_service.proto", "horngate/v1/horngate.proto", "horngate/tfs/serving.proto"];
// Numbers of 64 bits as numbers: shapes fit. Fields that are not there get their defaults.
const SETTINGS = { includeDirs: [PROTO], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };
const DEADLINE_MS = 30_000;

const contract = grpc.loadPackageDefinition(loadSync(FILES, SETTINGS));

/** A client whose unary methods are promises, each with a deadline. */
function connect(Service, address) {
  const client = new Service(address, grpc.credentials.createInsecure());
  const ask = (method, message) =>
    promisify(client[method]).call(client, message, { deadline: Date.now() + DEADLINE_MS });
  return { client, ask };
}

/** A ModelInferRequest: values travel as raw little-endian bytes, their shape beside them. */
function inferRequest(model, input, rows, id = "") {
  const shape = [];
  for (let level = rows; Array.isArray(level); level = level[0]) shape.push(level.length);
  return {
    model_name: model,
    id,
    inputs: [{ name: input.name, datatype: "FP32", shape }],
    raw_input_contents: [Buffer.from(Float32Array.from(rows.flat(Infinity)).buffer)],
  };
}

/** The first output's values, flat. */
function values(answer) {
  const raw = answer.raw_output_contents[0];
  return Array.from({ length: raw.length / 4 }, (_, place) => raw.readFloatLE(4 * place));
}

/** Each row as a request of one stream, and the answers in their order. */
async function throughAStream(client, model, input, rows) {
  const stream = client.ModelStreamInfer({ deadline: Date.now() + DEADLINE_MS });
  rows.forEach((row, place) => stream.write(inferRequest(model, input, [row], `row ${place}`)));
  stream.write(inferRequest("nobody", input, [rows[0]], "wrong"));
  stream.end();
  const answers = [];
  for await (const { error_message, infer_response } of stream)
    answers.push(
      error_message
        ? { error: error_message, id: infer_response?.id }
        : { id: infer_response.id, values: values(infer_response) },
    );
  return answers;
}

/** How the server refuses a request. */
async function refusal(call) {
  try {
    await call;
    return null;
  } catch (error) {
    return { code: grpc.status[error.code], details: error.details };
  }
}

async function main([address, model], rows) {
  const { client, ask } = connect(contract.inference.GRPCInferenceService, address);
  const horngate = connect(contract.horngate.v1.Horngate, address);
  const tensorflow = connect(contract.tensorflow.serving.PredictionService, address);
  const server = await ask("ServerMetadata", {});
  const metadata = await ask("ModelMetadata", { name: model });
  const [input] = metadata.inputs;
  const answer = await ask("ModelInfer", inferRequest(model, input, rows));
  const described = await horngate.ask("DescribeModel", { name: model });
  const size = (list) => (Array.isArray(list) ? [{ size: list.length }, ...size(list[0])] : []);
  const predicted = await tensorflow.ask("Predict", {
    model_spec: { name: model },
    inputs: { [input.name]: { dtype: "DT_FLOAT", tensor_shape: { dim: size(rows) }, float_val: rows.flat(Infinity) } },
  });
  const told = {
    server: { name: server.name, extensions: server.extensions },
    model: { versions: metadata.versions, inputs: metadata.inputs, outputs: metadata.outputs },
    layers: described.layers.map((layer) => layer.name),
    shape: answer.outputs[0].shape,
    unary: values(answer),
    tensorflow: Object.values(predicted.outputs)[0].float_val,
    stream: await throughAStream(client, model, input, rows),
    refused: [
      await refusal(ask("ModelInfer", inferRequest("nobody", input, rows))),
      await refusal(ask("ModelInfer", inferRequest(model, input, [[1, 2, 3]]))),
    ],
  };
  for (const each of [client, horngate.client, tensorflow.client]) each.close();
  return told;
}

const rows = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await main(process.argv.slice(2), rows)));
