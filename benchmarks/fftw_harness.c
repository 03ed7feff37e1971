/* FFTW at its best, for comparison: single transforms, and convolution by overlap-save.

   Compiled twice by fftw.py, with -DSINGLE for float32. Arrays belong to the caller, who gives them aligned; plans are made
   beforehand and are no part of any time. */

#include <complex.h>
#include <fftw3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef SINGLE
#define FFTW(name) fftwf_##name
typedef float real;
#else
#define FFTW(name) fftw_##name
typedef double real;
#endif
typedef FFTW(plan) plan;
typedef FFTW(complex) cpx;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* --- single transforms ------------------------------------------------------------------------------- */

/* Forward transform of n points from `in` to `out`, which may be `in`: complex or real samples to bins,
   real and imaginary parts interleaved, or (split) apart: all real parts, then all imaginary ones. */
plan single_plan(int n, int is_real, int split, real *in, real *out, unsigned flags, double limit_s)
{
    FFTW(iodim) dim = {n, 1, 1};
    FFTW(set_timelimit)(limit_s);
    if (is_real && split)
        return FFTW(plan_guru_split_dft_r2c)(1, &dim, 0, NULL, in, out, out + n / 2 + 1, flags);
    if (is_real)
        return FFTW(plan_dft_r2c_1d)(n, in, (cpx *)out, flags);
    if (split)
        return FFTW(plan_guru_split_dft)(1, &dim, 0, NULL, in, in + n, out, out + n, flags);
    return FFTW(plan_dft_1d)(n, (cpx *)in, (cpx *)out, FFTW_FORWARD, flags);
}

/* Mean seconds of one of `repeats` transforms. */
double single_s(plan p, int repeats)
{
    double start = now_s();
    for (int i = 0; i < repeats; i++)
        FFTW(execute)(p);
    return (now_s() - start) / repeats;
}

void single_free(plan p) { FFTW(destroy_plan)(p); }

/* --- overlap-save ------------------------------------------------------------------------------------ */

typedef struct {
    long taps, size;
    plan forward, backward;
    real *block;
    cpx *bins, *filter;
} saver;

saver *saver_new(long taps, long size, int in_place, unsigned flags)
{
    saver *s = malloc(sizeof *s);
    s->taps = taps;
    s->size = size;
    s->bins = FFTW(malloc)((size / 2 + 1) * sizeof(cpx));
    s->filter = FFTW(malloc)((size / 2 + 1) * sizeof(cpx));
    s->block = in_place ? (real *)s->bins : FFTW(malloc)(size * sizeof(real));
    FFTW(set_timelimit)(FFTW_NO_TIMELIMIT);
    s->forward = FFTW(plan_dft_r2c_1d)(size, s->block, s->bins, flags);
    s->backward = FFTW(plan_dft_c2r_1d)(size, s->bins, s->block, flags);
    return s;
}

void saver_free(saver *s)
{
    FFTW(destroy_plan)(s->forward);
    FFTW(destroy_plan)(s->backward);
    if (s->block != (real *)s->bins)
        FFTW(free)(s->block);
    FFTW(free)(s->bins);
    FFTW(free)(s->filter);
    free(s);
}

/* bins *= filter; written out, because the complex product of C looks after infinities and is not vectorised */
static void multiply(real *restrict bins, const real *restrict filter, long n)
{
    for (long i = 0; i < 2 * n; i += 2) {
        real re = bins[i] * filter[i] - bins[i + 1] * filter[i + 1];
        real im = bins[i] * filter[i + 1] + bins[i + 1] * filter[i];
        bins[i] = re;
        bins[i + 1] = im;
    }
}

/* All samples + taps - 1 outputs of x * h to y; the transform of h is part of the work, as it is in a call of ours. */
void saver_run(saver *s, const real *x, long samples, const real *h, real *y)
{
    long n = s->size / 2 + 1, overlap = s->taps - 1, step = s->size - overlap, outputs = samples + overlap;
    memcpy(s->block, h, s->taps * sizeof(real));
    memset(s->block + s->taps, 0, (s->size - s->taps) * sizeof(real));
    FFTW(execute)(s->forward);
    for (long i = 0; i < n; i++)
        s->filter[i] = s->bins[i] * ((real)1 / s->size);
    for (long at = 0; at < outputs; at += step) {
        long first = at - overlap, before = first < 0 ? -first : 0;
        long present = samples - (first + before);
        present = present < 0 ? 0 : present < s->size - before ? present : s->size - before;
        memset(s->block, 0, before * sizeof(real));
        memcpy(s->block + before, x + first + before, present * sizeof(real));
        memset(s->block + before + present, 0, (s->size - before - present) * sizeof(real));
        FFTW(execute)(s->forward);
        multiply((real *)s->bins, (const real *)s->filter, n);
        FFTW(execute)(s->backward);
        memcpy(y + at, s->block + overlap, (step < outputs - at ? step : outputs - at) * sizeof(real));
    }
}
