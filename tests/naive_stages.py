"""Stages of sound sample by sample, as textbooks have them; x is (samples, channels)."""

import numpy as np


def over(start, aim, length):
    """What a parameter is in each sample of a block on its way from one value to another."""
    return start + (np.arange(length) + 1) / max(length, 1) * (aim - start)


def coefficient(time_ms, sample_rate):
    """Of a one-pole smoothing with this time constant."""
    return np.exp(-1 / (time_ms * sample_rate / 1000)) if time_ms else 0.0


def desired_db(level_db, threshold_db, ratio, knee_db):
    """What the gain computer makes of a level: Giannoulis et al. (2012), equation 4."""
    if 2 * (level_db - threshold_db) < -knee_db:
        return level_db
    if knee_db and 2 * abs(level_db - threshold_db) <= knee_db:
        return level_db + (1 / ratio - 1) * (level_db - threshold_db + knee_db / 2) ** 2 / (2 * knee_db)
    return threshold_db + (level_db - threshold_db) / ratio


def compressor(x, settings):
    """Equations 4 and 17 of Giannoulis et al. (2012); settings are numbers of each frame, times as coefficients."""
    y, first, second = np.empty(x.shape), 0.0, 0.0
    for t, frame in enumerate(x.astype(float)):
        threshold, ratio, knee, makeup, attack, release = (settings[name][t] for name in settings)
        peak = np.abs(frame).max()
        level = 20 * np.log10(peak) if peak else -1000.0
        reduction = level - desired_db(level, threshold, ratio, knee)
        first = max(reduction, release * first + (1 - release) * reduction)
        second = attack * second + (1 - attack) * first
        y[t] = frame * 10 ** ((makeup - second) / 20)
    return y


def noise_gate(x, threshold, lower, closed_gain, attack, release, hold):
    """A gate with hysteresis that is held for `hold` frames; thresholds and gain as factors, times as coefficients."""
    y, gain, is_open, below = np.empty(x.shape), closed_gain, False, 0
    for t, frame in enumerate(x.astype(float)):
        peak = np.abs(frame).max()
        below = 0 if peak >= (lower if is_open else threshold) else below + 1
        is_open = below <= hold if is_open else below == 0
        end = 1.0 if is_open else closed_gain
        smoothing = attack if end > gain else release
        gain = smoothing * gain + (1 - smoothing) * end
        y[t] = frame * gain
    return y


def delay(x, samples, feedback, mix):
    """An echo over all that came before; arrays with a number for each frame."""
    y, line = np.empty(x.shape), np.zeros((len(x) + int(max(samples, default=0)) + 1, x.shape[1]))
    start = len(line) - len(x)
    for t, frame in enumerate(x.astype(float)):
        late = line[start + t - int(samples[t])]
        line[start + t] = frame + feedback[t] * late
        y[t] = (1 - mix[t]) * frame + mix[t] * late
    return y
