// Milliseconds of the processor that steps of a stream take in onnxruntime-web: node export_wasm.mjs PACKAGES MODEL STEPS, one thread.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [packages, model, count] = process.argv.slice(2);
const ort = await import(pathToFileURL(`${packages}/onnxruntime-web/dist/ort.wasm.min.mjs`));
const arrays = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array };
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(readFileSync(model));
const zeros = ({ name, type, shape }) => [name, new ort.Tensor(type, new arrays[type](shape.reduce((a, b) => a * b, 1)), shape)];
const [samples, ...states] = session.inputMetadata;
let given = Object.fromEntries([samples, ...states].map(zeros));
let begin; // when half of the steps are done: the first ones are compiled in haste
for (let step = 0; step < count; step++) {
  given[samples.name].data.forEach((_, i, all) => (all[i] = 0.1 * Math.random()));
  if (step === count >> 1) begin = process.cpuUsage();
  const out = await session.run(given);
  states.forEach(({ name }, i) => (given[name] = out[session.outputNames[1 + i]]));
}
const { user, system } = process.cpuUsage(begin);
console.log((user + system) / 1000 / (count - (count >> 1)));
