/* Rows of tensors wait in queues, a ring of memory for each tensor. An op makes its next row as soon as the rows that
   its window reaches are there and its queue has room. Rows before the first and after the last one are padding. */

enum { AC_CONVOLUTION, AC_UPSAMPLE, AC_MAX, AC_AVERAGE, AC_LP, AC_GLOBAL_MEAN, AC_RUNNING_MEAN, AC_FREQUENCY_MEAN,
       AC_MAXOUT, AC_NORMALISE, AC_ADD, AC_ACTIVATE, AC_SCALE };
enum { AC_LINEAR, AC_RELU, AC_SWISH, AC_SIGMOID };

typedef struct { int bins, channels, capacity, begin; } ac_value;

typedef struct {
    int kind, a, b, write;                       /* values that are read (b: -1 if there is one) and made */
    int span, stride, before, after, unit;       /* windows in rows; rows of an output for each of the input */
    int taps, dilation, tiles;                   /* in time */
    int ftaps, fstride, fdilation, flow, ftiles; /* in frequency; flow: padding below the lowest bin */
    int inner, groups, depthwise, activation;
    int counted_before, counted_after, fcounted_low, fcounted_high, is_signed;
    int sums;                                    /* where its float64 sums begin */
    float number;                                /* power, factor */
    const ac_weight *weight;
    const float *scale, *bias;
} ac_node;

/*@tables@*/

typedef struct {
/*@fields@*/
    float memory[AC_MEMORY]; /* of all queues */
    double sums[AC_SUMS];
    long long written[AC_VALUES], total[AC_VALUES], made[AC_NODES];
} ac_state;

static inline float *ac_row(ac_state *s, int v, long long row) {
    const ac_value *value = &ac_values[v];
    return s->memory + value->begin + (int)(row % value->capacity) * value->bins * value->channels;
}

/* The input row, or none where there is padding. */
static inline const float *ac_read(ac_state *s, int v, long long row) {
    return row < 0 || row >= s->written[v] ? 0 : ac_row(s, v, row);
}

static inline float ac_activated(float x, int activation) {
    if (activation == AC_RELU) return x < 0 ? 0 : x;
    if (activation == AC_SIGMOID) return 1 / (1 + expf(-x));
    return activation == AC_SWISH ? x / (1 + expf(-x)) : x;
}

static inline void ac_convolution(ac_state *s, const ac_node *n, long long k, float *y) {
    const ac_value *in = &ac_values[n->a], *out = &ac_values[n->write];
    int filters = out->channels, block = n->inner * filters, own = filters / n->groups;
    for (int f = 0; f < out->bins; f++, y += filters) {
        int tile = ((int)(k % n->tiles) * n->ftiles + f % n->ftiles) * n->taps * n->ftaps;
        for (int c = 0; c < filters; c++) y[c] = 0;
        for (int t = 0; t < n->taps; t++) {
            const float *row = ac_read(s, n->a, k * n->stride - n->before + t * n->dilation);
            for (int j = 0; row && j < n->ftaps; j++) {
                int bin = f * n->fstride - n->flow + j * n->fdilation;
                const ac_weight *w = n->weight + (tile + t * n->ftaps + j) * block;
                const float *x = row + bin * in->channels;
                if (bin < 0 || bin >= in->bins) continue;
                if (n->depthwise) {
                    for (int c = 0; c < filters; c++) y[c] += x[c] * (float)w[c];
                    continue;
                }
                for (int g = 0; g < n->groups; g++)
                    for (int i = 0; i < n->inner; i++) {
                        float number = x[g * n->inner + i];
                        for (int c = g * own; c < (g + 1) * own; c++) y[c] += number * (float)w[i * filters + c];
                    }
            }
        }
        for (int c = 0; c < filters; c++) {
            float sum = (n->scale ? y[c] * n->scale[c] : y[c]) + n->bias[c];
            y[c] = ac_activated(sum, n->activation);
        }
    }
}

