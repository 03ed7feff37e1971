// A worker: steps of samples in, words out. It runs the step graph and keeps its state from one step to the next.

import { Decoder } from "./decoder.js";
import { metadata } from "./metadata.js";
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const MODEL = "words.step.onnx", MOST_WAITING_S = 5;
const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array };

ort.env.wasm.numThreads = 1; // a step takes a fraction of its own time

async function load() {
  const response = await fetch(MODEL);
  if (!response.ok) throw new Error(`${MODEL} is not here: audioconv export words.onnx writes it`);
  const model = new Uint8Array(await response.arrayBuffer()), about = metadata(model);
  if (about.kind !== "KeywordDetector") throw new Error(`${MODEL} holds no KeywordDetector, but ${about.kind}`);
  return { about, session: await ort.InferenceSession.create(model) };
}

function zeros({ name, type, shape }) {
  return [name, new ort.Tensor(type, new ARRAYS[type](shape.reduce((a, b) => a * b, 1)), shape)];
}

/** A stream of steps: what `take` is given waits for its turn, and `tell` gets words and the level of each step. */
function stream({ about, session }, tell) {
  const [samples, ...stateInputs] = session.inputMetadata, [rows, ...stateOutputs] = session.outputNames;
  const decoder = new Decoder(about), most = (MOST_WAITING_S * about.sample_rate) / about.step_samples;
  let states = Object.fromEntries(stateInputs.map(zeros)), late = about.late_rows, waiting = [], running = false;

  async function step(block) {
    const given = await session.run({ [samples.name]: new ort.Tensor("float32", block, samples.shape), ...states });
    states = Object.fromEntries(stateInputs.map(({ name }, i) => [name, given[stateOutputs[i]]]));
    const { data, dims: [count, labels] } = given[rows];
    for (let row = 0; row < count; row++) {
      if (late-- > 0) continue; // the sound before it is not whole
      const word = decoder.process(data.subarray(row * labels, (row + 1) * labels));
      if (word) tell({ word });
    }
    tell({ levelDb: 10 * Math.log10(1e-10 + block.reduce((sum, x) => sum + x * x, 0) / block.length) });
  }

  return async function take(block) {
    waiting.push(block);
    if (waiting.length > most) throw new Error("this machine is too slow for the detector");
    if (running) return;
    running = true;
    while (waiting.length) await step(waiting.shift());
    running = false;
  };
}

const say = (error) => postMessage({ error: error.message });
const loaded = load();
loaded.then(({ about }) => postMessage({ about }), say);

let port = null;
onmessage = async ({ ports: [blocks] }) => { // a new stream; none: the end
  port?.close();
  port = blocks ?? null;
  if (!port) return;
  const take = stream(await loaded, postMessage);
  blocks.onmessage = ({ data }) => take(data).catch((error) => { blocks.close(); say(error); });
};
