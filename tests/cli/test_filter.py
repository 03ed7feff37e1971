"""audioconv filter: the same as convolve, in the format of the input, for any block, rate and number of channels."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

import audioconv as ac
from audioconv.io import info
from tests.command import refused, run
from tests.compare import assert_close
from tests.signals import uniform

RATE = 16000


def decaying(taps, *channels):
    envelope = np.exp(-np.arange(taps) / (taps / 5)).reshape(-1, *[1] * len(channels))
    return (uniform((taps, *channels), seed=1) * envelope / 4).astype("float32")


def put(path, samples, rate=RATE, subtype="FLOAT"):
    ac.write(path, samples, rate, subtype=subtype)
    return path


@pytest.mark.parametrize(
    ("signal", "response"),
    [((5000,), (1,)), ((5000,), (700,)), ((300,), (2000,)), ((5000, 2), (700,)), ((5000, 3), (700, 3)), ((1,), (1,))],
)
@pytest.mark.parametrize("block", [7, 1024, 65536])
def test_the_file_is_the_whole_convolution(tmp_path, signal, response, block):
    x, h = uniform(signal, 0.1), decaying(*response)
    if response == (1,):
        h[:] = 0.5
    source, ir = put(tmp_path / "in.wav", x), put(tmp_path / "ir.wav", h)
    result = run("filter", source, tmp_path / "out.wav", "--ir", ir, "--block", block)
    assert result.exit_code == 0, result.output
    clip = ac.read(tmp_path / "out.wav")
    assert clip.sample_rate == RATE
    columns = x.reshape(len(x), -1).astype(float).T
    filters = np.broadcast_to(h.reshape(len(h), -1).T, (len(columns), len(h))).astype(float)
    expected = np.stack([np.convolve(a, b) for a, b in zip(columns, filters, strict=True)], axis=1)
    assert_close(clip.samples.reshape(len(clip.samples), -1), expected, 2e-6)
    assert str(tmp_path / "out.wav") in result.stdout


def test_the_block_does_not_matter(tmp_path):
    source, ir = put(tmp_path / "in.wav", uniform((9000, 2), 0.1)), put(tmp_path / "ir.wav", decaying(3000))
    for block in (13, 1000, 65536):
        assert run("filter", source, tmp_path / f"{block}.wav", "--ir", ir, "--block", block).exit_code == 0
    one, other, most = (ac.read(tmp_path / f"{block}.wav").samples for block in (13, 1000, 65536))
    assert_close(one, most, 2e-6)
    assert_close(other, most, 2e-6)


@pytest.mark.parametrize(
    ("source", "subtype", "target", "expected"),
    [
        ("in.wav", "PCM_24", "out.wav", ("WAV", "PCM_24")),
        ("in.wav", "FLOAT", "out.wav", ("WAV", "FLOAT")),
        ("in.flac", "PCM_24", "out.flac", ("FLAC", "PCM_24")),
        ("in.ogg", "VORBIS", "out.ogg", ("OGG", "VORBIS")),
        ("in.wav", "FLOAT", "out.flac", ("FLAC", "PCM_16")),
        ("in.ogg", "VORBIS", "out.wav", ("WAV", "PCM_16")),
    ],
)
def test_the_format_is_kept_where_the_suffix_is(tmp_path, source, subtype, target, expected):
    put(tmp_path / source, uniform(3000, 0.1), subtype=subtype)
    ir = put(tmp_path / "ir.wav", decaying(50))
    assert run("filter", tmp_path / source, tmp_path / target, "--ir", ir).exit_code == 0
    about = info(tmp_path / target)
    assert (about.format, about.subtype) == expected
    assert about.frames == 3049


@pytest.mark.parametrize(("ir_rate", "rate"), [(8000, 16000), (44100, 16000), (16000, 48000)])
@pytest.mark.parametrize("taps", [1, 2, 800])
def test_an_impulse_response_of_another_rate_keeps_its_gain(tmp_path, ir_rate, rate, taps):
    """Against the response at its own rate: the same complex gain within 0.5 % of the largest, in both bands."""
    h = decaying(taps)
    h[0] = 1  # begins abruptly
    x = np.zeros(rate // 4, "float32")
    x[rate // 8] = 1
    source, ir = put(tmp_path / "in.wav", x, rate), put(tmp_path / "ir.wav", h, ir_rate)
    result = run("filter", source, tmp_path / "out.wav", "--ir", ir)
    assert result.exit_code == 0
    assert result.stderr == f"audioconv: {ir} is resampled from {ir_rate} to {rate} Hz\n"
    y = ac.read(tmp_path / "out.wav").samples
    resampled, ahead = ac.io.resample_response(h, ir_rate, rate)
    assert len(y) == len(x) + len(resampled) - ahead - 1  # what rings after the response belongs to the tail
    y = np.concatenate([y[rate // 8 :], y[: rate // 8]])  # time 0 first, what rings before it last
    times = np.concatenate([np.arange(len(y) - rate // 8), np.arange(-(rate // 8), 0)])
    frequencies_hz = (0, 100, 777, 2500)
    wanted = np.array([gain_at(h, np.arange(taps) / ir_rate, f) for f in frequencies_hz])
    actual = np.array([gain_at(y, times / rate, f) for f in frequencies_hz])
    assert_close(actual.view(float), wanted.view(float), 0.005)


def gain_at(taps, times_s, frequency_hz):
    return np.sum(taps * np.exp(-2j * np.pi * frequency_hz * times_s))


def test_strict_refuses_another_rate(tmp_path):
    source, ir = put(tmp_path / "in.wav", uniform(100, 0.1)), put(tmp_path / "ir.wav", decaying(50), 8000)
    says = refused("filter", source, tmp_path / "out.wav", "--ir", ir, "--ir-rate", "strict")
    assert "8000 Hz" in says
    assert "16000 Hz" in says
    assert not (tmp_path / "out.wav").exists()
    put(ir, decaying(50))
    assert run("filter", source, tmp_path / "out.wav", "--ir", ir, "--ir-rate", "strict").exit_code == 0


def test_gain_is_in_decibels(tmp_path):
    x = uniform(500, 0.1)
    source, ir = put(tmp_path / "in.wav", x), put(tmp_path / "ir.wav", np.ones(1, "float32"))
    assert run("filter", source, tmp_path / "out.wav", "--ir", ir, "--gain", "-6.0206").exit_code == 0
    assert_close(ac.read(tmp_path / "out.wav").samples, x / 2, 1e-5)
    assert "--gain" in refused("filter", source, tmp_path / "out.wav", "--ir", ir, "--gain", "nan")


def test_clipping_is_counted_and_the_gain_named_avoids_it(tmp_path):
    source = put(tmp_path / "in.wav", uniform(4000, 0.9), subtype="PCM_16")
    ir = put(tmp_path / "ir.wav", 3 * np.ones(1, "float32"))
    result = run("filter", source, tmp_path / "out.wav", "--ir", ir, "--gain", "1")
    assert result.exit_code == 0
    loud = ac.read(source).samples * np.float32(3 * 10 ** (1 / 20))
    assert f"{np.count_nonzero(np.abs(loud) > 1):,} samples of {tmp_path / 'out.wav'} clipped at full" in result.stderr
    gain = result.stderr.split("--gain ")[1].split()[0]
    again = run("filter", source, tmp_path / "out.wav", "--ir", ir, "--gain", gain, "--force")
    assert again.stderr == ""
    assert 0.97 < np.abs(ac.read(tmp_path / "out.wav").samples).max() <= 1


def test_a_file_that_is_there_is_overwritten_only_by_force(tmp_path):
    x = uniform(3000, 0.1)
    source, ir = put(tmp_path / "a.wav", x), put(tmp_path / "ir.wav", np.array([0, 1], "float32"))
    before = source.read_bytes()
    (tmp_path / "link.wav").symlink_to(source)
    (tmp_path / "other.wav").write_bytes(b"older")
    for target in ("a.wav", "link.wav", "other.wav", "../" + tmp_path.name + "/a.wav"):
        says = refused("filter", source, tmp_path / target, "--ir", ir)
        assert "exists and is not overwritten; give another name, or --force" in says
    assert source.read_bytes() == before
    assert (tmp_path / "other.wav").read_bytes() == b"older"
    assert run("filter", source, source, "--ir", ir, "--block", 100, "--force").exit_code == 0
    assert_close(ac.read(source).samples[1:], x, 2e-6)
    assert run("filter", source, tmp_path / "other.wav", "--ir", ir, "--force").exit_code == 0


@pytest.mark.parametrize(("channels", "says"), [((3,), "has 3 channels for a file of 2"), ((1,), None), ((2,), None)])
def test_channels_of_the_impulse_response(tmp_path, channels, says):
    source, ir = put(tmp_path / "in.wav", uniform((100, 2), 0.1)), put(tmp_path / "ir.wav", decaying(50, *channels))
    if says is None:
        assert run("filter", source, tmp_path / "out.wav", "--ir", ir).exit_code == 0
    else:
        assert says in refused("filter", source, tmp_path / "out.wav", "--ir", ir)
        assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    ("target", "says"),
    [("no/out.wav", "does not exist; make it first"), ("out.xyz", "'.xyz'"), ("out", "suffix ''")],
)
def test_an_output_that_cannot_be_written_is_said_first(tmp_path, target, says):
    source, ir = put(tmp_path / "in.wav", uniform(100, 0.1)), put(tmp_path / "ir.wav", decaying(50))
    assert says in refused("filter", source, tmp_path / target, "--ir", ir)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "ir.wav"]


def test_damage_that_shows_late_leaves_the_older_output(tmp_path):
    source, ir = (
        put(tmp_path / "in.flac", uniform(60000, 0.1), subtype="PCM_16"),
        put(tmp_path / "ir.wav", decaying(50)),
    )
    source.write_bytes(source.read_bytes()[:-2000])
    (tmp_path / "out.flac").write_bytes(b"older")
    says = refused("filter", source, tmp_path / "out.flac", "--ir", ir, "--block", "1000", "--force")
    assert f"{source} is damaged or cut short" in says
    assert (tmp_path / "out.flac").read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.flac", "ir.wav", "out.flac"]


def test_a_mono_file_with_a_stereo_response_becomes_stereo(tmp_path):
    x, h = uniform(3000, 0.1), decaying(400, 2)
    source, ir = put(tmp_path / "in.wav", x), put(tmp_path / "ir.wav", h)
    result = run("filter", source, tmp_path / "out.wav", "--ir", ir)
    assert "2 channels, 16000 Hz, FLOAT, mono in, one response for each of 2 channels out" in result.stdout
    expected = np.stack([np.convolve(x.astype(float), column) for column in h.T.astype(float)], axis=1)
    assert_close(ac.read(tmp_path / "out.wav").samples, expected, 2e-6)


def test_true_stereo(tmp_path):
    x, h = uniform((3000, 2), 0.1), decaying(400, 4)
    source, ir = put(tmp_path / "in.wav", x), put(tmp_path / "ir.wav", h)
    assert "true stereo (LL LR RL RR) with --true-stereo" in refused("filter", source, tmp_path / "out.wav", "--ir", ir)
    result = run("filter", source, tmp_path / "out.wav", "--ir", ir, "--true-stereo")
    assert "true stereo, LL LR RL RR" in result.stdout
    left, right = x.T.astype(float)
    ll, lr, rl, rr = h.T.astype(float)
    expected = np.stack(
        [np.convolve(left, ll) + np.convolve(right, rl), np.convolve(left, lr) + np.convolve(right, rr)]
    )
    assert_close(ac.read(tmp_path / "out.wav").samples, expected.T, 2e-6)
    assert "--true-stereo says" in refused("filter", source, tmp_path / "out.wav", "--true-stereo", "--gain", 1)


def test_stages_come_in_the_order_that_the_help_says(tmp_path):
    """A limiter in the chain, and then all that is linear: highpass, lowpass, gain."""
    x = uniform(4000, 0.9)
    source = put(tmp_path / "in.wav", x)
    (tmp_path / "chain.toml").write_text('[[stage]]\ntype = "limiter"\nthreshold_db = -12')
    result = run("filter", source, tmp_path / "out.wav", "--gain", "-3", "--lowpass", 4000, "--highpass", 100,
                 "--chain", tmp_path / "chain.toml")  # fmt: skip
    assert result.exit_code == 0, result.output
    limiter = ac.Limiter(-12.0, sample_rate=RATE)
    y = np.concatenate([limiter.process(x), limiter.flush()])[limiter.latency :].astype(float)
    for kind, frequency_hz in (("highpass", 100), ("lowpass", 4000)):
        y = sosfilt(butter(4, frequency_hz, kind, fs=RATE, output="sos"), y)
    assert_close(ac.read(tmp_path / "out.wav").samples, y * 10 ** (-3 / 20), 1e-6)


def test_a_chain_may_change_the_rate_before_the_other_stages(tmp_path):
    source = put(tmp_path / "in.wav", uniform(4000, 0.1))
    (tmp_path / "chain.toml").write_text('[[stage]]\ntype = "resample"\nrate_out = 48000')
    out = tmp_path / "out.wav"
    assert run("filter", source, out, "--chain", tmp_path / "chain.toml", "--lowpass", 20000).exit_code == 0
    assert (info(out).sample_rate, info(out).frames) == (48000, 12000)
    says = refused("filter", source, out, "--lowpass", 20000, "--force")
    assert "between 0 and half of the sample rate 16000 Hz" in says


def test_rate_and_subtype(tmp_path):
    x = uniform(4000, 0.1)
    source, out = put(tmp_path / "in.wav", x), tmp_path / "out.wav"
    result = run("filter", source, out, "--rate", 8000, "--subtype", "PCM_24")
    assert f"{out}: 0.250 s, 1 channel, 8000 Hz, PCM_24" in result.stdout
    assert_close(ac.read(out).samples, ac.io.resample(x, RATE, 8000), 1e-5)
    assert "cannot have the subtype 'PCM_12'" in refused("filter", source, out, "--subtype", "PCM_12")


def test_there_must_be_something_to_do(tmp_path):
    source = put(tmp_path / "in.wav", uniform(100, 0.1))
    assert "--chain, --ir, --highpass" in refused("filter", source, tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_normalize_applies_the_gain_that_is_needed(tmp_path):
    x = uniform(4000, 0.9)
    source, out = put(tmp_path / "in.wav", x, subtype="PCM_16"), tmp_path / "out.wav"
    result = run("filter", source, out, "--gain", 12, "--normalize")
    assert result.stderr == ""
    assert "made softer by " in result.stdout
    assert_close(ac.read(out).samples, x / np.abs(x).max(), 1e-4)
    clipped = run("filter", source, out, "--gain", 12, "--force")
    assert "and so does --normalize" in clipped.stderr


def test_dither_can_be_switched_off(tmp_path):
    source, out = put(tmp_path / "in.wav", np.full(4000, 0.3 / 2**15)), tmp_path / "out.wav"
    assert run("filter", source, out, "--subtype", "PCM_16").exit_code == 0
    assert abs(ac.read(out).samples.mean() * 2**15 - 0.3) < 0.05
    assert run("filter", source, out, "--subtype", "PCM_16", "--no-dither", "--force").exit_code == 0
    assert not ac.read(out).samples.any()


def test_ctrl_c_leaves_no_file_and_the_older_one_as_it_was(tmp_path):
    """The real signal, sent to a process once its part of the file is there."""
    source = put(tmp_path / "in.wav", uniform(2_000_000, 0.1))
    (tmp_path / "out.wav").write_bytes(b"older")
    command = [sys.executable, "-m", "audioconv", "filter", source, tmp_path / "out.wav", "--gain", "1", "--block", "1",
               "--force"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*.part")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(tmp_path.glob(".*.part"))
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    assert "audioconv: interrupted\n" in complained
    assert "Traceback" not in complained
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "out.wav"]
    assert (tmp_path / "out.wav").read_bytes() == b"older"


def test_the_bar_says_how_fast_it_goes(monkeypatch):
    from audioconv.cli import messages as command

    class Shown:
        def update(self, task, **fields):
            self.fields = fields

        def stop(self):
            self.stopped = True

    shown, now = Shown(), iter([0.0, 1.0, 4.0, 8.0])
    monkeypatch.setattr(command, "bar", lambda title, total: (shown, 0))
    monkeypatch.setattr(command.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(command.time, "monotonic", lambda: next(now))
    with command.speed_bar("filtering a.wav", 1000) as progress:
        progress(1000, 9000)
        assert not hasattr(shown, "fields")  # it does not take long so far
        progress(4000, 9000)
        progress(8000, 9000)
    assert shown.fields == {"completed": 8000, "total": 9000, "description": "filtering a.wav, 1 times real time"}
    assert shown.stopped


# --- how much, how loud ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [(), (2,)])
@pytest.mark.parametrize("wet", [0, 0.25, 1])
def test_wet_mixes_the_response_with_the_signal(tmp_path, channels, wet):
    x, h = uniform(3000, 0.1), decaying(400, *channels)
    source, ir = put(tmp_path / "in.wav", x), put(tmp_path / "ir.wav", h)
    result = run("filter", source, tmp_path / "out.wav", "--ir", ir, "--wet", wet)
    assert result.exit_code == 0, result.output
    columns = h.reshape(400, -1).T.astype(float)
    expected = np.stack([wet * np.convolve(x.astype(float), column) for column in columns], axis=1)
    expected[:3000] += (1 - wet) * x[:, None]
    y = ac.read(tmp_path / "out.wav").samples
    assert_close(y.reshape(len(y), -1), expected[: len(y)], 2e-6)
    assert len(y) == 3399


def test_wet_keeps_the_dry_signal_in_time_with_a_resampled_response(tmp_path):
    x = np.zeros(4000, "float32")
    x[1000] = 0.5
    h = np.zeros(800, "float32")
    h[80] = 0.5
    source, ir = put(tmp_path / "in.wav", x), put(tmp_path / "ir.wav", h, 8000)
    assert run("filter", source, tmp_path / "out.wav", "--ir", ir, "--wet", 0.5).exit_code == 0
    y = ac.read(tmp_path / "out.wav").samples
    assert abs(y[1000] - 0.25) < 0.01
    assert np.argmax(np.abs(y[1050:])) + 1050 == 1000 + 160
    assert "--wet says" in refused("filter", source, tmp_path / "no.wav", "--gain", 1, "--wet", 0.5)


def test_peak_and_loudness(tmp_path):
    import pyloudnorm

    x = uniform(16000, 0.1)
    source, out = put(tmp_path / "in.wav", x), tmp_path / "out.wav"
    result = run("filter", source, out, "--peak", -6)
    assert "made louder by 1" in result.stdout
    assert_close(ac.read(out).samples, x / np.abs(x).max() * 10 ** (-6 / 20), 1e-5)
    result = run("filter", source, out, "--loudness", -40, "--force")
    assert "made softer by " in result.stdout
    assert result.stdout.endswith(" dB, -40.0 LUFS\n")
    assert abs(pyloudnorm.Meter(RATE, "DeMan").integrated_loudness(ac.read(out, dtype="float64").samples) + 40) < 0.01
    result = run("filter", source, out, "--loudness", 0, "--subtype", "PCM_16", "--force")
    assert "--loudness -" in result.stderr
    result = run("filter", source, out, "--loudness", 0, "--subtype", "PCM_16", "--normalize", "--force")
    assert result.stderr == ""
    assert np.abs(ac.read(out).samples).max() > 0.999
    reached = pyloudnorm.Meter(RATE, "DeMan").integrated_loudness(ac.read(out, dtype="float64").samples)
    assert reached < -1
    assert f", {reached:.1f} LUFS\n" in result.stdout  # not what was asked for
    many = run("filter", source, f"{tmp_path}/many/", "--loudness", 0, "--normalize", "--jobs", 1)
    assert f"{source}: {reached:.1f} LUFS\n" in many.stdout
    assert "one of them is wanted" in refused("filter", source, tmp_path / "no.wav", "--peak", -1, "--loudness", -20)
