// The page: buttons, figures, the table of words and the picture, around one run of sound at a time (sound.js).

import { Picture } from "./picture.js";
import { Sound } from "./sound.js";
import { Columns } from "./spectrum.js";

const SIZE = 2048, HOP = 1024; // of the picture's spectra, in samples
const MOST_ROWS = 200, DRAW_MS = 30, DRAW_REST = 4;
const element = (id) => document.getElementById(id);
const [microphone, file, stop, chain, volume] = ["microphone", "file", "stop", "chain", "volume"].map(element);
const picture = new Picture(element("picture"), SIZE, HOP);
let sound = null, columns = null, peak = 0, nextDraw = 0;

function say(text, isError = false) {
  const status = element("status");
  status.textContent = text;
  status.classList.toggle("error", isError);
}

function list({ label, start_s, end_s, score }, told_s) {
  const row = element("detections").insertRow(0); // the newest comes first
  for (const text of [label, start_s.toFixed(2), end_s.toFixed(2), told_s.toFixed(2), score.toFixed(2)]) {
    const cell = row.insertCell();
    cell.textContent = text;
    if (text !== label) cell.className = "number";
  }
  if (element("detections").rows.length > MOST_ROWS) element("detections").deleteRow(-1);
  element("none").hidden = true;
}

function mono(samples, channels) {
  if (channels === 1) return samples;
  return Float32Array.from({ length: samples.length / 2 }, (_, i) => (samples[2 * i] + samples[2 * i + 1]) / 2);
}

const tell = {
  begin(sampleRate) {
    picture.start(sampleRate);
    columns = new Columns(SIZE, HOP, (end, low, high, decibels) => picture.add(end / sampleRate, low, high, decibels));
  },
  sound({ position, samples, channels }) {
    const one = mono(samples, channels);
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    columns.add(position, one);
  },
  detections({ detections, told_s }) {
    for (const word of detections) {
      list(word, told_s);
      picture.mark(word);
    }
  },
  chain(name) {
    say(`playing through: ${name}`);
  },
  problem(text) {
    say(text, true);
  },
  error(error) {
    say(error.message, true);
    sound?.close();
  },
  delay(seconds) {
    const ms = (s) => Math.round(1000 * s);
    const { block, roundTrip, waiting, chain: own, output, computing, dropped } = seconds;
    element("delay").textContent = `${ms(block + roundTrip + waiting + own + output)} ms`;
    element("delay-parts").textContent = `block ${ms(block)} + there and back ${ms(roundTrip)} ` +
      `(computing ${(1000 * computing).toFixed(1)}) + buffer ${ms(waiting)} + chain ${ms(own)} + ` +
      `sound card ${ms(output)}`;
    element("dropped").textContent = dropped ? `${dropped.toFixed(2)} s left out` : "";
  },
  end() {
    sound = null;
    peak = 0;
    element("level").value = element("level").min;
    element("level-db").textContent = "–";
    microphone.disabled = file.disabled = false;
    stop.disabled = true;
    if (!element("status").classList.contains("error")) say("stopped");
  },
};

async function start(chosen) {
  if (sound) return;
  microphone.disabled = file.disabled = true;
  stop.disabled = false;
  element("detections").replaceChildren();
  element("none").hidden = false;
  for (const id of ["delay", "delay-parts", "dropped"]) element(id).textContent = id === "delay" ? "–" : "";
  say(chosen ? `reading ${chosen.name} …` : "waiting for the microphone …");
  const own = (sound = new Sound(tell));
  try {
    await own.start(chain.value, Number(volume.value), chosen);
    if (own !== sound) return;
    if (own.context.state === "suspended") say("click anywhere: this browser plays no sound before");
    else say(chosen ? `playing ${chosen.name}` : "listening");
  } catch (error) {
    say(error.message, true);
    own.close();
  }
}

function draw(now) {
  requestAnimationFrame(draw);
  if (now < nextDraw) return;
  const began = performance.now();
  if (sound) {
    const db = 20 * Math.log10(Math.max(peak, 1e-6));
    element("level").value = Math.max(-60, db);
    element("level-db").textContent = `${db.toFixed(0)} dB`;
    peak *= 0.85;
  }
  picture.draw();
  nextDraw = now + Math.max(DRAW_MS, DRAW_REST * (performance.now() - began)); // less often on a busy machine
}

async function load() {
  const response = await fetch("about.json");
  if (!response.ok) throw new Error("the service does not answer");
  const about = await response.json();
  element("words").textContent = `Words: ${about.words.join(", ")}`;
  chain.replaceChildren(...about.chains.map((name) => new Option(name)));
  microphone.disabled = file.disabled = chain.disabled = false;
  say("ready: start the microphone, or drop a file here");
}

microphone.onclick = () => start(null);
stop.onclick = () => sound?.finish(false);
file.onchange = () => {
  const [chosen] = file.files;
  file.value = "";
  if (chosen) start(chosen);
};
chain.onchange = () => sound?.select(chain.value);
volume.oninput = () => {
  element("volume-db").textContent = volume.value === volume.min ? "off" : `${volume.value} dB`;
  sound?.volume(Number(volume.value));
};
document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add("over");
};
document.ondragleave = (event) => event.relatedTarget ?? document.body.classList.remove("over");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const [chosen] = event.dataTransfer.files;
  if (chosen && !file.disabled) start(chosen);
};

load().catch((error) => say(error.message, true));
draw(0);
