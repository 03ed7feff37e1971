"""Live sound on a real PortAudio stream, without hardware: JACK's dummy driver."""

import runpy
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv import detect
from audioconv.detect import DetectorMonitor, DetectorStream, FrameScorer
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.stream import Monitor, Sink, Source
from tests.command import refused, run
from tests.compare import assert_close
from tests.signals import uniform

RATE, ROOT = 48000, Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.live,
    pytest.mark.usefixtures("sound_card_of_jack"),
    pytest.mark.skipif(not JIT_ENABLED, reason="a C callback needs compiled code"),
]


def hall(taps, seed=1):
    return uniform(taps, 0.5, seed) * np.exp(-np.arange(taps, dtype="float32") / (taps / 6))


@pytest.mark.parametrize("block", [64, 256, 100])
def test_what_is_played_is_the_offline_result(block):
    x, h, sink = uniform(RATE, 0.5), hall(RATE), Sink(RATE)
    with ac.live(ac.Chain([Source(x), ac.StreamConvolver(h), sink]), block) as sound:
        sound.wait(0.5)
        done = sound.statistics
    y = sink.recorded
    assert len(y) > RATE / 4
    assert len(y) >= done.frames > 0
    assert done.blocks >= done.frames // block
    assert 0 < done.load_mean <= done.load_worst
    assert_close(y, ac.convolve(x, h)[: len(y)], 2e-6)


@pytest.mark.parametrize("denoiser", [ac.Denoise, ac.NeuralDenoise])
def test_denoisers_play(denoiser):
    x, sink = uniform(RATE, 0.1), Sink(RATE)
    with ac.live(ac.Chain([Source(x), denoiser(RATE), sink]), 256) as sound:
        sound.wait(0.5)
    assert len(sink.recorded) > RATE / 20
    assert np.array_equal(sink.recorded, denoiser(RATE).process(x)[: len(sink.recorded)])


def test_channels_in_and_out_may_differ():
    x, sink = uniform((RATE, 2), 0.5), Sink(RATE)
    chain = ac.Chain([Source(x, channels=1), ac.MatrixMixer([[0.5], [0.5]]), sink])
    with ac.live(chain) as sound:
        sound.wait(0.2)
    assert_close(sink.recorded, x.mean(axis=1)[: len(sink.recorded)], 1e-6)
    assert len(sink.recorded) > RATE / 20


def test_it_plays_on_while_python_holds_the_gil():
    h, numbers = hall(RATE), np.random.default_rng(0).uniform(size=1_000_000).tolist()
    with ac.live(ac.Chain([ac.StreamConvolver(h)]), 256) as sound:
        time.sleep(0.1)
        before, start = sound.statistics.frames, time.monotonic()
        while time.monotonic() < start + 1.5:
            sorted(numbers)
        passed_s = time.monotonic() - start
        frames = sound.statistics.frames - before
    assert frames > 0.7 * RATE * passed_s  # the dummy driver itself may lose time here; Python alone gets some percent


def test_what_is_set_is_heard():
    gain, sink = ac.Gain(0.0), Sink(2 * RATE)
    with ac.live(ac.Chain([Source(np.ones(4 * RATE, "float32")), gain, sink])) as sound:
        sound.wait(0.2)
        gain.gain_db = -20.0
        sound.wait(0.2)
    y = sink.recorded
    assert y[0] == 1
    assert y[-1] == np.float32(0.1)
    change = np.flatnonzero((y < 1) & (y > 0.1))
    assert 0 < len(change) <= 64  # a line over one block
    assert (np.diff(y) <= 0).all()


