// A worker, so that sound does not wait for the page to draw: blocks of bridge.js go to the service by a WebSocket, and
// what comes back goes to bridge.js to be played, and to the page.

const MOST_UNANSWERED_S = 1; // of sound: what comes while so much is on its way is left out
const MOST_UNDRAWN = 50; // blocks: a page that is slower than sound does not draw all of it

let socket, bridge, sampleRate, problem;
let latency = 0, channels = 1, position = 0, answered = 0, roundTripS = 0, waiting = 0, undrawn = 0;
const sent = []; // [position, when] of what is on its way

onmessage = ({ data, ports: [port] }) => {
  if (data.type === "drawn") return undrawn--;
  if (data.type !== "hello") return say(data);
  sampleRate = data.sample_rate;
  bridge = port;
  bridge.onmessage = ({ data }) => send(data);
  const url = new URL("sound", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => say(data);
  socket.onmessage = ({ data }) => (typeof data === "string" ? take(JSON.parse(data)) : play(data));
  socket.onclose = ({ reason }) => {
    const why = reason || "the service has gone: is audioconv serve --web still running?";
    postMessage({ type: "closed", text: problem ?? why });
  };
};

function say(fields) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(fields));
}

function take(fields) {
  problem = fields.type === "error" ? fields.text : undefined;
  if ("latency" in fields) latency = fields.latency;
  if ("channels" in fields) channels = fields.channels;
  if (fields.type === "end") bridge.postMessage({ drain: true });
  postMessage(fields.type === "report" ? { ...fields, roundTripS, waiting } : fields);
}

/** A block of the microphone or file, and how much waits to be played. */
function send({ block, waiting: left }) {
  const first = position;
  waiting = left;
  position += block.length;
  if (socket.readyState !== WebSocket.OPEN) return;
  if (sent.length && first - answered > MOST_UNANSWERED_S * sampleRate) return; // the service sees by the next position
  const message = new ArrayBuffer(8 + 4 * block.length);
  new DataView(message).setFloat64(0, first, true);
  new Float32Array(message, 8).set(block);
  sent.push([first, performance.now()]);
  socket.send(message);
}

function play(message) {
  const first = new DataView(message).getFloat64(0, true), samples = new Float32Array(message, 8);
  while (sent.length && sent[0][0] <= first) {
    const [, when] = sent.shift();
    roundTripS += 0.1 * ((performance.now() - when) / 1000 - roundTripS);
  }
  answered = first + samples.length / channels;
  bridge.postMessage({ samples, channels });
  if (undrawn >= MOST_UNDRAWN) return;
  undrawn++;
  postMessage({ type: "sound", position: first - latency, samples, channels }, [message]);
}