static inline void ac_pool(ac_state *s, const ac_node *n, long long k, float *y) {
    const ac_value *in = &ac_values[n->a], *out = &ac_values[n->write];
    long long first = k * n->stride - n->before, end = s->total[n->a];
    for (int f = 0; f < out->bins; f++)
        for (int c = 0; c < out->channels; c++) {
            float sum = n->kind == AC_MAX ? -INFINITY : 0;
            int counted = 0;
            for (int t = 0; t < n->taps; t++) {
                const float *row = ac_read(s, n->a, first + t);
                if (first + t < -n->counted_before || (end >= 0 && first + t >= end + n->counted_after)) continue;
                for (int j = 0; j < n->ftaps; j++) {
                    int bin = f * n->fstride - n->flow + j;
                    if (bin < -n->fcounted_low || bin >= in->bins + n->fcounted_high) continue;
                    counted++;
                    if (!row || bin < 0 || bin >= in->bins) continue;
                    float x = row[bin * in->channels + c];
                    if (n->kind == AC_MAX) sum = x > sum ? x : sum;
                    else if (n->kind == AC_AVERAGE) sum += x;
                    else sum += powf(n->is_signed ? x : fabsf(x), n->number);
                }
            }
            if (n->kind == AC_AVERAGE) sum /= (float)counted;
            if (n->kind == AC_LP) sum = powf(sum * (float)(n->taps * n->ftaps) / (float)counted, 1 / n->number);
            y[f * out->channels + c] = sum;
        }
}

static inline void ac_means(ac_state *s, const ac_node *n, const float *x) {
    const ac_value *in = &ac_values[n->a];
    double *sums = s->sums + n->sums;
    for (int f = 0; f < in->bins; f++)
        for (int c = 0; c < in->channels; c++) sums[c] += x[f * in->channels + c];
    sums[in->channels] += in->bins;
}

static inline void ac_mean_so_far(const ac_state *s, const ac_node *n, float *y) {
    int channels = ac_values[n->a].channels;
    const double *sums = s->sums + n->sums;
    for (int c = 0; c < channels; c++) y[c] = (float)(sums[c] / sums[channels]);
}

static inline void ac_elementwise(const ac_node *n, const float *a, const float *b, float *y) {
    const ac_value *in = &ac_values[n->a], *out = &ac_values[n->write];
    int wide = n->kind == AC_ADD && ac_values[n->b].bins == 1;
    int bands = n->groups, width = n->inner; /* of a normalisation: bands, and bands times channels */
    for (int f = 0; f < out->bins; f++)
        for (int c = 0; c < out->channels; c++) {
            int at = f * out->channels + c;
            float x = a[f * in->channels + c];
            if (n->kind == AC_ADD) x += b[wide ? c : at];
            if (n->kind == AC_SCALE) x *= n->number;
            if (n->kind == AC_NORMALISE) {
                const float *own = n->bias + f / (out->bins / bands) * out->channels + c;
                x = (x - own[0]) * own[width] + own[2 * width];
            }
            for (int p = 1; n->kind == AC_MAXOUT && p < n->taps; p++) {
                float other = a[f * in->channels + p * out->channels + c];
                x = other > x ? other : x;
            }
            if (n->kind == AC_FREQUENCY_MEAN) {
                for (int g = 1; g < in->bins; g++) x += a[g * in->channels + c];
                x /= (float)in->bins;
            }
            y[at] = ac_activated(x, n->activation);
        }
}

static inline void ac_upsample(const ac_node *n, long long k, const float *x, float *y) {
    const ac_value *in = &ac_values[n->a], *out = &ac_values[n->write];
    for (int i = 0; i < out->bins * out->channels; i++) y[i] = 0;
    for (int f = 0; k % n->unit == 0 && f < in->bins; f++)
        for (int c = 0; c < in->channels; c++) y[f * n->fstride * in->channels + c] = x[f * in->channels + c];
}

/* The first input row that an op still needs. */
static inline long long ac_needed(const ac_node *n, long long made) {
    return n->kind == AC_GLOBAL_MEAN ? made : made / n->unit * n->stride - n->before;
}

