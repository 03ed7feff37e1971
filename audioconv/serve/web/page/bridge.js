// On the thread of the sound card: gathers what comes in into blocks for line.js, and plays what line.js gives back.
// Sound that is given back waits in a ring buffer (a jitter buffer). It begins to play when `wanted` frames are there;
// when they run out, a little more is waited for from then on, until all has been well for a while, and what waits
// longer than it needs to is left out.

const MOST_S = 3, MOST_WANTED_S = 0.4, MORE = 1.5, LESS = 0.8, LOOK_S = 2, CALM_LOOKS = 4;

class Bridge extends AudioWorkletProcessor {
  constructor({ processorOptions: { size, wanted } }) {
    super();
    this.block = new Float32Array(size);
    this.filled = 0;
    this.size = size;
    this.wanted = this.leastWanted = wanted;
    this.length = Math.round(MOST_S * sampleRate);
    this.ring = [new Float32Array(this.length), new Float32Array(this.length)];
    this.first = this.waiting = this.looked = this.calm = 0;
    this.least = Infinity;
    this.playing = this.hearing = this.draining = false;
    this.port.onmessage = ({ data, ports: [line] }) => {
      if (data.line) Object.assign(this, { line }).line.onmessage = ({ data }) => this.take(data);
      else this.hearing = data.hearing;
    };
  }

  take({ samples, channels, drain }) {
    if (drain) this.playing = this.draining = true; // what waits is the rest
    else this.keep(samples, channels);
  }

  keep(samples, channels) {
    const frames = Math.min(samples.length / channels, this.length - this.waiting); // what there is no room for is lost
    for (let i = 0; i < frames; i++) {
      const at = (this.first + this.waiting + i) % this.length;
      this.ring[0][at] = samples[i * channels];
      this.ring[1][at] = samples[i * channels + channels - 1];
    }
    this.waiting += frames;
    if (this.waiting >= this.wanted) this.playing = true;
  }

  hear(samples) {
    for (let taken = 0; taken < samples.length; ) {
      const part = samples.subarray(taken, taken + this.size - this.filled);
      this.block.set(part, this.filled);
      taken += part.length;
      this.filled += part.length;
      if (this.filled === this.size) {
        this.line.postMessage({ block: this.block, waiting: this.waiting }, [this.block.buffer]);
        this.block = new Float32Array(this.size);
        this.filled = 0;
      }
    }
  }

  play([left, right]) {
    const frames = Math.min(left.length, this.waiting);
    for (let i = 0; i < frames; i++) {
      const at = (this.first + i) % this.length;
      left[i] = this.ring[0][at];
      right[i] = this.ring[1][at];
    }
    this.drop(frames);
    if (frames === left.length) return;
    this.playing = false; // it came too late, or has ended
    this.calm = 0;
    if (this.hearing) this.wanted = Math.round(Math.min(this.wanted * MORE, MOST_WANTED_S * sampleRate));
  }

  drop(frames) {
    this.first = (this.first + frames) % this.length;
    this.waiting -= frames;
  }

  look() {
    if (++this.calm > CALM_LOOKS) this.wanted = Math.max(this.leastWanted, Math.round(LESS * this.wanted));
    if (this.playing && this.hearing && this.least > this.wanted) this.drop(this.least - (this.wanted >> 1));
    this.looked = 0;
    this.least = Infinity;
  }

  process([[samples]], [output]) {
    if (this.hearing && samples) this.hear(samples);
    if (this.playing) this.play(output);
    this.least = Math.min(this.least, this.waiting);
    if (++this.looked * 128 >= LOOK_S * sampleRate) this.look();
    if (this.draining && !this.waiting) {
      this.port.postMessage({ silent: true });
      this.draining = false;
    }
    return true;
  }
}

registerProcessor("bridge", Bridge);
