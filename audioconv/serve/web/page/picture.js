// The picture: waveform above, spectrogram below, on one axis of time that scrolls, and marks where words were said.

import { logRows } from "./spectrum.js";

const SECONDS = 10, ROWS = 160, LOW_HZ = 60, HIGH_HZ = 16000, FLOOR_DB = -95, TOP_DB = -15;
const WAVE = 0.25; // share of the height
const TICKS_HZ = [[100, "100 Hz"], [1000, "1 kHz"], [10000, "10 kHz"]];
const COLOURS = [[11, 10, 20], [66, 15, 117], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
const MOST_MARKS = 50;

function colour(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (COLOURS.length - 1), i = Math.floor(at);
  return COLOURS[i].map((from, c) => from + (at - i) * (COLOURS[i + 1][c] - from));
}

export class Picture {
  constructor(canvas, size, hop) {
    Object.assign(this, { canvas, size, hop });
    this.start(48000);
  }

  /** Forget what was drawn; a new stream begins at sample 0. */
  start(sampleRate) {
    this.sampleRate = sampleRate;
    this.columns = Math.round((SECONDS * sampleRate) / this.hop);
    this.highHz = Math.min(HIGH_HZ, sampleRate / 2);
    this.rows = logRows(ROWS, this.size, sampleRate, LOW_HZ, this.highHz);
    this.spectra = new OffscreenCanvas(this.columns, ROWS).getContext("2d"); // a ring: column n stands at n % columns
    this.waves = new Float32Array(2 * this.columns);
    this.count = 0; // of columns so far
    this.endS = 0;
    this.marks = [];
    this.draw();
  }

  /** The next column, of which the sound ends at endS. */
  add(endS, low, high, decibels) {
    const image = this.spectra.createImageData(1, ROWS), at = this.count++ % this.columns;
    this.rows.forEach(([from, to], row) => {
      let loudest = -Infinity;
      for (let bin = from; bin < to && bin < decibels.length; bin++) loudest = Math.max(loudest, decibels[bin]);
      image.data.set([...colour((loudest - FLOOR_DB) / (TOP_DB - FLOOR_DB)), 255], 4 * (ROWS - 1 - row));
    });
    this.spectra.putImageData(image, at, 0);
    this.waves[2 * at] = low;
    this.waves[2 * at + 1] = high;
    this.endS = endS;
  }

  mark(word) {
    this.marks = [...this.marks, word].slice(-MOST_MARKS);
  }

  draw() {
    const { canvas } = this, scale = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const paint = canvas.getContext("2d");
    paint.clearRect(0, 0, width, height);
    const top = Math.round(WAVE * height);
    this.drawSpectra(paint, width, top, height - top);
    this.drawWave(paint, width, top);
    this.drawAxis(paint, top, height - top, scale);
    this.drawMarks(paint, width, height, scale);
  }

  drawSpectra(paint, width, top, height) {
    const step = width / this.columns, shown = Math.min(this.count, this.columns), left = this.columns - shown;
    const oldest = (this.count - shown) % this.columns;
    const older = Math.min(shown, this.columns - oldest); // columns from the oldest one to the end of the ring
    paint.imageSmoothingEnabled = false;
    for (const [from, columns, at] of [[oldest, older, left], [0, shown - older, left + older]]) {
      if (columns) paint.drawImage(this.spectra.canvas, from, 0, columns, ROWS, at * step, top, columns * step, height);
    }
  }

  drawWave(paint, width, height) {
    const step = width / this.columns, shown = Math.min(this.count, this.columns), middle = height / 2;
    paint.fillStyle = "#7fb2ff";
    for (let back = 1; back <= shown; back++) {
      const at = (this.count - back) % this.columns, x = width - back * step;
      const low = Math.max(-1, this.waves[2 * at]), high = Math.min(1, this.waves[2 * at + 1]);
      paint.fillRect(x, middle - high * middle, Math.max(1, step), Math.max(1, (high - low) * middle));
    }
  }

  drawAxis(paint, top, height, scale) {
    paint.font = `${11 * scale}px system-ui, sans-serif`;
    paint.textAlign = "left";
    for (const [hz, text] of TICKS_HZ) {
      if (hz >= this.highHz) continue;
      const y = top + height * (1 - Math.log(hz / LOW_HZ) / Math.log(this.highHz / LOW_HZ));
      paint.fillStyle = "#ffffff60";
      paint.fillRect(0, y, 8 * scale, scale);
      paint.fillStyle = "#ffffffd0";
      paint.fillText(text, 11 * scale, y + 4 * scale);
    }
  }

  drawMarks(paint, width, height, scale) {
    const x = (seconds) => width - ((this.endS - seconds) * width) / ((this.columns * this.hop) / this.sampleRate);
    paint.font = `600 ${13 * scale}px system-ui, sans-serif`;
    paint.textAlign = "center";
    for (const { label, start_s, end_s } of this.marks) {
      const left = x(start_s), right = x(end_s);
      if (right < 0) continue;
      paint.fillStyle = "#ffffff26";
      paint.fillRect(left, 0, right - left, height);
      paint.fillStyle = "#ffffff";
      paint.fillRect(left, height - 3 * scale, right - left, 3 * scale);
      paint.fillText(label, (left + right) / 2, 16 * scale);
    }
  }
}
