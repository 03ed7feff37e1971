"""The cost model: what `auto` takes, that its plans can be carried out, and the figures of a machine."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.kernels.dsp.passes import next_fast_len
from audioconv.signal import cost, tune

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def chosen(samples, taps, dtype="float32", **how):
    how = {"begin": 0, "count": samples + taps - 1, **how}
    return cost.choose(samples, taps, how.pop("begin"), how.pop("count"), dtype, **how)[0]


@DTYPES
def test_short_filters_are_direct_and_long_ones_go_by_blocks(dtype):
    methods = [chosen(480_000, taps, dtype).method for taps in (1, 8, 16, 500, 5000, 50_000)]
    assert methods == ["direct"] * 3 + ["overlap_add"] * 3


@DTYPES
def test_signal_and_filter_of_one_length_go_by_one_transform(dtype):
    way = chosen(48_000, 48_000, dtype)
    assert way.method == "fft"
    assert way.fft_size == 98_304  # 3 * 2^15, and not 2^17


def test_the_shorter_of_signal_and_filter_counts():
    assert chosen(8, 50_000).method == "direct"


def test_outputs_that_are_not_kept_cost_a_direct_filter_nothing():
    assert chosen(480_000, 300, count=480_000).method == "overlap_add"
    assert chosen(480_000, 300, count=4_800, stride=100).method == "direct"


def test_few_taps_that_are_not_zero_go_tap_by_tap():
    assert chosen(480_000, 48_000, nonzero=20).method == "sparse"
    assert chosen(480_000, 48_000, nonzero=20_000).method == "overlap_add"


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 10**7),
    st.integers(1, 10**6),
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from(["float32", "float64"]),
)
def test_blocks_hold_the_filter_and_the_best_comes_first(samples, taps, stride, dilation, dtype):
    count = -(-samples // stride)
    candidates = cost.choose(samples, taps, 0, count, dtype, stride=stride, dilation=dilation)
    span = (taps - 1) * dilation + 1
    by_method = {way.method: way for way in candidates}
    assert set(by_method) == {"direct", "overlap_add", "fft"}
    assert by_method["direct"].fft_size == 0
    assert by_method["overlap_add"].fft_size >= max(256, min(samples, span) if dilation == 1 else span)
    assert by_method["fft"].fft_size >= (count - 1) * stride + 1
    for way in candidates[1:]:
        assert 0 < candidates[0].predicted_s <= way.predicted_s
    for size in (by_method["overlap_add"].fft_size, by_method["fft"].fft_size):
        assert size // (size & -size) in (1, 3)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**8))
def test_a_good_size_is_the_next_one_that_has_a_plan(least):
    sizes = sorted(size for k in range(8, 30) for size in (2**k, 3 * 2 ** (k - 1)))
    assert next_fast_len(least, cost.SIZES[0]) == next(size for size in sizes if size >= least)


def test_a_plan_says_why():
    plan = ac.plan(1_440_000, 4_800, channels=2)
    assert plan.method == "overlap_add"
    assert plan.predicted_s == plan.candidates[0].predicted_s > 0
    assert plan.predicted_s == pytest.approx(2 * ac.plan(1_440_000, 4_800).predicted_s)
    text = str(plan)
    for wanted in ("1,440,000 samples x 4,800 taps, 2 channels", "chosen", "direct", "fft", "times as long", " ms"):
        assert wanted in text
    assert f"{plan.fft_size:,}" in text
    assert "sparse" in str(ac.plan(1000, 100, nonzero=3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"samples": 0}, "samples must be at least 1"),
        ({"taps": 1.5}, "taps must be a whole number"),
        ({"channels": 0}, "channels"),
        ({"dtype": "int16"}, "dtype must be 'float32'"),
        ({"nonzero": 9}, "at most taps = 8"),
    ],
)
def test_plans_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ac.ArgumentError, match=message):
        ac.plan(**{"samples": 100, "taps": 8, **wrong})


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "table_path", lambda: tmp_path / "cache" / "costs.json")
    cost.forget()
    yield tmp_path / "cache" / "costs.json"
    monkeypatch.undo()
    cost.forget()


def figures(scale):
    """Made-up figures, in which a direct filter costs `scale` times as much as it does here."""
    built_in = cost._read(cost.BUILT_IN)
    return {
        dtype: table._replace(direct=tuple(scale * value for value in table.direct))
        for dtype, table in built_in.items()
    }


def test_measured_figures_are_kept_and_used(own_cache):
    assert not cost.tuned()
    assert chosen(100_000, 16).method == "direct"
    assert "built in" in str(ac.plan(1000, 10))
    assert tune.save(figures(1000)) == own_cache
    assert cost.tuned()
    assert chosen(100_000, 16).method == "overlap_add"
    assert "measured on this machine" in str(ac.plan(1000, 10))
    assert [path.name for path in own_cache.parent.iterdir()] == ["costs.json"]
    own_cache.unlink()
    cost.forget()
    assert not cost.tuned()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"taps": [1], "sizes": [2]}', "\0"])
def test_damaged_or_foreign_figures_are_ignored(own_cache, content):
    own_cache.parent.mkdir()
    own_cache.write_text(content)
    cost.forget()
    assert not cost.tuned()
    assert chosen(100_000, 16).method == "direct"


def test_the_built_in_figures_grow_with_the_work():
    for table in cost._read(cost.BUILT_IN).values():
        for row in (table.direct[1:], table.block, table.whole[8:]):
            assert np.all(np.diff(row) > -0.2 * np.array(row[1:])), row  # measured: a little disorder is right
            assert row[-1] > 10 * row[0]
        assert min(table.call) > 0
    stored = json.loads(cost.BUILT_IN.read_text())
    assert stored["taps"] == list(cost.TAPS)


def test_a_plan_shows_itself_in_a_line_and_in_a_notebook():
    plan = ac.plan(480_000, 48_000)
    assert repr(plan).startswith("Plan(480,000 samples x 48,000 taps, 1 channel, float32: overlap_add, ")
    assert "\n" not in repr(plan)
    assert repr(ac.plan((100, 50), (3, 3))).startswith("Plan(100 x 50 values, 3 x 3 taps, float32: direct, ")
    table = plan._repr_html_()
    assert table.count("<tr>") == 1 + len(plan.candidates)
    assert "<td>overlap_add</td>" in table
