"""One thread at a time in a stage, and in whatever it is a part of: the second is turned away, and nothing is lost."""

import copy
import pickle
import threading

import numpy as np
import pytest

import audioconv as ac
from audioconv import nn
from audioconv.stage import Guard
from tests.signals import uniform

RATE = 48000
IR = np.array([1.0, 0.5, 0.25, 0.125], "float32")
SOS = [[0.2, 0.4, 0.2, 1, -0.5, 0.25]]


def slower(block, memory):
    for t in range(len(block)):
        memory[0] = 0.5 * memory[0] + block[t, 0]
        block[t, 0] = memory[0]


def network():
    return nn.Conv1d(1, 1, 5, padding=2, rng=np.random.default_rng(0)).stream()


STAGES = {
    "gain": lambda: ac.Gain(-6.0),
    "biquad": lambda: ac.Biquad(SOS),
    "matrix mixer": lambda: ac.MatrixMixer([[0.5, 0.25]]),
    "limiter": lambda: ac.Limiter(-12.0, sample_rate=RATE),
    "dry and wet": lambda: ac.DryWet(ac.Limiter(-12.0, sample_rate=RATE), 0.5),
    "convolver": lambda: ac.StreamConvolver(IR),
    "user's": lambda: ac.JitStage(slower, np.zeros(1), tail=5),
    "source": lambda: ac.Source(uniform(500, 0.5, 1)),
    "sink": lambda: ac.Sink(500),
    "monitor": lambda: ac.Monitor(500),
    "resample": lambda: ac.Resample(RATE, RATE // 2),
    "chain": lambda: ac.Chain([ac.Gain(6.0), ac.Biquad(SOS), ac.Limiter(sample_rate=RATE)]),
    "chain with a stage in Python": lambda: ac.Chain([ac.Biquad(SOS), ac.Resample(RATE, RATE // 2), ac.Gain(6.0)]),
}


def turned_away(*calls):
    """The errors that calls get from another thread."""
    errors = []

    def enter():
        for call in calls:
            try:
                call()
            except ac.BusyError as error:
                errors.append(str(error))

    other = threading.Thread(target=enter)
    other.start()
    other.join()
    return errors


def calls_of(stage):
    x = uniform(32, 0.5, 9)
    shape = (32, stage.channels)[: 1 + (stage.channels > 1)]
    return lambda: stage.process(np.resize(x, shape)), stage.flush, stage.reset


def streamed(stage, meanwhile=lambda: None):
    """All that comes of two blocks, with something done between them."""
    parts = [stage.process(uniform(100, 0.5))]
    meanwhile()
    return np.concatenate([*parts, stage.process(uniform(100, 0.5, 2)), stage.flush()])


@pytest.mark.parametrize("name", STAGES)
def test_a_second_thread_is_turned_away_and_nothing_is_lost(name):
    stage, errors = STAGES[name](), []

    def held():
        with stage._guard:
            errors.extend(turned_away(*calls_of(stage)))

    assert np.array_equal(streamed(stage, held), streamed(STAGES[name]()))
    assert len(errors) == 3
    assert all("two threads at once" in error for error in errors)


class Waits:
    """A stage in Python that tells when it is at work, and waits for leave to go on."""

    latency, channels = 0, 1

    def __init__(self):
        self.inside, self.leave = threading.Event(), threading.Event()

    def process(self, block):
        self.inside.set()
        assert self.leave.wait(30)
        return block

    def flush(self):
        return np.empty(0, "float32")

    def reset(self):
        pass


def stages_of_all_kinds():
    inner = ac.Biquad(SOS)
    convolver = ac.StreamConvolver(IR)
    dry_wet = ac.DryWet(ac.Chain([inner, ac.Gain(-3.0)]), 0.3)
    return [ac.Gain(6.0), dry_wet, ac.Limiter(-12.0, sample_rate=RATE), convolver, ac.Monitor(10_000), network()], inner


def test_what_is_inside_a_chain_that_is_at_work_is_in_use():
    stages, inner = stages_of_all_kinds()
    waits = Waits()
    chain = ac.Chain([*stages, waits, ac.Sink(1000)])
    results = []
    working = threading.Thread(target=lambda: results.append(chain.process(uniform(100, 0.5))))
    working.start()
    assert waits.inside.wait(30)
    for stage in (chain, *stages, inner, chain.stages[-1]):
        for call in calls_of(stage):
            with pytest.raises(ac.BusyError, match="what it is a part of"):
                call()
    for stage in stages:
        if hasattr(stage, "get_state"):
            with pytest.raises(ac.BusyError):
                stage.get_state()
    stages[0].gain_db = 0.0  # parameters may be set, that is what they are for
    stages[1].wet, stages[2].threshold_db, inner.sos = 0.4, -6.0, SOS
    stages[3].set_ir(IR, 0.0)
    assert len(stages[4].read()) == 100  # and a monitor may be read
    stages[0].gain_db, stages[1].wet, stages[2].threshold_db = 6.0, 0.3, -12.0
    waits.leave.set()
    working.join()
    same, _ = stages_of_all_kinds()
    expected = ac.Chain(same).process(uniform(100, 0.5))
    assert np.array_equal(results[0], expected)
    for stage in (*stages, inner):  # as new once the chain is
        chain.reset()
        stage.reset()


def test_a_stage_of_a_chain_keeps_the_chain_out():
    gain, inner = ac.Gain(6.0), ac.Biquad(SOS)
    within = ac.Chain([gain])
    chain = ac.Chain([within, ac.DryWet(inner, 0.5)])
    for stage in (gain, inner, within, chain):
        with stage._guard:
            for other in (gain, inner, within, chain):
                assert len(turned_away(*calls_of(other))) == 3
    assert len(chain.process(uniform(10, 0.5))) == 10


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stage: pickle.loads(pickle.dumps(stage))])
def test_a_copy_has_a_lock_of_its_own(copied):
    chain = ac.Chain([ac.Gain(6.0), ac.DryWet(ac.Biquad(SOS), 0.5)])
    other = copied(chain)
    with chain._guard:
        other.reset()
        assert len(other.process(uniform(10, 0.5))) == 10
    with other._guard:
        assert len(turned_away(*calls_of(other.stages[0]), *calls_of(other.stages[1]))) == 6
        chain.reset()


def test_a_stage_in_use_becomes_no_part_of_a_chain():
    gain, biquad = ac.Gain(6.0), ac.Biquad(SOS)
    with biquad._guard:
        with pytest.raises(ac.BusyError, match="Biquad"):
            ac.Chain([gain, biquad])
        with pytest.raises(ac.BusyError, match="Biquad"):
            ac.DryWet(biquad)
        gain.reset()  # it is as it was
    with gain._guard:
        biquad.reset()
    assert len(ac.Chain([gain, biquad]).process(uniform(10, 0.5))) == 10


def test_guards_that_share_are_held_together_and_let_go_together():
    guards = [Guard(name) for name in "abcd"]
    guards[0].share([guards[1]])
    guards[2].share([guards[3], guards[1]])
    assert len({id(guard.lock) for guard in guards}) == 1
    with guards[3], pytest.raises(ac.BusyError, match="a a was entered by two threads"), guards[0]:
        pass
    with guards[0]:
        pass


def test_a_thread_that_has_looked_up_a_lock_is_turned_away_after_it_is_shared():
    guard = Guard("stage")
    former = guard.lock
    guard.share([Guard("other")])
    assert not former.acquire(False)
    with guard:
        pass


def test_one_thread_reads_a_monitor():
    monitor = ac.Monitor(64)
    monitor.process(uniform(10, 0.5))
    with monitor._reading:
        assert len(turned_away(monitor.read)) == 1
    assert len(monitor.read()) == 10


def test_a_change_of_the_filter_is_waited_for():
    stream = ac.StreamConvolver(IR)
    chain = ac.Chain([ac.Gain(0.0), stream])
    chain.process(uniform(10, 0.5))
    done = threading.Event()
    with stream._changing:  # as `set_ir` holds it, in another thread
        resetting = threading.Thread(target=lambda: (chain.reset(), done.set()))
        resetting.start()
        assert not done.wait(0.05)
    resetting.join(30)
    assert done.is_set()
