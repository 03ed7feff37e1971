"""Files through stages: the result is that of the whole signal, whatever the blocks, or there is no file."""

import numpy as np
import pytest

import audioconv as ac
from tests.compare import assert_close

RNG = np.random.default_rng


def a_file(path, channels=2, samples=5000):
    x = 0.2 * RNG(0).standard_normal((samples, channels) if channels > 1 else samples).astype("float32")
    ac.write(path, x, 8000, subtype="PCM_24")
    return ac.read(path).samples


@pytest.mark.parametrize("block_size", [1000, 65536])
def test_a_chain_over_a_file_is_the_chain_over_the_signal(tmp_path, block_size):
    x = a_file(tmp_path / "in.wav")
    ir = RNG(1).standard_normal(300).astype("float32") / 30

    def chain():
        return ac.Chain([
            ac.Biquad.design("highpass", 8000, 100.0, channels=2), ac.StreamConvolver(ir, channels=2, max_block=64),
            ac.Limiter(-6.0, sample_rate=8000, channels=2),
        ])  # fmt: skip

    whole = chain()
    expected = np.concatenate([whole.process(x), whole.flush()])[whole.latency :]
    used = chain()
    for _ in range(2):  # a chain may be used again
        done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", used, block_size=block_size)
    assert done == (5000 + 299, 0, 0.0)
    assert ac.io.info(tmp_path / "out.wav").subtype == "PCM_24"
    assert_close(ac.read(tmp_path / "out.wav").samples, expected, 2e-6)


def test_a_stage_of_a_file_without_compiled_step(tmp_path):
    x = a_file(tmp_path / "in.wav", 1)

    class Late:
        latency = 2

        def reset(self):
            self.kept = np.zeros(2, "float32")

        def process(self, block):
            joined = np.concatenate([self.kept, block])
            self.kept = joined[-2:]
            return joined[:-2]

        def flush(self):
            return self.kept

    ac.process_file(tmp_path / "in.wav", tmp_path / "out.flac", Late(), block_size=999)
    assert_close(ac.read(tmp_path / "out.flac").samples, x, 4e-5)  # 16 bits


def test_what_clips_is_counted(tmp_path):
    a_file(tmp_path / "in.wav", 1)
    done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(20.0))
    assert done.clipped > 100
    assert ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(20.0 + done.safe_gain_db)).clipped == 0


def test_an_error_leaves_no_file(tmp_path):
    a_file(tmp_path / "in.wav", 2)
    with pytest.raises(ac.ArgumentError, match="2 channel"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain())
    with pytest.raises(ac.AudioFileError):
        ac.process_file(tmp_path / "missing.wav", tmp_path / "out.wav", ac.Gain())
    unstable = ac.Biquad([[1.0, 0, 0, 1, -2.0, 1.5]], channels=2)
    with pytest.raises(ac.ArgumentError, match="NaN or infinite"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", unstable)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]
