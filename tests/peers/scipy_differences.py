"""Which of scipy's tests audioconv is expected to fail, with which error, and why. All others must pass."""

from typing import NamedTuple


class Difference(NamedTuple):
    """A kind of test that is expected to fail."""

    tests: str  # regular expression, found in "module::Class::test[parameters]"
    error: str  # regular expression, found in what the test ends with
    reason: str


COMPLEX = r"DtypeError: (x|h|kernel) must be float32 or float64, not complex"
REAL_ONLY = "sound is real; complex signals and filters are refused, never half convolved"
DIMENSIONS = r"NotOfferedError: \d dimensions"
SIGNALS_AND_PLANES = "signals with channels, and planes; a number alone or a volume is neither"
EMPTY = r"ShapeError: [xh] is empty"
NOTHING = "an empty signal or filter is refused: it is a mistake far more often than meant"
SIZES = "ArgumentError: fft_size must be a power of two"
OWN_TRANSFORM = "transforms of our own have 2^k or 3 2^k samples; others are refused with the next good size"
MODES = "NotOfferedError: fft_mode '(twosided|centered|onesided2X)'"
ONE_SIDED = "spectra of real signals, one-sided and not scaled"

FEW = (
    # convolve, correlate
    Difference(r"TestConvolve::test_(complex|valid_mode2)", COMPLEX, REAL_ONLY),
    Difference(r"TestCorrelateComplex::test_(rank1|swap)_", COMPLEX, REAL_ONLY),
    Difference(r"TestConvolve::test_(zero_rank|broadcastable|input_swapping)", DIMENSIONS, SIGNALS_AND_PLANES),
    Difference(r"TestCorrelate(Real|Complex)::test_(rank0|rank3|method)", DIMENSIONS, SIGNALS_AND_PLANES),
    Difference(
        r"TestConvolve::test_convolve_method", r"DtypeError: h must be float32 or float64, not (float16|float128|c)",
        "kernels are compiled for float32 and float64; what would lose or invent precision is refused",
    ),
    # convolve2d, correlate2d
    Difference(r"TestConvolve2d::test_valid_mode(2|_complx)", COMPLEX, REAL_ONLY),
    Difference(r"TestCorrelate2d::test_complex_input", COMPLEX, REAL_ONLY),
    Difference(
        r"TestConvolve2d::test_fillvalue", "NotOfferedError: a border of another value than zero",
        "what stands around a plane is zero, or made of its own values",
    ),
    # upfirdn
    Difference(r"TestUpfirdn::test_(vs_convolve|vs_naive|vs_naive_delta|modes)\[.*(complex|1j)", COMPLEX, REAL_ONLY),
    Difference(
        r"TestUpfirdn::test_modes", "NotOfferedError: what stands around the signal",
        "a signal stands between zeros; pad it first for something else",
    ),
    # ShortTimeFFT
    Difference(
        r"test_short_time_fft.py::test_(closest_STFT_dual_window_STFT_roundtrip|extent|f|from_win_equals_dual_roundtrip"
        r"|minimal_length_signal|roundtrip_multidimensional|scaling)\b", SIZES, OWN_TRANSFORM,
    ),
    Difference(
        r"test_short_time_fft.py::test_(closest_STFT_dual_window_STFT_roundtrip_complex|energy_conservation"
        r"|roundtrip_complex_window|roundtrip_multidimensional|roundtrip_windows|stft_padding_roundtrip"
        r"|tutorial_stft_legacy_(stft|spectrogram))\b", MODES, ONE_SIDED,
    ),
    Difference(r"test_short_time_fft.py::test_exceptions_fft_mode_complex_win", COMPLEX, REAL_ONLY),
    Difference(
        r"test_short_time_fft.py::test_compare_stft_detrend", "NotOfferedError: k_offset",
        "frames count from the first sample; cut the signal for others",
    ),
    Difference(
        r"test_short_time_fft.py::test_exceptions_properties_methods", "Regex pattern did not match",
        "errors have messages of our own",
    ),
    Difference(
        r"test_short_time_fft.py::test_spectrogram", "Max absolute difference among violations: [0-9.]+e-3[0-9]",
        "bins that should be 0 are compared with no tolerance at all between scipy's transform and ours: 0 and 1e-38",
    ),
)  # fmt: skip

MANY = (
    # fftconvolve, oaconvolve
    Difference(r"TestFFTConvolve::test_.*(complex|random_data|many_sizes)", COMPLEX, REAL_ONLY),
    Difference(r"TestOAConvolve::test_[12]d_(no)?axes", COMPLEX, REAL_ONLY),
    Difference(r"Test(FFT|OA)Convolve::test_zero_rank", DIMENSIONS, SIGNALS_AND_PLANES),
    Difference(r"Test(FFT|OA)Convolve::test_empty", EMPTY, NOTHING),
    Difference(
        r"TestFFTConvolve::test_fft_nan", "DID NOT WARN",
        "NaN comes out as NaN; a warning each time would stop nothing in a stream",
    ),
)  # fmt: skip
DIFFERENCES = {"few": FEW, "many": MANY}
