"""The decision that a word was said, by rows of posteriors: smoothing, thresholds, hysteresis, refractory time."""

import numpy as np

from audioconv.kernels._jit import kernel
from audioconv.kernels._layout import layout

# Where a decoder is: the next row, the row from which a word may be told, the word of the last decision, or -1.
EVENTS = layout("EVENTS", "row", "quiet_until", "word")
# Of each word, in a row of `marks`: the last row in which its mean was below its threshold, in which it was so low that
# the word may be told again, and in which it was told.
MARKS = layout("MARKS", "below", "low", "told")


@kernel
def next_event(rows, begin, limits, recent, means, marks, state, min_rows, quiet_rows):
    """Take rows of posteriors from `begin` on, up to the first one that decides a word; return the one after it.

    limits (2, words): thresholds, and below what a word may be told again. recent (rows, words): the last rows, of
    which `means` is the mean, in float64; each is summed anew, from the oldest to the newest, so that it does not
    depend on the cut. marks (3, words), rows of `MARKS`. state: `EVENTS`; the word is -1 if no row decides one.
    """
    count, words = recent.shape
    state[EVENTS.word] = -1
    for r in range(begin, rows.shape[0]):
        row, best = state[EVENTS.row], -1
        newest = row % count
        for w in range(words):
            recent[newest, w] = rows[r, w]
            total = 0.0
            for k in range(1, count + 1):
                total += recent[(newest + k) % count, w]
            mean = means[w] = total / min(row + 1, count)
            if not mean >= limits[0, w]:
                marks[MARKS.below, w] = row
            elif best < 0 or mean > means[best]:
                best = w
            if mean < limits[1, w]:
                marks[MARKS.low, w] = row
        state[EVENTS.row] = row + 1
        lasts = best >= 0 and row - marks[MARKS.below, best] >= min_rows
        if lasts and row >= state[EVENTS.quiet_until] and marks[MARKS.low, best] > marks[MARKS.told, best]:
            marks[MARKS.told, best] = row
            state[EVENTS.quiet_until], state[EVENTS.word] = row + quiet_rows, best
            return np.int64(r + 1)
    return np.int64(rows.shape[0])
