/* Radix 2 on AC_FFT / 2 complex numbers in place, as pairs. */
static inline void ac_complex_fft(float *x) {
    const int n = AC_FFT / 2;
    for (int i = 1, j = 0; i < n; i++) {
        int bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j |= bit;
        if (i < j)
            for (int part = 0; part < 2; part++) {
                float kept = x[2 * i + part];
                x[2 * i + part] = x[2 * j + part];
                x[2 * j + part] = kept;
            }
    }
    for (int size = 2; size <= n; size *= 2)
        for (int first = 0; first < n; first += size)
            for (int k = 0; k < size / 2; k++) {
                const float *w = ac_twiddles + 2 * k * (AC_FFT / size);
                float *a = x + 2 * (first + k), *b = a + size;
                float r = b[0] * w[0] - b[1] * w[1], i = b[0] * w[1] + b[1] * w[0];
                b[0] = a[0] - r, b[1] = a[1] - i;
                a[0] += r, a[1] += i;
            }
}

/* The spectrum of AC_FFT real samples in place, as (real, imaginary) of bins 0 ... AC_FFT / 2 - 1; that of the last bin,
   which is real, is in place of the imaginary part of bin 0. The samples are transformed in pairs, as complex numbers. */
static inline void ac_fft(float *x) {
    const int n = AC_FFT / 2;
    ac_complex_fft(x);
    float low = x[0] + x[1], high = x[0] - x[1];
    for (int k = 1; k <= n / 2; k++) {
        const float *w = ac_twiddles + 2 * k;
        float *a = x + 2 * k, *b = x + 2 * (n - k);
        float even_r = (a[0] + b[0]) / 2, even_i = (a[1] - b[1]) / 2;
        float odd_r = (a[1] + b[1]) / 2, odd_i = (b[0] - a[0]) / 2;
        float r = odd_r * w[0] - odd_i * w[1], i = odd_r * w[1] + odd_i * w[0];
        a[0] = even_r + r, a[1] = even_i + i;
        if (k < n - k) b[0] = even_r - r, b[1] = i - even_i;
    }
    x[0] = low, x[1] = high;
}
