"""The thread pool: order, errors, the number of threads, forks and worker processes."""

import contextlib
import multiprocessing
import threading
import time

import pytest

import audioconv as ac
from audioconv import parallel
from audioconv.nn.runtime import thread_team
from audioconv.stage import Guard


def test_results_come_in_order():
    def slow_first(i):
        time.sleep(0.02 if i == 0 else 0)
        return i * i

    assert parallel.run(slow_first, range(20), threads=3) == [i * i for i in range(20)]


def test_threads_run_side_by_side():
    barrier = threading.Barrier(3, timeout=10)
    assert sorted(parallel.run(lambda i: barrier.wait(), range(3), threads=3)) == [0, 1, 2]


def test_one_thread_is_the_caller():
    assert parallel.run(lambda _: threading.get_ident(), range(3), threads=1) == [threading.get_ident()] * 3


def test_the_caller_works_too():
    barrier = threading.Barrier(2, timeout=10)

    def meet(_):
        barrier.wait()
        return threading.get_ident()

    idents = parallel.run(meet, range(2), threads=2)
    assert len(set(idents)) == 2
    assert idents[1] == threading.get_ident()


def test_calls_inside_of_calls_end():
    def inner(i):
        return sum(parallel.run(lambda j: i * j, range(10), threads=2))

    assert parallel.run(inner, range(10), threads=2) == [45 * i for i in range(10)]


def test_the_first_error_is_raised():
    with pytest.raises(ZeroDivisionError):
        parallel.run(lambda i: 1 / i, [1, 0, 2], threads=2)

    def fails(i):
        time.sleep(0.01)
        raise ValueError(i)

    for threads in (1, 2, 3):
        with pytest.raises(ValueError, match=r"^0$"):
            parallel.run(fails, range(5), threads=threads)


def test_no_call_is_left_running_after_an_error():
    running = []

    def work(i):
        if i == 3:
            raise KeyboardInterrupt
        running.append(i)
        time.sleep(0.05)
        running.remove(i)

    with pytest.raises(KeyboardInterrupt):
        parallel.run(work, range(4), threads=3)
    assert not running


def test_thread_count_from_the_environment(monkeypatch):
    monkeypatch.setenv("AUDIOCONV_THREADS", "3")
    assert parallel.thread_count() == 3
    assert parallel.thread_count(2) == 2
    for wrong in ("0", "many", "-1"):
        monkeypatch.setenv("AUDIOCONV_THREADS", wrong)
        with pytest.raises(ac.ArgumentError, match="AUDIOCONV_THREADS must be"):
            parallel.thread_count()


def test_threads_are_as_many_as_have_enough_to_do():
    for predicted_s, threads in ((0, 1), (1e-4, 1), (4.9e-4, 1), (5.1e-4, 2), (1e-3, 4), (1, 8), (float("inf"), 8)):
        assert parallel.worthwhile(8, predicted_s) == threads
    assert parallel.worthwhile(1, 1.0) == 1


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True])
def test_wrong_thread_counts(wrong):
    with pytest.raises(ac.ArgumentError, match="threads must be"):
        parallel.thread_count(wrong)


def _in_worker(_):
    together = []
    thread_team.run_together(together.append, 2, lambda: None)
    return parallel.thread_count(), parallel.run(lambda i: i + 1, range(4), threads=2), sorted(together)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_use_one_thread_and_a_pool_of_their_own(method, monkeypatch):
    monkeypatch.delenv("AUDIOCONV_THREADS", raising=False)
    assert parallel.run(lambda i: i, range(4), threads=2) == [0, 1, 2, 3]  # the parent has a pool
    thread_team.run_together(lambda thread: None, 2, lambda: None)  # and a team
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map(_in_worker, [0], chunksize=1) == [(1, [1, 2, 3, 4], [0, 1])]


def test_a_guard_keeps_a_second_thread_out():
    guard = Guard("thing")
    with guard, pytest.raises(ac.BusyError, match="thing was entered by two threads"), guard:
        pass
    with guard:
        pass


def test_threads_that_work_together_all_run_at_once():
    meeting, seen = threading.Barrier(3, timeout=10), []

    def work(thread):
        meeting.wait()
        seen.append(thread)

    thread_team.run_together(work, 3, meeting.abort)
    assert sorted(seen) == [0, 1, 2]


@pytest.mark.parametrize("pause_s", [0, 1e-4, 0.05])
def test_a_team_is_there_again_whether_it_sleeps_or_not(pause_s):
    for _ in range(20):
        seen = []
        thread_team.run_together(seen.append, 3, lambda: None)
        assert sorted(seen) == [0, 1, 2]
        time.sleep(pause_s)


def test_calls_of_a_team_from_many_threads_take_turns():
    running, most = [], []

    def work(thread):
        running.append(thread)
        most.append(len(running))
        time.sleep(1e-3)
        running.remove(thread)

    callers = [threading.Thread(target=thread_team.run_together, args=(work, 2, lambda: None)) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(most) == 16
    assert max(most) <= 2


@pytest.mark.parametrize("failing", [0, 1])
def test_one_that_fails_does_not_leave_the_others_waiting(failing):
    meeting = threading.Barrier(2, timeout=60)

    def work(thread):
        if thread == failing:
            raise ValueError("mine")
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait()

    start = time.monotonic()
    with pytest.raises(ValueError, match="mine"):
        thread_team.run_together(work, 2, meeting.abort)
    assert time.monotonic() - start < 30
