// From rows of posteriors to words: the rule of audioconv's EventDecoder.

export class Decoder {
  /** about: the metadata of a step graph. */
  constructor(about) {
    const rowS = about.row_hop / about.sample_rate, rows = (seconds) => Math.max(1, Math.round(seconds / rowS));
    this.labels = about.labels;
    this.thresholds = about.thresholds.map((threshold) => threshold ?? Infinity); // null: never told
    this.rearm = this.thresholds.map((threshold) => about.rearm_ratio * threshold);
    this.wordS = about.word_s;
    this.decidedS = (row) => about.row_end / about.sample_rate + row * rowS - about.delay_s;
    this.minRows = rows(about.min_duration_s);
    this.quietRows = rows(about.refractory_s);
    this.recent = Array.from({ length: rows(about.smoothing_s) }, () => new Float64Array(this.labels.length));
    this.row = this.quietUntil = 0;
    this.below = this.labels.map(() => -1); // the last row in which its mean was below its threshold,
    this.low = this.labels.map(() => -1); // so low that the word may be told again,
    this.told = this.labels.map(() => -2); // in which it was told
  }

  /** Take the next row of posteriors; return the word that it decides, or null. */
  process(posteriors) {
    const row = this.row++, count = this.recent.length;
    this.recent[row % count].set(posteriors);
    let best = -1, most = 0;
    for (let word = 0; word < this.labels.length; word++) {
      let mean = 0;
      for (let k = 1; k <= count; k++) mean += this.recent[(row + k) % count][word];
      mean /= Math.min(row + 1, count);
      if (!(mean >= this.thresholds[word])) this.below[word] = row;
      else if (best < 0 || mean > most) [best, most] = [word, mean];
      if (mean < this.rearm[word]) this.low[word] = row;
    }
    if (best < 0 || row - this.below[best] < this.minRows) return null;
    if (row < this.quietUntil || this.low[best] <= this.told[best]) return null;
    this.told[best] = row;
    this.quietUntil = row + this.quietRows;
    const endS = Math.max(0, this.decidedS(row));
    return { label: this.labels[best], startS: Math.max(0, endS - this.wordS[best]), endS, score: most };
  }
}
