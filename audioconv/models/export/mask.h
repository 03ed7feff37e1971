    float pending[AC_FFT], overlap[AC_FFT]; /* samples of a frame, and what frames add up to */
    float means[AC_BINS], weights, level;     /* of magnitudes so far; what features are relative to */
    float frame[AC_FFT], features[AC_FEATURES * AC_BINS], mask[AC_OUTPUTS];
/*@functions@*/
/* From samples to samples: window, FFT, spectra compressed to cube roots, masks, and the way back. */

/* The samples of a spectrum as `ac_fft` leaves it, in place. */
static inline void ac_inverse_fft(float *x) {
    const int n = AC_FFT / 2;
    float low = x[0], high = x[1];
    for (int k = 1; k <= n / 2; k++) {
        const float *w = ac_twiddles + 2 * k;
        float *a = x + 2 * k, *b = x + 2 * (n - k);
        float even_r = (a[0] + b[0]) / 2, even_i = (a[1] - b[1]) / 2;
        float r = (a[0] - b[0]) / 2, i = (a[1] + b[1]) / 2;
        float odd_r = r * w[0] + i * w[1], odd_i = i * w[0] - r * w[1];
        a[0] = even_r - odd_i, a[1] = even_i + odd_r;
        if (k < n - k) b[0] = even_r + odd_i, b[1] = odd_r - even_i;
    }
    x[0] = (low + high) / 2, x[1] = (low - high) / 2;
    for (int k = 0; k < n; k++) { /* of what is real and imaginary the other way round a transform is the inverse */
        float kept = x[2 * k];
        x[2 * k] = x[2 * k + 1], x[2 * k + 1] = kept;
    }
    ac_complex_fft(x);
    for (int k = 0; k < n; k++) {
        float kept = x[2 * k];
        x[2 * k] = x[2 * k + 1] / (float)n, x[2 * k + 1] = kept / (float)n;
    }
}

/* Where a bin's real and imaginary part are. The first and the last one have no imaginary part: that is none (0). */
static inline float *ac_real(float *x, int k) { return k == AC_BINS - 1 ? x + 1 : x + 2 * k; }
static inline float *ac_imaginary(float *x, int k) { return k == 0 || k == AC_BINS - 1 ? 0 : x + 2 * k + 1; }

/* Magnitudes, real and imaginary parts of the compressed spectrum. */
static inline void ac_compress(ac_state *s) {
    for (int k = 0; k < AC_BINS; k++) {
        float *imaginary = ac_imaginary(s->frame, k);
        float re = *ac_real(s->frame, k), im = imaginary ? *imaginary : 0, power = re * re + im * im;
        float factor = expf(logf(power + AC_TINY) / -3);
        float *features = s->features + AC_FEATURES * k;
        features[0] = sqrtf(power) * factor, features[1] = re * factor, features[2] = im * factor;
    }
}

/* All that relative to the mean level so far, and magnitudes relative to the mean of their own bin. */
static inline void ac_relate(ac_state *s) {
    float sum = 0;
    s->weights = AC_KEPT * s->weights + (1 - AC_KEPT);
    for (int k = 0; k < AC_BINS; k++) {
        s->means[k] = AC_KEPT * s->means[k] + (1 - AC_KEPT) * s->features[AC_FEATURES * k];
        sum += s->means[k];
    }
    s->level = sum / (s->weights * AC_BINS) + AC_LEAST_MEAN;
    for (int k = 0; k < AC_BINS; k++) {
        float *features = s->features + AC_FEATURES * k;
        features[3] = features[0] / (s->means[k] / s->weights + AC_LEAST_MEAN);
        for (int i = 0; i < 3; i++) features[i] /= s->level;
    }
}

/* The masked spectrum; no bin is amplified. */
static inline void ac_apply(ac_state *s) {
    for (int k = 0; k < AC_BINS; k++) {
        float *real = ac_real(s->frame, k), *imaginary = ac_imaginary(s->frame, k);
        float re = s->mask[2 * k], im = s->mask[2 * k + 1], power = re * re + im * im;
        if (power > 1) re /= sqrtf(power), im /= sqrtf(power);
        float x = s->level * s->features[AC_FEATURES * k + 1], y = s->level * s->features[AC_FEATURES * k + 2];
        float u = re * x - im * y, v = re * y + im * x, gain = (1 - AC_DRY) * (u * u + v * v);
        *real = gain * u + AC_DRY * *real;
        if (imaginary) *imaginary = gain * v + AC_DRY * *imaginary;
    }
}

/* Begin a stream. */
static inline void ac_reset(ac_state *s) {
    for (int i = 0; i < AC_FFT; i++) s->pending[i] = s->overlap[i] = 0;
    for (int k = 0; k < AC_BINS; k++) s->means[k] = 0;
    s->weights = 0;
    ac_reset_network(s);
}

/* Take AC_HOP samples from -1 to 1, and give as many, AC_LATE samples late: so many void ones come first. `samples` and
   `denoised` may be the same. */
static inline void ac_step(ac_state *s, const float *samples, float *denoised) {
    int rows = 0;
    for (int i = 0; i < AC_HOP; i++) {
        s->pending[i] = s->pending[AC_HOP + i], s->pending[AC_HOP + i] = samples[i];
        s->overlap[i] = s->overlap[AC_HOP + i], s->overlap[AC_HOP + i] = 0;
    }
    for (int i = 0; i < AC_FFT; i++) { /* the middle of the window is time 0 */
        int from = (i + AC_HOP) % AC_FFT;
        s->frame[i] = s->pending[from] * ac_window[from] * AC_SPECTRUM_SCALE;
    }
    ac_fft(s->frame);
    ac_compress(s);
    ac_relate(s);
    ac_push(s, s->features, s->mask, &rows);
    ac_apply(s);
    ac_inverse_fft(s->frame);
    for (int i = 0; i < AC_FFT; i++) s->overlap[i] += s->frame[(i + AC_HOP) % AC_FFT] * ac_window[i] / AC_SPECTRUM_SCALE;
    for (int i = 0; i < AC_HOP; i++) denoised[i] = s->overlap[i];
}

#ifdef AC_MAIN
/* Parity: the end of the probe, over and over, must become what it became where the model was exported. */
#include <stdio.h>

int main(void) {
    static ac_state state;
    static float samples[AC_HOP];
    float most = 0;
    int at = 0;
    ac_reset(&state);
    for (int hop = 0; hop < AC_PROBE_HOPS; hop++) {
        int first = (hop - (AC_PROBE_HOPS - AC_EXPECTED_HOPS)) * AC_HOP;
        for (int i = 0; i < AC_HOP; i++, at = (at + 1) % AC_PROBE_SAMPLES) samples[i] = ac_probe[at] / 32768.0f;
        ac_step(&state, samples, samples);
        for (int i = 0; first >= 0 && i < AC_HOP; i++) {
            float off = fabsf(samples[i] - ac_expected[first + i]);
            if (!(off <= most) && most == most) most = off; /* and NaN stays */
        }
    }
    printf("the last %d of %d hops, samples within %.2g, limit %.2g; state %lu bytes\n", AC_EXPECTED_HOPS, AC_PROBE_HOPS,
           most, AC_TOLERANCE, (unsigned long)sizeof state);
    return most <= AC_TOLERANCE ? 0 : 1;
}
#endif
