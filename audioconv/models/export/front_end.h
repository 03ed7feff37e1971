    float pending[AC_WINDOW + AC_HOP]; /* samples of the next frame */
    int count;
    float frame[AC_FFT], energies[AC_ENERGIES], features[AC_MELS];
    float means[AC_MELS], loudest; /* levels */
    int begun;
#if AC_CLIP_FRAMES
    float heard[AC_CLIP_FRAMES * AC_ENERGIES]; /* a ring of the frames of a window */
    long long frames;
    float logits[AC_OUTPUTS];
#endif
/*@functions@*/
/* From samples to features: window, FFT, mel bands, levels, standardisation. */

/* Mel energies plus offset of the next frame. */
static inline void ac_frame(ac_state *s) {
    float *x = s->frame;
    for (int i = 0; i < AC_FFT; i++) x[i] = i < AC_WINDOW ? s->pending[i] * ac_window[i] : 0;
    ac_fft(x);
    float first = x[0] * x[0], last = x[1] * x[1];
    for (int k = 1; k < AC_FFT / 2; k++) x[k] = x[2 * k] * x[2 * k] + x[2 * k + 1] * x[2 * k + 1];
    x[0] = first, x[AC_FFT / 2] = last;
    const float *weight = ac_band_weights;
    for (int b = 0; b < AC_ENERGIES; b++) {
        float sum = 0;
        for (int k = 0; k < ac_bands[b][1]; k++) sum += *weight++ * x[ac_bands[b][0] + k];
        s->energies[b] = sum + AC_OFFSET;
    }
}

/* Features of the energies of a frame, as the network takes them. */
static inline void ac_features(ac_state *s, const float *energies, float *out) {
    float *levels = s->features;
#if AC_TOP_DB
    float mean = 0;
    for (int b = 0; b < AC_MELS; b++) mean += energies[b];
    mean = mean / AC_MELS + AC_LEAST;
    if (!s->begun || mean > s->loudest) s->loudest = mean;
    for (int b = 0; b < AC_MELS; b++) levels[b] = logf(energies[b] / s->loudest + AC_FLOOR);
#elif AC_PCEN
    for (int b = 0; b < AC_MELS; b++) {
        if (!s->begun) s->means[b] = energies[b];
        s->means[b] += AC_SMOOTHING * (energies[b] - s->means[b]);
        float even = energies[b] * expf(-AC_GAIN * logf(s->means[b] + AC_EPS));
        levels[b] = expf(AC_POWER * logf(even + AC_BIAS)) - AC_BIAS_RAISED;
    }
#else
    for (int b = 0; b < AC_MELS; b++) levels[b] = logf(energies[b]);
#endif
    s->begun = 1;
    for (int i = 0; i < AC_FEATURES; i++) {
#if AC_COSINES
        float sum = 0;
        for (int b = 0; b < AC_MELS; b++) sum += levels[b] * ac_basis[b * AC_FEATURES + i];
#else
        float sum = levels[i];
#endif
        out[i] = (sum - ac_mean[i]) / ac_std[i];
    }
}

static inline void ac_softmax(float *x, int count) {
    float most = x[0], sum = 0;
    for (int i = 1; i < count; i++) most = x[i] > most ? x[i] : most;
    for (int i = 0; i < count; i++) sum += x[i] = expf(x[i] - most);
    for (int i = 0; i < count; i++) x[i] /= sum;
}

/* Begin a stream. */
static inline void ac_reset(ac_state *s) {
    s->count = AC_PADDING, s->begun = 0;
    for (int i = 0; i < AC_PADDING; i++) s->pending[i] = 0;
    ac_reset_network(s);
#if AC_CLIP_FRAMES
    s->frames = 0;
#endif
}

