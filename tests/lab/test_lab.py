"""The experiments at small sizes: counts that can be worked out, exactness that they claim, and the page they make."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import lab, nn
from audioconv.lab import (
    comparison,
    data,
    dilated,
    event_field,
    fast,
    networks,
    pooling,
    prior,
    sparse,
    timing,
    training,
)
from audioconv.nn.layers.summary import described
from audioconv.report import Report
from tests.command import run

RNG = np.random.default_rng
ONE = lab.Settings(quick=True, threads=1)


@pytest.fixture(scope="module")
def digits():
    return data.digits()


# --- data ---


def test_digits_are_all_there_once_and_standardised(digits):
    assert digits.train_x.shape == (1200, 8, 8, 1)
    assert digits.test_x.shape == (597, 8, 8, 1)
    assert digits.train_x.mean() == pytest.approx(0, abs=1e-5)
    assert digits.train_x.std() == pytest.approx(1, abs=1e-3)
    rows = {row.tobytes() for row in np.concatenate((digits.train_x, digits.test_x)).reshape(1797, -1)}
    assert len(rows) > 1790  # a few images are there twice
    assert set(digits.train_y) == set(digits.test_y) == set(range(10))


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 1.0])
def test_a_share_has_every_class_and_as_many_as_it_says(digits, share):
    chosen = digits.share(share, 0)
    assert len(set(chosen)) == len(chosen)
    counts = np.bincount(digits.train_y[chosen], minlength=10)
    assert np.array_equal(counts, [max(1, round(share * n)) for n in np.bincount(digits.train_y)])
    if 0.01 < share < 1:
        assert not np.array_equal(chosen, digits.share(share, 1))


def test_spoken_words_are_planes_and_words_lie_anywhere():
    words = data.keywords(1)
    assert words.shape == (49, 10, 1)
    assert len(words.classes) == 11
    clip = np.zeros(100)
    clip[40:50] = np.arange(1, 11)
    starts = {int(np.flatnonzero(data.placed(clip, RNG(seed)))[0]) for seed in range(200)}
    assert min(starts) == 0
    assert max(starts) == 90
    moved = data.placed(clip, RNG(3))
    assert np.array_equal(moved[moved > 0], clip[clip > 0])
    assert not data.placed(np.zeros(5), RNG(0)).any()


def test_a_word_begins_where_it_is_heard_though_a_file_is_not_quite_zero_before():
    clip = np.full(100, 1e-5)
    clip[40:50] = 1
    assert data.sound_of(clip) == slice(40, 50)
    starts = {int(np.flatnonzero(data.placed(clip, RNG(seed)) == 1)[0]) for seed in range(200)}
    assert (min(starts), max(starts)) == (0, 90)


def test_images_are_read_as_their_format_says(tmp_path):
    import gzip

    images = RNG(0).integers(0, 256, (3, 4, 5), dtype=np.uint8)
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x03" + np.array(images.shape, ">i4").tobytes() + images.tobytes()))
    np.testing.assert_array_equal(data._idx(path), images)


# --- networks of equal budget ---


@pytest.mark.parametrize("kind", networks.KINDS)
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("shape", [(8, 8, 1), (49, 10, 1), (28, 28, 1)])
def test_networks_of_all_kinds_give_logits_and_are_counted_as_they_are(kind, pooled, shape):
    network = networks.build(kind, pooled, (3, 4), shape, 7, RNG(0))
    x = RNG(1).standard_normal((2, *shape)).astype("float32")
    assert network.forward(x).shape == (2, 7)
    found = networks.measured(kind, pooled, (3, 4), shape, 7)
    assert found.parameters == sum(p.size for p in network.parameters().values())
    assert found.multiply_adds == described(network, shape)[1]
    assert found.memory_bytes == 4 * (found.parameters + found.activations)


def test_multiply_adds_of_a_convolution_are_what_one_counts():
    found = networks.measured("convolutional", False, (3, 4), (8, 8, 1), 7)
    assert found.multiply_adds == 64 * 9 * 3 + 64 * 9 * 3 * 4 + 64 * 4 * 7
    assert found.parameters == 9 * 3 + 3 + 9 * 12 + 4 + 64 * 4 * 7 + 7
    assert found.activations == 2 * 64 * 3 + 2 * 64 * 4 + 2 * 7
    dense = networks.measured("dense", False, (5, 6), (8, 8, 1), 7)
    assert dense.multiply_adds == 64 * 5 + 5 * 6 + 6 * 7


@pytest.mark.parametrize("budget", ["parameters", "multiply_adds"])
@pytest.mark.parametrize("kind", networks.KINDS)
def test_a_budget_is_met_as_nearly_as_widths_allow(budget, kind):
    amount = 12_000
    found = networks.within(budget, amount, kind, True, (8, 8, 1), 10)
    missed = abs(getattr(found, budget) - amount)
    for step in (-1, 1):
        widths = tuple(width + step for width in found.widths)
        assert missed <= abs(getattr(networks.measured(kind, True, widths, (8, 8, 1), 10), budget) - amount)
    if budget == "parameters" and kind != "locally connected":
        assert missed <= 0.05 * amount


def test_an_unknown_kind_is_refused():
    with pytest.raises(ac.ArgumentError, match=r"one of 'dense', .* not 'sparse'"):
        networks.build("sparse", False, (1, 1), (8, 8, 1), 2, RNG(0))


# --- the comparison ---


def test_a_training_learns_digits_and_repeats_itself_bit_by_bit(digits):
    network = networks.within("parameters", 4000, "convolutional", True, digits.shape, 10)
    accuracies = [comparison.trained(digits, network, share, 0, 100) for share in (0.01, 1.0)]
    assert accuracies[1] > 0.9
    assert accuracies[0] < accuracies[1] - 0.1
    assert comparison.trained(digits, network, 0.01, 0, 100) == accuracies[0]


def test_cells_that_were_not_reached_are_not_finished(digits):
    rows, steps, interrupted = comparison.measure([digits], ONE, limit_s=-1, steps=1)
    assert (steps, interrupted) == (1, False)
    assert len(rows) == 20
    assert all(np.isnan(row.accuracy).all() for row in rows)
    assert all(row.step_s > 0 and row.predict_s > 0 for row in rows)
    assert comparison.spread(rows[0].accuracy[0]) == "not finished"
    assert comparison.spread(np.array([0.5, 0.7, np.nan])) == "60.0 ± 10.0 (2 of 3 seeds)"
    assert comparison.spread(np.array([0.5])) == "50.0"


def test_trainings_are_shortened_until_each_network_has_the_least_and_the_whole_data(digits, monkeypatch):
    monkeypatch.setattr(comparison, "_times", lambda plans: [(0.01, 0.01)] * len(plans))
    done = []
    monkeypatch.setattr(comparison, "trained", lambda *cell: done.append(cell) or 0.5)
    rows, steps, _ = comparison.measure([digits], ONE, limit_s=60, steps=250)
    assert steps == int(0.5 * 60 / (0.01 * 20 * 5)) or steps == int(0.5 * 60 / (0.01 * 20 * 5)) - 1  # of the time left
    assert {cell[-1] for cell in done} == {steps}
    assert [cell[2] for cell in done[:40]] == [1.0] * 20 + [0.01] * 20
    assert not any(np.isnan(row.accuracy).any() for row in rows)


def test_the_comparison_is_shown_with_what_was_finished_after_ctrl_c(digits, monkeypatch):
    done = []

    def trained(*cell):
        if len(done) == 30:
            raise KeyboardInterrupt
        done.append(cell)
        return 0.25

    monkeypatch.setattr(comparison, "trained", trained)
    monkeypatch.setattr(data, "all_tasks", lambda settings: ([digits], ["Fashion-MNIST"]))
    report = Report("one")
    with pytest.raises(KeyboardInterrupt):
        comparison.show(report, ONE)
    page = report.html()
    assert page.count("25.0") == 30
    assert page.count("not finished") >= 70
    assert "interrupted" in page
    assert "left out: Fashion-MNIST" in page
    assert page.count("<img") == 3


# --- sparse interactions ---


def test_connections_are_those_of_windows_inside_the_input():
    row = sparse.counted("one", nn.Conv1d(2, 3, 3, rng=RNG(0)), (5, 2))
    assert (row.weights, row.connections, row.multiply_adds) == (18, (3 * 5 - 2) * 6, 15 * 6)
    assert row.dense == 5 * 2 * 5 * 3


def test_pruned_filters_are_timed_and_the_share_is_kept():
    found = sparse.pruned(2000, 1)
    assert [row.share for row in found] == list(sparse.SHARES)
    assert np.isnan(found[0].sparse_s)
    assert all(row.sparse_s > 0 and row.predicted_s > 0 for row in found[1:])


def test_receptive_fields_are_those_of_the_streams():
    for name, inputs in (("dilation 1", 9), ("dilation 1, 2, 4, 8", 31)):
        stack = sparse.stacks()[name]
        seen = sparse.reach(stack, 33, 16)
        assert [int(units.sum()) for units in seen][::-1][0] == 1
        assert seen[0].sum() == inputs == nn.Sequential(stack).stream((1,)).receptive_field
        assert np.flatnonzero(seen[0]).tolist() == list(range(16 - inputs // 2, 17 + inputs // 2))


# --- pooling ---


def test_equivariance_is_exact_where_it_should_be_and_not_elsewhere():
    errors = {row.name: row.inside for row in pooling.equivariance()}
    for name in ("convolution", "depthwise", "ReLU", "maximum of 2, every step"):
        assert errors[name] == (0, 0, 0)
    for name in ("maximum of 2, every 2nd", "convolution, every 2nd", "tiled convolution, 2 sets"):
        assert errors[name][0] > 0.5
        assert errors[name][1:] == (0, 0)
    assert min(errors["locally connected"]) > 0.5


def test_words_are_moved_later_and_those_that_would_not_fit_left_out():
    clips = np.zeros((3, 16000), np.float32)
    clips[0, 4000:8000] = RNG(0).standard_normal(4000)
    clips[1, 1000:15000] = RNG(1).standard_normal(14000)
    assert pooling.fits_after_shifts(clips).tolist() == [True, False, False]
    still, later = (pooling.shifted(clips, ms) for ms in (0, 200))
    np.testing.assert_array_equal(later[0, 10:], still[0, :-10])  # ten frames of 20 ms
    assert np.ptp(still[2], axis=0).max() == 0


@pytest.mark.parametrize("kind", pooling.KINDS)
def test_networks_with_each_kind_of_pooling_give_logits(kind):
    network = pooling.network(kind, (49, 10), 5, RNG(0))
    assert network.forward(np.zeros((2, 49, 10), "float32")).shape == (2, 5)


def test_shifts_are_measured_against_no_shift():
    rng = RNG(0)
    clips = np.zeros((24, 16000), np.float32)
    for number, clip in enumerate(clips):
        tone = np.sin(np.arange(6000) * (0.1 + 0.3 * (number % 2)))
        clip[3000:9000] = tone + 0.1 * rng.standard_normal(6000)
    spoken = data.Spoken(clips[:16], np.arange(16) % 2, clips[16:], np.arange(8) % 2, ("low", "high"))
    rows, count = pooling.measure(spoken, ONE, 40)
    assert count == 8
    assert [row.kind for row in rows] == list(pooling.KINDS)
    for row in rows:
        assert row.accuracy.shape == row.change.shape == (6, 1)
        assert row.accuracy[0, 0] == 1
        assert row.change[0, 0] == 0
        assert row.change[-1, 0] > 0
    with pytest.raises(ac.ArgumentError, match="kind must be one of 'none', 'max"):
        pooling.network("median", (49, 10), 5, RNG(0))


# --- the prior ---


def test_matrices_are_those_of_the_layers():
    found = {matrix.name: matrix for matrix in prior.matrices()}
    assert all(matrix.difference <= prior.TOLERANCE for matrix in found.values())
    plain = found["3 taps"].tied
    assert np.array_equal(plain[:, 3], np.array([0, 0, 1, 2, 3] + [0] * 11))
    assert found["transposed, stride 2"].tied.shape == (8, 17)


def test_a_wrong_matrix_is_not_told(monkeypatch):
    layer = nn.Conv1d(1, 1, 3, rng=RNG(0))
    right = nn.to_matrix(layer, (6, 1))
    right.weight[0, 0] += 0.1
    monkeypatch.setattr(nn, "to_matrix", lambda *_: right)
    with pytest.raises(AssertionError, match="differs by"):
        prior.as_matrix("one", layer, (6, 1))


def test_another_order_is_nothing_to_a_dense_network(digits):
    dense, plain, pooled = prior.measure(digits, ONE, 60)
    assert abs(dense.ordered[0] - dense.scrambled[0]) <= 3 / len(digits.test_y)
    assert plain.network.kind == pooled.network.kind == "convolutional"
    assert pooled.scrambled[0] < pooled.ordered[0] - 0.02


# --- dilated and transposed ---


def test_receptive_fields_grow_as_told_and_as_the_matrices_say():
    field = dilated.receptive_fields()
    assert field.plain == tuple(2 * depth + 1 for depth in field.depths)
    assert field.dilated == tuple(2 ** (depth + 1) - 1 for depth in field.depths)
    for depth in (1, 3, 5):
        assert dilated.inputs_seen(dilated.stack(depth, True), 80) == field.dilated[depth - 1]
        assert dilated.inputs_seen(dilated.stack(depth, False), 80) == field.plain[depth - 1]


def test_words_are_told_from_as_far_back_as_the_dilation_reaches():
    rng = RNG(0)
    x = 0.1 * rng.standard_normal((60, 49, 2, 1)).astype("float32")
    y = np.arange(60) % 2
    first, second = rng.integers(0, 20, 60), 16  # a mark, and one of the same kind so much later, in one class alone
    for plane, label, at in zip(x, y, first, strict=True):
        plane[at, 0, 0] += 3
        plane[at + (second if label else 3), 1, 0] += 3
    task = data.Task("marks", x, y, x, y, ("near", "far"))
    near, far = event_field.measure(task, ONE, (1, 16), 150)
    assert (near.receptive_field, far.receptive_field) == (11, 63)
    assert far.seconds == pytest.approx(1.26)
    assert far.accuracy[0] > 0.95


def test_what_is_said_of_receptive_fields_follows_from_the_figures():
    rows = [event_field.Reach(d, f, np.array([a])) for d, f, a in ((1, 11, 0.5), (4, 31, 0.79), (16, 63, 0.8))]
    said = event_field.verdict(rows)
    assert "A field of 0.62 s is what these words need" in said
    assert "cut to 0.22 s, without dilation, the same weights lose 30 points" in said
    assert "dilation buys nothing" in event_field.verdict([rows[2], rows[1], rows[0]])


def test_what_is_said_of_predictions_follows_from_the_figures():
    assert fast.deviation({"direct": [1.0, 1.2], "fft": [0.9]}).endswith("direct 1.1, fft 0.9.")
    assert "for fft it is out by more than 1.5 times" in fast.deviation({"direct": [1.1], "fft": [0.2, 4.0, 4.0]})


def test_a_spectrogram_gets_a_checkerboard_of_three_taps_only():
    clip = (RNG(0).standard_normal(16000) * np.hanning(16000)).astype("float32")
    image = dilated.spoken_spectrogram(clip)
    assert image.shape == (dilated.SIDE, dilated.SIDE)
    assert (image.min(), image.max()) >= (0, 1)
    rows = {way.name: way.unevenness for way in dilated.enlarged(image)}
    assert rows["transposed, 3 taps"] > 0.3
    assert max(rows["transposed, 4 taps"], rows["repeated, then 3 taps"]) < 0.05


def test_three_taps_make_a_checkerboard_and_the_others_none():
    image = dilated.photograph()
    assert image.shape == (dilated.SIDE, dilated.SIDE)
    assert 0 <= image.min() < 0.3 < 0.7 < image.max() <= 1
    images = {way.name: way for way in dilated.enlarged(image)}
    assert images["transposed, 3 taps"].ripple > 0.3
    for name in ("transposed, 4 taps", "repeated, then 3 taps"):
        assert images[name].ripple < 1e-6
        inner = images[name].image[8:-8, 8:-8]
        assert inner.mean() == pytest.approx(image[4:-4, 4:-4].mean(), rel=0.05)


# --- fast algorithms, and the page ---


def test_costs_are_measured_beside_what_the_planner_says():
    cost = fast.signal_cost(4000, 300, False, 1)
    assert cost.predicted_s == {w.method: w.predicted_s for w in ac.plan(4000, 300).candidates}
    assert cost.measured_s.keys() == cost.predicted_s.keys() >= {"direct", "overlap_add"}
    assert fast.signal_cost(4000, 300, True, 1).measured_s.keys() == {"sparse"}
    assert fast.plane_cost(5, 1, (60, 40)).measured_s.keys() == {"direct", "separable", "overlap_add"}


def test_medians_are_of_one_call_each():
    calls = []
    found = timing.medians_s({"one": lambda: calls.append(1)}, 3, enough_s=0)
    assert len(calls) == 5
    assert 0 < found["one"] < 0.01


def test_training_takes_batches_larger_than_the_set():
    network = nn.Sequential([nn.Dense(4, 2, rng=RNG(0))])
    x = RNG(1).standard_normal((6, 4)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    assert training.accuracy(training.train(network, x, y, 2, 300, 0), x, y) == 1


def test_the_command_writes_one_page_of_what_is_named(tmp_path):
    page = tmp_path / "lab.html"
    result = run("lab", "sparse", "dilated", "--quick", "--report", page, "--threads", "1")
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert text.index("Sparse interactions") < text.index("Dilated and transposed")
    assert "Parameter sharing" not in text
    assert text.count("<img") == 6
    refused = run("lab", "sparsity", "--report", tmp_path / "other.html")
    assert refused.exit_code == 2
    assert "experiment cannot be 'sparsity'; did you mean 'sparse'?" in refused.stderr
    assert not (tmp_path / "other.html").exists()
    refused = run("lab", "sparse", "--quick", "--report", page)
    assert refused.exit_code == 2
    assert "lab.html exists and is not overwritten" in refused.stderr
    assert page.read_text() == text
