"""Decisions by rows of posteriors: that a word was said, and from when to when a sound lasts.

Both smooth the posteriors and have thresholds with hysteresis; words have a refractory time, sounds a shortest duration
and a longest gap.
"""

import numpy as np

from audioconv.kernels._jit import kernel, part
from audioconv.kernels._layout import layout

# Where a decoder is: the next row, the row from which a word may be told, the word of the last decision, or -1.
EVENTS = layout("EVENTS", "row", "quiet_until", "word")
# Of each word, in a row of `marks`: the last row in which its mean was below its threshold, in which it was so low that
# the word may be told again, and in which it was told.
MARKS = layout("MARKS", "below", "low", "told")

# Where a decoder of sounds is: the next row, and how many sounds the last row has ended.
ACTIVITY = layout("ACTIVITY", "row", "ended")
# Of each sound, in a row of `runs`: the row that it began in, or -1, and the first row of the gap that it may have
# ended with, or -1 while it lasts.
RUN = layout("RUN", "begin", "gap")
# Of each sound, in a row of `sums`: of its means since it began, and of those before the gap.
RUN_SUM = layout("RUN_SUM", "all", "before_gap")
# A sound that has ended, in a row of `ended`: which, the row that it began in, and the one after its last.
ENDED = layout("ENDED", "label", "begin", "end")


@part
def _smooth(rows, r, row, recent, means):
    """means = the mean of the last rows, of which rows[r] is the newest.

    recent (rows, labels), float64: these rows. Each is summed anew, from the oldest to the newest, so that the mean
    does not depend on the cut.
    """
    count, labels = recent.shape
    newest = row % count
    for w in range(labels):
        recent[newest, w] = rows[r, w]
        total = 0.0
        for k in range(1, count + 1):
            total += recent[(newest + k) % count, w]
        means[w] = total / min(row + 1, count)


@kernel
def next_event(rows, begin, limits, recent, means, marks, state, min_rows, quiet_rows):
    """Take rows of posteriors from `begin` on, up to the first one that decides a word; return the one after it.

    limits (2, words): thresholds, and below what a word may be told again. recent, means: as of `_smooth`. marks (3,
    words), rows of `MARKS`. state: `EVENTS`; the word is -1 if no row decides one.
    """
    state[EVENTS.word] = -1
    for r in range(begin, rows.shape[0]):
        row, best = state[EVENTS.row], -1
        _smooth(rows, r, row, recent, means)
        for w in range(rows.shape[1]):
            mean = means[w]
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


@kernel
def next_activity(rows, begin, limits, recent, means, runs, sums, ended, scores, state, min_rows, gap_rows):
    """Take rows of posteriors from `begin` on, up to the first one that ends sounds; return the one after it.

    A sound begins in the first row whose mean is at least its upper threshold, and lasts until the mean is below the
    lower one for more than `gap_rows` rows in which it does not reach the upper one again; what is shorter than
    `min_rows` is dropped. limits (2, labels): upper and lower thresholds. recent, means: as of `_smooth`. runs (2,
    labels), sums (2, labels): rows of `RUN` and `RUN_SUM`. ended (labels, 3), scores (labels,): `ENDED` of the sounds
    that the row has ended, and their mean. state: `ACTIVITY`.
    """
    state[ACTIVITY.ended] = 0
    for r in range(begin, rows.shape[0]):
        row, count = state[ACTIVITY.row], 0
        _smooth(rows, r, row, recent, means)
        for w in range(rows.shape[1]):
            mean = means[w]
            if runs[RUN.begin, w] < 0:
                if not mean >= limits[0, w]:
                    continue
                runs[RUN.begin, w], runs[RUN.gap, w], sums[RUN_SUM.all, w] = row, -1, 0.0
            elif runs[RUN.gap, w] < 0 and mean < limits[1, w]:
                runs[RUN.gap, w], sums[RUN_SUM.before_gap, w] = row, sums[RUN_SUM.all, w]
            elif mean >= limits[0, w]:
                runs[RUN.gap, w] = -1
            sums[RUN_SUM.all, w] += mean
            gap = runs[RUN.gap, w]
            if gap < 0 or row - gap < gap_rows:
                continue
            length = gap - runs[RUN.begin, w]
            if length >= min_rows:
                ended[count, ENDED.label], ended[count, ENDED.begin], ended[count, ENDED.end] = w, gap - length, gap
                scores[count] = sums[RUN_SUM.before_gap, w] / length
                count += 1
            runs[RUN.begin, w] = -1
        state[ACTIVITY.row], state[ACTIVITY.ended] = row + 1, count
        if count:
            return np.int64(r + 1)
    return np.int64(rows.shape[0])