#if AC_CLIP_FRAMES
/* Posteriors of the last AC_CLIP_FRAMES frames: the mean of the logits of all versions decides. */
static inline void ac_score(ac_state *s, float *posteriors) {
    static const int shifts[] = {AC_SHIFT_FRAMES};
    float row[AC_FEATURES], silence[AC_MELS], logits[AC_OUTPUTS];
    int versions = 0;
    for (int b = 0; b < AC_MELS; b++) silence[b] = AC_OFFSET;
    for (int i = 0; i < AC_OUTPUTS; i++) s->logits[i] = 0;
    for (int v = 0; v < (int)(sizeof shifts / sizeof shifts[0]); v++)
        for (int pitch = 0; pitch < AC_PITCHES; pitch++, versions++) {
            int rows = 0;
            ac_reset_network(s);
            s->total[0] = AC_CLIP_FRAMES, s->begun = 0;
            for (int t = 0; t < AC_CLIP_FRAMES; t++) {
                int from = t - shifts[v], inside = from >= 0 && from < AC_CLIP_FRAMES;
                const float *heard = s->heard + (int)((s->frames + from) % AC_CLIP_FRAMES) * AC_ENERGIES;
                ac_features(s, inside ? heard + pitch * AC_MELS : silence, row);
                ac_push(s, row, logits, &rows);
            }
            for (int i = 0; i < AC_OUTPUTS; i++) s->logits[i] += logits[i];
        }
    for (int i = 0; i < AC_OUTPUTS; i++) posteriors[i] = s->logits[i] / (float)versions;
    ac_softmax(posteriors, AC_OUTPUTS);
}
#endif

/* Take AC_HOP samples from -1 to 1, and return how many rows of posteriors they complete, at most AC_MOST_ROWS, which
   are in `posteriors`, AC_LABELS numbers each. */
static inline int ac_step(ac_state *s, const float *samples, float *posteriors) {
    int rows = 0;
    for (int i = 0; i < AC_HOP; i++) s->pending[s->count++] = samples[i];
    if (s->count < AC_WINDOW) return 0;
    ac_frame(s);
    s->count -= AC_HOP;
    for (int i = 0; i < s->count; i++) s->pending[i] = s->pending[i + AC_HOP];
#if AC_CLIP_FRAMES
    for (int b = 0; b < AC_ENERGIES; b++) s->heard[(int)(s->frames % AC_CLIP_FRAMES) * AC_ENERGIES + b] = s->energies[b];
    s->frames++;
    if (s->frames < AC_CLIP_FRAMES || (s->frames - AC_CLIP_FRAMES) % AC_WINDOW_FRAMES) return 0;
    ac_score(s, posteriors);
    rows = 1;
#else
    float row[AC_FEATURES], logits[AC_MOST_ROWS * AC_OUTPUTS];
    ac_features(s, s->energies, row);
    ac_push(s, row, logits, &rows);
#if AC_MULTI_LABEL
    for (int i = 0; i < rows * AC_LABELS; i++) posteriors[i] = ac_activated(logits[i], AC_SIGMOID);
#else
    for (int r = 0; r < rows; r++) { /* the first of the logits is that of the background */
        ac_softmax(logits + r * AC_OUTPUTS, AC_OUTPUTS);
        for (int i = 0; i < AC_LABELS; i++) posteriors[r * AC_LABELS + i] = logits[r * AC_OUTPUTS + 1 + i];
    }
#endif
#endif
    return rows;
}

#ifdef AC_MAIN
/* Parity: the probe over and over must have the posteriors that it had where the model was exported. */
#include <stdio.h>

int main(void) {
    static ac_state state;
    static float samples[AC_HOP], posteriors[AC_MOST_ROWS * AC_LABELS];
    float most = 0;
    int at = 0, row = 0;
    ac_reset(&state);
    for (int hop = 0; hop < AC_PROBE_HOPS; hop++) {
        for (int i = 0; i < AC_HOP; i++, at = (at + 1) % AC_PROBE_SAMPLES) samples[i] = ac_probe[at] / 32768.0f;
        int rows = ac_step(&state, samples, posteriors);
        for (int r = 0; r < rows && row < AC_PROBE_ROWS; r++, row++)
            for (int i = 0; i < AC_LABELS; i++) {
                float off = fabsf(posteriors[r * AC_LABELS + i] - ac_expected[row * AC_LABELS + i]);
                if (!(off <= most) && most == most) most = off; /* and NaN stays */
            }
    }
    printf("%d of %d rows, posteriors within %.2g, limit %.2g; state %lu bytes\n", row, AC_PROBE_ROWS, most, AC_TOLERANCE,
           (unsigned long)sizeof state);
    printf("labels:");
    for (int i = 0; i < AC_LABELS; i++) printf(" %s (%.3g)", ac_labels[i], ac_thresholds[i]);
    printf("\n");
    return row == AC_PROBE_ROWS && most <= AC_TOLERANCE ? 0 : 1;
}
#endif
