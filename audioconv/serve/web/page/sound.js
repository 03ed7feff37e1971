// The sound of the page: microphone or file -> bridge.js -> line.js -> service -> line.js -> bridge.js -> loudspeaker.

const SIZE = 512; // samples of a message
const WANTED_S = 0.03; // of sound that waits before it plays
const MOST_TAIL_S = 6; // after the end of a file
const MOST_FILE_BYTES = 200e6, MOST_FILE_S = 1800;
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** A run of sound from one source. `tell` has functions: begin, sound, detections, chain, problem, delay, error and
 * end. */
export class Sound {
  constructor(tell) {
    this.tell = tell;
  }

  /** Begin with the microphone, or a file. */
  async start(chain, volumeDb, file) {
    if (!window.isSecureContext) {
      throw new Error("browsers give sound to pages of this machine or of https alone: see docs/serve.md");
    }
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.context.resume(); // where a browser waits for a click, it goes on with the next one
    for (const event of ["pointerdown", "keydown"]) {
      document.addEventListener(event, () => this.stopped || this.context.resume());
    }
    this.tell.begin(this.context.sampleRate);
    await this.makeBridge(volumeDb);
    await this.connect(chain);
    const source = await (file ? this.fromFile(file) : this.fromMicrophone());
    if (this.stopped) return this.release(); // while the browser asked its user
    source.connect(this.bridge);
    this.bridge.port.postMessage({ hearing: true });
    source.start?.();
  }

  async makeBridge(volumeDb) {
    const wanted = Math.round(WANTED_S * this.context.sampleRate);
    await this.context.audioWorklet.addModule("bridge.js").catch(() => {
      throw new Error("the service does not answer: is audioconv serve --web still running?");
    });
    this.bridge = new AudioWorkletNode(this.context, "bridge", {
      outputChannelCount: [2], channelCount: 1, channelCountMode: "explicit", processorOptions: { size: SIZE, wanted },
    });
    this.bridge.port.onmessage = () => this.silent?.();
    this.gain = new GainNode(this.context);
    this.volume(volumeDb);
    this.bridge.connect(this.gain).connect(this.context.destination);
  }

  async fromMicrophone() {
    this.microphone = await navigator.mediaDevices.getUserMedia({ audio: RAW });
    return this.context.createMediaStreamSource(this.microphone);
  }

  async fromFile(file) {
    if (file.size > MOST_FILE_BYTES) throw new Error(`${file.name} is larger than ${MOST_FILE_BYTES / 1e6} MB`);
    const buffer = await this.context.decodeAudioData(await file.arrayBuffer()).catch(() => {
      throw new Error(`this browser cannot decode ${file.name}`);
    });
    if (buffer.duration > MOST_FILE_S) throw new Error(`${file.name} is longer than ${MOST_FILE_S / 60} minutes`);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.onended = () => this.finish(true);
    return source;
  }

  connect(chain) {
    const { port1, port2 } = new MessageChannel();
    this.line = new Worker("line.js");
    this.bridge.port.postMessage({ line: true }, [port1]);
    this.line.postMessage({ type: "hello", sample_rate: this.context.sampleRate, chain }, [port2]);
    return new Promise((ready, failed) => {
      this.line.onmessage = ({ data }) => this.take(data, ready, failed);
      this.line.onerror = () => failed(new Error("line.js cannot be loaded"));
    });
  }

  /** What line.js tells: mostly what the service does. */
  take(fields, ready, failed) {
    const { type } = fields;
    if (type === "sound") {
      this.tell.sound(fields);
      this.line.postMessage({ type: "drawn" });
    } else if (type === "detections") this.tell.detections(fields);
    else if (type === "report") this.report(fields);
    else if (type === "ready") ready();
    else if (type === "chain") this.tell.chain(fields.chain);
    else if (type === "error") this.tell.problem(fields.text);
    else if (type === "end") this.drained();
    else if (!this.ended) {
      const why = new Error(fields.text); // it was closed
      failed(why);
      this.tell.error(why);
    }
  }

  report({ mean_ms, dropped, latency, roundTripS, waiting }) {
    const { sampleRate, baseLatency = 0, outputLatency = 0 } = this.context;
    this.tell.delay({
      block: SIZE / sampleRate, roundTrip: roundTripS, waiting: waiting / sampleRate, chain: latency / sampleRate,
      output: Math.max(baseLatency, outputLatency), computing: mean_ms / 1000, dropped: dropped / sampleRate,
    });
  }

  select(chain) {
    this.line?.postMessage({ type: "chain", chain });
  }

  volume(db) {
    if (this.gain) this.gain.gain.value = db <= -40 ? 0 : 10 ** (db / 20);
  }

  /** No more comes in; what is on its way, and the tail of the chain, still do. */
  finish(playTail) {
    if (this.finishing || this.stopped) return;
    this.finishing = true;
    if (!this.line) return this.close();
    this.bridge.port.postMessage({ hearing: false });
    this.playTail = playTail;
    this.line.postMessage({ type: "end" });
  }

  async drained() {
    this.ended = true;
    if (this.playTail) {
      await new Promise((over) => {
        this.silent = over;
        setTimeout(over, 1000 * MOST_TAIL_S);
      });
    }
    this.close();
  }

  release() {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
  }

  close() {
    if (this.stopped) return;
    this.stopped = this.ended = true;
    this.release();
    this.line?.terminate();
    this.context?.close();
    this.tell.end();
  }
}
