// The page: the microphone at the rate of the detector -> worklet.js -> detector.js (a worker) -> a table of words.

const [button, status, level, detections] = ["toggle", "status", "level", "detections"].map((id) => document.getElementById(id));
const worker = new Worker("detector.js", { type: "module" });
let about, context = null, microphone = null;

worker.onerror = (event) => say(event.message || "detector.js cannot be loaded: run npm ci in this folder");
worker.onmessage = ({ data }) => {
  if (data.about) {
    about = data.about;
    document.getElementById("labels").textContent = about.labels.join(", ");
    button.disabled = false;
    say("ready");
  } else if (data.word) list(data.word);
  else if (data.error) stop(data.error);
  else level.value = context ? data.levelDb : level.min;
};

function say(text) {
  status.textContent = text;
}

function list({ label, startS, endS, score }) {
  const row = detections.insertRow(0); // the newest comes first
  for (const text of [label, startS.toFixed(2), endS.toFixed(2), score.toFixed(2)]) {
    const cell = row.insertCell();
    cell.textContent = text;
    if (text !== label) cell.className = "number";
  }
}

async function start() {
  context = new AudioContext({ sampleRate: about.sample_rate }); // the browser resamples what the microphone gives
  await context.audioWorklet.addModule("worklet.js");
  const blocks = new AudioWorkletNode(context, "blocks", {
    numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit", processorOptions: { size: about.step_samples },
  });
  const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  microphone = await navigator.mediaDevices.getUserMedia({ audio: raw });
  const { port1, port2 } = new MessageChannel(); // past the page, which may be busy
  worker.postMessage(null, [port1]);
  blocks.port.postMessage(null, [port2]);
  context.createMediaStreamSource(microphone).connect(blocks);
  detections.replaceChildren();
  button.textContent = "Stop";
  say("listening");
}

function stop(why) {
  worker.postMessage(null);
  for (const track of microphone?.getTracks() ?? []) track.stop();
  context?.close();
  context = microphone = null;
  level.value = level.min;
  button.textContent = "Start";
  say(why);
}

button.onclick = async () => {
  if (context) return stop("stopped");
  button.disabled = true;
  await start().catch((error) => stop(error.message));
  button.disabled = false;
};