def test_a_response_changes_while_it_plays():
    x, old, new, sink = uniform(3 * RATE, 0.5), hall(RATE), hall(RATE // 2, seed=2), Sink(3 * RATE)
    convolver = ac.StreamConvolver(old)
    ac.StreamConvolver(old).set_ir(new, fade_s=0.02)  # compiles what the change needs before the sound begins
    with ac.live(ac.Chain([Source(x), convolver, sink])) as sound:
        sound.wait(0.3)
        convolver.set_ir(new, fade_s=0.02)
        sound.wait(0.5)
    y = sink.recorded
    before, after = ac.convolve(x, old)[: len(y)], ac.convolve(x, new)[: len(y)]
    begin = int(np.flatnonzero(np.abs(y - before) > 1e-4 * np.abs(before).max())[0])
    starts = [start for start in range(begin // 64 * 64 - 256, begin + 64, 64) if start >= 0]
    g = [np.clip((np.arange(len(y)) - start + 1) / 960, 0, 1) for start in starts]
    errors = [np.abs(y - ((1 - fade) * before + fade * after)).max() for fade in g]
    assert min(errors) < 4e-6 * np.abs(before).max()


def test_a_monitor_is_read_while_it_plays():
    x, monitor = uniform(2 * RATE, 0.5), Monitor(RATE)
    heard = []
    with ac.live(ac.Chain([Source(x), monitor])) as sound:
        while sum(map(len, heard)) < RATE // 4 and sound.active:
            heard.append(monitor.read())
            time.sleep(0.01)
    y = np.concatenate(heard)
    assert np.array_equal(y, x[: len(y)])
    assert monitor.dropped == 0


def test_only_input_and_only_output():
    monitor = Monitor(RATE)
    with ac.live(monitor, kind="input") as sound:
        sound.wait(0.1)
    assert len(monitor.read()) > 1000
    sink = Sink(RATE)
    with ac.live(ac.Chain([Source(uniform(RATE, 0.5)), sink]), kind="output") as sound:
        sound.wait(0.1)
        assert sound.take_peaks_db()[1] == pytest.approx(-6.0, abs=0.1)
    assert len(sink.recorded) > 1000


def test_a_stage_is_in_one_place_at_a_time_and_can_be_used_afterwards():
    gain = ac.Gain(6.0)
    with ac.live(gain) as sound:
        with pytest.raises(ac.BusyError, match="this Gain is being played live; stop it first"):
            gain.process(uniform(64, 0.5))
        with pytest.raises(ac.BusyError, match="played live"), ac.live(gain):
            pass
        assert sound.active
        sound.stop()
        assert not sound.active
        assert len(gain.process(uniform(64, 0.5))) == 64
        sound.start()
        assert sound.active
    assert len(gain.process(uniform(64, 0.5))) == 64


def test_what_is_inside_a_stage_that_plays_is_in_use_too():
    gain, biquad = ac.Gain(6.0), ac.Biquad([[1.0, 0, 0, 1, -0.5, 0]])
    chain = ac.Chain([gain, ac.DryWet(biquad, 0.5), gain])
    with ac.live(chain):
        for stage in (chain, gain, biquad):
            with pytest.raises(ac.BusyError, match=f"this {type(stage).__name__} is being played live"):
                stage.process(uniform(64, 0.5))
    for stage in (chain, gain, biquad):
        assert len(stage.process(uniform(64, 0.5))) == 64
    with gain._guard:  # another thread is in it
        sound = ac.live(chain)
        with pytest.raises(ac.BusyError, match="two threads"):
            sound.start()
        sound.close()
    assert len(chain.process(uniform(64, 0.5))) == 64


def test_a_chain_that_plays_cannot_be_cleared_and_nothing_is_lost():
    x, h, sink, monitor = uniform(RATE, 0.5), hall(4000), Sink(RATE), Monitor(RATE)
    gain, biquad, reverb = ac.Gain(0.0), ac.Biquad([[1.0, 0, 0, 1, -0.5, 0]]), ac.StreamConvolver(h)
    limiter = ac.Limiter(40.0, sample_rate=RATE)
    dry_wet = ac.DryWet(limiter, 0.5)
    source = Source(x)
    chain = ac.Chain([source, gain, biquad, reverb, dry_wet, monitor, sink])
    stages = (chain, source, gain, biquad, reverb, dry_wet, limiter, monitor, sink)
    with ac.live(chain) as sound:
        for _ in range(20):
            sound.wait(0.01)
            for stage in stages:
                for call in (stage.reset, stage.flush):
                    with pytest.raises(ac.BusyError, match=f"this {type(stage).__name__} is being played live"):
                        call()
            gain.gain_db = 0.0  # parameters may be set
            monitor.read()
        assert sound.active
    y = sink.recorded
    assert len(y) > RATE / 10
    alone = ac.Chain([ac.Biquad(biquad.sos), ac.StreamConvolver(h), ac.DryWet(ac.Limiter(40.0, sample_rate=RATE), 0.5)])
    assert_close(y, alone.process(x[: len(y)]), 2e-6)
    chain.reset()
    assert len(sink.recorded) == 0


def test_one_channel_is_played_on_all():
    for stage, played in ((ac.Gain(0.0), 2), (ac.Gain(0.0, channels=2), 2), (ac.MatrixMixer([[1.0], [1.0]]), 2)):
        with ac.live(stage) as sound:
            assert (sound.input_channels, sound.output_channels) == (stage.channels, played)
            sound.wait(0.1)
            assert sound.statistics.frames > 0
    for options, channels in (({"output_channels": 1}, (1, 1)), ({"kind": "input"}, (1, 0)),
                              ({"kind": "output"}, (0, 2)), ({"device": "loopback"}, (1, 1))):  # fmt: skip
        sound = ac.live(ac.Gain(0.0), **options)
        assert (sound.input_channels, sound.output_channels) == channels
        sound.close()
    with pytest.raises(ac.ArgumentError, match="output_channels is 1, but the stage gives 2"):
        ac.live(ac.Gain(0.0, channels=2), output_channels=1)


@pytest.mark.parametrize("block", [None, 1, 7, 1000, 4096, 100_000])
def test_statistics_are_numbers_whatever_the_block(block):
    with ac.live(ac.Gain(0.0), block) as sound:
        sound.wait(0.2)
        done = sound.statistics
    assert all(np.isfinite(done))
    assert done.frames == 0 if block == 100_000 else done.frames > 0
    assert (done.load_mean == 0) == (done.load_worst == 0) == (done.blocks == 0)
    assert block is None or done.frames == block * done.blocks
    assert done.load_mean <= done.load_worst * (1 + 1e-6) + 1e-9


def test_devices_are_listed():
    system, loopback = ac.devices()
    assert system == (0, "system", "JACK Audio Connection Kit", 2, 2, 48000.0, True, True)
    assert (loopback.name, loopback.input_channels, loopback.output_channels) == ("loopback", 1, 1)
    assert not loopback.default_input | loopback.default_output


def test_a_stage_of_another_sample_rate_is_refused():
    limiter = ac.Limiter(sample_rate=44100)
    with pytest.raises(ac.ArgumentError, match="sample_rate is 48000 Hz, but the stage is made for 44100 Hz"):
        ac.live(ac.Chain([ac.Gain(0.0), ac.DryWet(limiter)]), sample_rate=48000)
    with pytest.raises(ac.SoundDeviceError, match="made for 44100 Hz"):
        ac.live(limiter)  # asks the card for it
    for wrong in (0, np.nan, np.inf, True, "48000"):
        with pytest.raises(ac.ArgumentError, match="sample_rate"):
            ac.live(ac.Gain(0.0), sample_rate=wrong)
    sound = ac.live(ac.Limiter(sample_rate=48000.0))
    assert sound.sample_rate == 48000
    sound.close()


def test_a_sample_that_is_not_finite_silences_nothing():
    x = np.ones(4 * RATE, "float32")
    x[100] = np.nan
    chain, sink = ac.Chain([Source(x), ac.Biquad([[1.0, 0, 0, 1, -0.5, 0]])]), Sink(RATE)
    with ac.live(ac.Chain([chain, sink])) as sound:
        sound.wait(0.1)
        assert sound.stage.nonfinite_count == 1
        assert sound.statistics.nonfinite_count == 0
    y = sink.recorded
    assert_close(y[:100], 2 - 0.5 ** np.arange(100), 1e-6)
    assert_close(y[100:103], [1.0, 1.5, 1.75], 1e-6)
    assert_close(y[200:], np.full(len(y) - 200, 2.0), 1e-6)


def test_a_stage_is_free_again_if_the_sound_cannot_begin():
    gain = ac.Gain(6.0)
    sound = ac.live(gain)
    sound.close()
    with pytest.raises(ac.SoundDeviceError):
        sound.start()
    assert len(gain.process(uniform(64, 0.5))) == 64


def test_what_cannot_run_is_refused():
    with pytest.raises(ac.ArgumentError, match="Monitor"):
        ac.live(ac.Resample(48000, 16000))
    with pytest.raises(ac.ArgumentError, match="compiled step"):
        ac.live(ac.Chain([ac.Resample(48000, 16000)]))
    with pytest.raises(ac.SoundDeviceError, match=r"no such card.*there are: 0 system"):
        ac.live(ac.Gain(0.0), device="no such card")
    with pytest.raises(ac.SoundDeviceError, match="channels"):
        ac.live(ac.Gain(0.0, channels=7))
    with pytest.raises(ac.ArgumentError, match="kind"):
        ac.live(ac.Gain(0.0), kind="both")
    with pytest.raises(ac.ArgumentError, match="block_size"):
        ac.live(ac.Gain(0.0), 0)


def test_one_that_nobody_closes_does_no_harm():
    sound = ac.live(ac.Gain(0.0))
    sound.start()
    del sound
    time.sleep(0.05)
    assert threading.active_count() < 50


GONE = """
import time
from tests import jack
import audioconv as ac

with jack.server() as process:
    sound = ac.live(ac.Gain(0.0))
    sound.start()
    time.sleep(0.2)
    assert sound.active
    process.terminate()
    sound.wait(5)
    assert not sound.active
    sound.close()
    print(sound.statistics.frames)
"""


def test_a_sound_server_that_goes_away_stops_nothing():
    done = subprocess.run([sys.executable, "-c", GONE], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000


def test_the_command_plays_for_a_time_and_says_how_it_went():
    listed = run("live", "--list-devices")
    assert listed.stdout.splitlines()[0] == "* 0 system, JACK Audio Connection Kit (2 in, 2 out, 48000 Hz)"
    result = run("live", "--gain", "-6", "--seconds", "0.3", "--meter")
    assert result.exit_code == 0, result.output
    assert "dropouts" in result.stdout
    assert "load" in result.stdout
    played_s = float(result.stdout.split()[0])
    assert 0.15 < played_s < 0.6
    assert "nothing to do" in refused("live")
    assert "--gain must be between" in refused("live", "--gain", "nan")
    same = run("live", "--gain", 0, "--seconds", 0.2)
    assert same.exit_code == 0, same.output
    assert "48000 Hz, 1 channel in, 2 out, blocks of 64" in same.stderr
    too_long = run("live", "--gain", 0, "--block", 100_000, "--seconds", 0.1)
    assert "0.0 s in 0 blocks" in too_long.stdout
    assert "nan" not in too_long.output
    assert "no such" in run("live", "--gain", "1", "--device", "no such").stderr


def scorer():
    """Of words, by a network that was never trained."""
    rng = np.random.default_rng(1)
    layers = [ac.nn.Conv1d(40, 8, 5, 2, padding="causal", rng=rng), ac.nn.ReLU(), ac.nn.Dense(8, 3, rng=rng)]
    statistics = np.full(40, -6, "float32"), np.full(40, 2, "float32")
    return FrameScorer(np.array(["no", "yes"]), ac.LogMel(), ac.nn.Sequential(layers), *statistics)


def test_a_detector_hears_what_is_played():
    x, made, sink = uniform(RATE, 0.5) * np.sin(np.arange(RATE, dtype="float32") / 3000), scorer(), Sink(RATE)
    thresholds = np.quantile(made.posteriors(x[::3].copy()), 0.8, axis=0)
    words, heard = DetectorMonitor(made, made.decoder(thresholds), sample_rate=RATE), []
    with ac.live(ac.Chain([Source(x), words, sink])) as sound:
        for _ in range(25):
            sound.wait(0.02)
            heard += words.detections()
        assert sound.active
    heard += words.detections()
    played = sink.recorded
    expected = DetectorStream(made, thresholds, sample_rate=RATE).process(played)
    assert np.array_equal(played, x[: len(played)])
    assert heard == expected
    assert words.dropped == 0
    assert heard


def test_the_command_prints_the_words_that_it_hears(monkeypatch, tmp_path):
    class Detector:
        classes_ = ("no", "yes")

        @staticmethod
        def load(path=None):
            return Detector

        @staticmethod
        def monitor(**options):
            made = scorer()
            return DetectorMonitor(made, made.decoder(1e-9), **options)

    monkeypatch.setattr(detect, "KeywordDetector", Detector)
    (tmp_path / "words.safetensors").touch()  # files are looked for before a sound card is
    for meter in ((), ("--meter",)):
        model = (tmp_path / "words.safetensors",) if meter else ()
        result = run("live", "--listen", *model, "--channels", 2, "--seconds", 0.3, *meter)
        assert result.exit_code == 0, result.output
        first, *_, last = result.stdout.splitlines()
        assert first.split()[:3] == ["0.03", "0.03", "s"]  # when the first row is complete
        assert first.split()[3] in ("no", "yes")
        assert "dropouts" in last
    assert "a model is for --listen" in refused("live", "words.safetensors", "--gain", 0)


def test_the_example_changes_halls_while_it_is_busy(capsys):
    halls = [str(ROOT / "data/impulse_responses" / name) for name in ("hall.flac", "small_room.flac")]
    done = runpy.run_path(str(ROOT / "examples/live_hall.py"))["main"](0.4, *halls)
    assert done.frames > 0.4 * RATE
    assert halls[1] in capsys.readouterr().out