static inline long long ac_outputs(const ac_state *s, const ac_node *n) {
    long long rows = s->total[n->a];
    if (rows < 0 || (n->b >= 0 && s->total[n->b] < 0)) return -1;
    if (n->kind == AC_GLOBAL_MEAN) return 1;
    return ((rows + n->before + n->after - n->span) / n->stride + 1) * n->unit;
}

static inline int ac_has(const ac_state *s, int v, long long row) {
    return v < 0 || row < s->written[v] || s->written[v] == s->total[v];
}

static inline int ac_ready(const ac_state *s, int number) {
    const ac_node *n = &ac_nodes[number];
    long long made = s->made[number], last = ac_needed(n, made) + n->span - 1, all = s->total[n->write];
    if (n->kind == AC_GLOBAL_MEAN)
        return made < s->written[n->a] || (made == s->total[n->a] && !s->written[n->write]);
    if ((all >= 0 && made >= all) || !ac_has(s, n->a, last) || !ac_has(s, n->b, last)) return 0;
    for (int other = 0; other < AC_NODES; other++) { /* has the queue room for one more? */
        const ac_node *m = &ac_nodes[other];
        if (m->a != n->write && m->b != n->write) continue;
        if (made - ac_needed(m, s->made[other]) >= ac_values[n->write].capacity) return 0;
    }
    return 1;
}

static inline void ac_make(ac_state *s, int number) {
    const ac_node *n = &ac_nodes[number];
    long long k = s->made[number], row = ac_needed(n, k);
    float *y = ac_row(s, n->write, s->written[n->write]);
    if (n->kind == AC_GLOBAL_MEAN) { /* takes row after row, and gives one after the last */
        if (k < s->written[n->a]) s->made[number]++, ac_means(s, n, ac_row(s, n->a, k));
        if (s->made[number] == s->total[n->a]) ac_mean_so_far(s, n, y), s->written[n->write] = 1;
        return;
    }
    s->made[number]++;
    if (n->kind == AC_CONVOLUTION) ac_convolution(s, n, k, y);
    else if (n->kind == AC_MAX || n->kind == AC_AVERAGE || n->kind == AC_LP) ac_pool(s, n, k, y);
    else if (n->kind == AC_UPSAMPLE) ac_upsample(n, k, ac_row(s, n->a, row), y);
    else if (n->kind == AC_RUNNING_MEAN) ac_means(s, n, ac_row(s, n->a, row)), ac_mean_so_far(s, n, y);
    else ac_elementwise(n, ac_row(s, n->a, row), n->b < 0 ? 0 : ac_row(s, n->b, row), y);
    s->written[n->write]++;
}

static inline void ac_reset_network(ac_state *s) {
    for (int v = 0; v < AC_VALUES; v++) s->written[v] = 0, s->total[v] = -1;
    for (int n = 0; n < AC_NODES; n++) s->made[n] = 0;
    for (int i = 0; i < AC_SUMS; i++) s->sums[i] = 0;
}

/* Run all ops as far as they go; the rows of the last tensor are results. */
static inline void ac_run(ac_state *s, float *results, int *rows) {
    for (int moved = 1; moved;) {
        moved = 0;
        for (int n = 0; n < AC_NODES; n++) {
            long long all = ac_outputs(s, &ac_nodes[n]);
            if (all >= 0) s->total[ac_nodes[n].write] = all;
            while (ac_ready(s, n)) {
                long long before = s->written[AC_Y];
                ac_make(s, n);
                moved = 1;
                if (s->written[AC_Y] > before) {
                    const float *y = ac_row(s, AC_Y, before);
                    for (int i = 0; i < AC_OUTPUTS; i++) results[*rows * AC_OUTPUTS + i] = y[i];
                    ++*rows;
                }
            }
        }
    }
}

/* Take a row of features. */
static inline void ac_push(ac_state *s, const float *features, float *results, int *rows) {
    float *x = ac_row(s, 0, s->written[0]++);
    for (int i = 0; i < ac_values[0].bins * ac_values[0].channels; i++) x[i] = features[i];
    ac_run(s, results, rows);
}
