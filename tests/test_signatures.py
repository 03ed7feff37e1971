"""The count at the end of a run finds a kernel compiled twice for one dtype, also where two processes did it."""

from tests import signatures

READ_ONLY = "(Array(float32, 1, 'C', False, 'readonly', aligned=True),)"
WRITABLE = READ_ONLY.replace("False, 'readonly'", "True, 'mutable'")


def test_one_signature_a_dtype_is_as_it_should_be():
    assert not signatures.too_many({"fir": [READ_ONLY, READ_ONLY.replace("float32", "float64")]})


def test_two_signatures_of_a_dtype_are_found():
    assert signatures.too_many({"fir": [READ_ONLY, WRITABLE], "fft": [READ_ONLY]}) == {"fir": [READ_ONLY, WRITABLE]}


def test_two_signatures_of_two_processes_are_found():
    found = signatures.joined([{"fir": [READ_ONLY]}, {}, {"fir": [READ_ONLY, WRITABLE], "fft": [READ_ONLY]}])
    assert found == {"fir": [READ_ONLY, WRITABLE], "fft": [READ_ONLY]}
    assert list(signatures.too_many(found)) == ["fir"]


def test_what_this_process_compiled_is_seen():
    import numpy as np

    import audioconv as ac
    from audioconv.kernels._jit import JIT_ENABLED

    ac.convolve(np.ones(300, np.float32), np.ones(3, np.float32), method="direct")
    assert any("float32" in s for found in signatures.compiled().values() for s in found) == JIT_ENABLED
