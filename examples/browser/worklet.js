// On the thread of the sound card: gathers samples into blocks of a step of the detector and sends them to the worker.

class Blocks extends AudioWorkletProcessor {
  constructor({ processorOptions: { size } }) {
    super();
    this.block = new Float32Array(size);
    this.filled = 0;
    this.port.onmessage = ({ ports: [worker] }) => (this.worker = worker);
  }

  process([[samples]]) { // 128 samples of the first channel; none before the microphone gives any
    for (let taken = 0; samples && this.worker && taken < samples.length; ) {
      const part = samples.subarray(taken, taken + this.block.length - this.filled);
      this.block.set(part, this.filled);
      taken += part.length;
      this.filled += part.length;
      if (this.filled === this.block.length) {
        this.worker.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(this.filled);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("blocks", Blocks);
