// Columns of a picture: the spectrum in dB and the extremes of each hop of a stream of samples. A sine of full scale
// has 0 dB.

/** Power spectra of real samples, by a radix-2 FFT with a Hann window. */
export class Spectrum {
  constructor(size) {
    this.size = size;
    this.window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.cos = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.order = Uint32Array.from({ length: size }, (_, i) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
      return reversed;
    });
    this.re = new Float64Array(size);
    this.im = new Float64Array(size);
  }

  /** Decibels of size / 2 + 1 bins. */
  decibels(samples) {
    const { size, re, im, cos, sin } = this;
    for (let i = 0; i < size; i++) re[this.order[i]] = samples[i] * this.window[i];
    im.fill(0);
    for (let half = 1; half < size; half *= 2) {
      const step = size / 2 / half;
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = start + k, b = a + half, c = cos[k * step], s = sin[k * step];
          const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
          re[b] = re[a] - x, im[b] = im[a] - y;
          re[a] += x, im[a] += y;
        }
      }
    }
    const scale = 4 / size; // 2 for the two halves of the spectrum, and 2 / size for the mean of the window
    const magnitude = (k) => scale * Math.hypot(re[k], im[k]);
    return Float32Array.from({ length: size / 2 + 1 }, (_, k) => 20 * Math.log10(1e-8 + magnitude(k)));
  }
}

/** The bins that each of `rows` rows between two frequencies shows, in equal steps of the logarithm. */
export function logRows(rows, size, sampleRate, lowHz, highHz) {
  const bin = (row) => Math.round((lowHz * (highHz / lowHz) ** (row / rows) * size) / sampleRate);
  return Array.from({ length: rows }, (_, row) => [bin(row), Math.max(bin(row) + 1, bin(row + 1))]);
}

/** Cuts a stream into hops and calls show(time in samples, low, high, decibels) for each. */
export class Columns {
  constructor(size, hop, show) {
    Object.assign(this, { hop, show, spectrum: new Spectrum(size), recent: new Float32Array(size), filled: 0 });
  }

  /** Samples, the first of which is at `position`. */
  add(position, samples) {
    const { recent, hop } = this;
    for (let i = 0; i < samples.length; i++) {
      recent[recent.length - hop + this.filled++] = samples[i];
      if (this.filled < hop) continue;
      const newest = recent.subarray(recent.length - hop);
      this.show(position + i + 1, Math.min(...newest), Math.max(...newest), this.spectrum.decibels(recent));
      recent.copyWithin(0, hop);
      this.filled = 0;
    }
  }
}
