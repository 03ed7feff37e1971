"""Compilation of kernels, the only module that uses njit or cfunc: options, disk cache, the notice of compiling.

Numba's own cache looks at the source file of one function and sees neither an edit in another file nor changed options.
Here the options, the versions and the foundation that all kernels share name the folder, and a stamp over the sources
that a kernel depends on (`_stamp.py`) is in the name of its file.
"""

import atexit
import hashlib
import inspect
import os
import platform
import sys
import time
from pathlib import Path

import llvmlite
import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.ccallback import CFunc

from audioconv.cache import cache_folder
from audioconv.kernels._cache import KernelFiles, warn_once
from audioconv.kernels._stamp import foundation_stamp, stamp

# Without _nrt there is no reference counting of arrays, because no kernel allocates one: a quarter less to compile, and
# no atomic increments around calls from kernel to kernel.
OPTIONS = {"_nrt": False, "nogil": True, "error_model": "numpy", "boundscheck": False, "fastmath": False}
JIT_ENABLED = not numba.config.DISABLE_JIT


def _installation():
    versions = sorted(OPTIONS.items()), numba.__version__, llvmlite.__version__, platform.python_version()
    return hashlib.sha256(repr((versions, foundation_stamp())).encode()).hexdigest()[:20]


INSTALLATION = _installation()


def kernel_folder():
    """Folder of the compiled kernels of this installation, whether or not it exists."""
    return cache_folder() / "kernels" / INSTALLATION


class _Locator(_CacheLocator):
    def __init__(self, py_func, py_file):
        self._py_file = py_file
        self._name = py_func.__name__

    def ensure_cache_path(self):
        pass  # `KernelFiles` makes it, for this user alone

    def get_cache_path(self):
        return os.fspath(kernel_folder())

    def get_source_stamp(self):
        return INSTALLATION  # what else a kernel depends on is in the name of its file

    def get_disambiguator(self):
        return ""

    @classmethod
    def from_function(cls, py_func, py_file):
        return cls(py_func, py_file)


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_Locator]


class _Notice:
    """Says on stderr, once a process, that kernels are being compiled, and at the end how long that took."""

    def __init__(self):
        self._open = []  # (kernel, signature, start); nested, because a kernel compiles those that it calls
        self.kernels = 0
        self.seconds = 0.0

    def begin(self, key):
        if not self._open and not self.kernels:
            sys.stderr.write("audioconv: compiling kernels not used here before; later runs load them ...\n")
            sys.stderr.flush()
            atexit.register(self._total)
        self._open.append((key, time.perf_counter()))

    def end(self, key):
        while self._open:  # entries above ours belong to compilations that failed
            other, start = self._open.pop()
            if other == key:
                self.kernels += 1
                if not self._open:
                    self.seconds += time.perf_counter() - start
                return

    def _total(self):
        sys.stderr.write(
            f"audioconv: compiled {self.kernels} kernel{'s' * (self.kernels != 1)} in {self.seconds:.1f} s\n"
        )


notice = _Notice()


def _constants(function):
    """The constants in the closure of a kernel, and in those of the kernels that it closes over."""
    cells = sorted(inspect.getclosurevars(function).nonlocals.items())
    return tuple((name, constant) for name, value in cells if (constant := _constant(value)) is not None)


def _constant(value):
    if isinstance(value, (int, str, tuple)):
        return value
    if hasattr(value, "py_func"):
        return value.py_func.__name__, _constants(value.py_func)
    return getattr(value, "_name", None)  # an operation of `simd` or `tile`


def _modules(function):
    """The modules of a kernel and of those that it closes over, which its own need not import."""
    cells = inspect.getclosurevars(function).nonlocals.values()
    return {function.__module__}.union(*(_modules(value.py_func) for value in cells if hasattr(value, "py_func")))


def _named(function):
    """Give a kernel that a factory made a unique name, which contains the constants in its closure.

    Numba tells functions of one name apart by a number that counts compilations in a process. Two that were compiled
    in two processes may get the same, and then code that was loaded from the cache for one calls the other: without
    unique names, a tile of another width, which writes beyond its array.
    """
    if constants := _constants(function):
        function.__qualname__ += "_" + hashlib.sha256(repr(constants).encode()).hexdigest()[:8]
    return function


class _Cache(FunctionCache):
    """A cache that never raises: what cannot be read is compiled, what cannot be written is kept in memory."""

    _impl_class = _CacheImpl

    def __init__(self, py_func):
        super().__init__(py_func)
        self._cache_file = KernelFiles(Path(self.cache_path), self._impl.filename_base)

    def _index_key(self, sig, codegen):
        # Numba pickles closures here; a kernel in a closure pickles differently in each process.
        # The stamp covers the sources, so that only the constants of a closure tell kernels apart.
        sources = stamp(frozenset(_modules(self._py_func)))
        return sig, codegen.magic_tuple(), _constants(self._py_func), sources

    def load_overload(self, sig, target_context):
        try:
            # Numba's own first refreshes the context, which imports all that can be compiled, and so scipy.linalg. Code
            # that is loaded needs none of that, and what is compiled refreshes by itself.
            found = self._load_overload(sig, target_context)
        except Exception:  # whatever a file holds must not stop the program; it is compiled and written anew
            found = None
        if found is None:
            notice.begin((self._py_func, sig))
        return found

    def save_overload(self, sig, data):
        notice.end((self._py_func, sig))
        try:
            super().save_overload(sig, data)
        except Exception as error:  # a read-only or full disk: nothing is lost but time
            warn_once(self.cache_path, error)


KERNELS = []  # every dispatcher, so that a test can count signatures and `doctor --warm` can list them


def kernel(function, **options):
    """Compile a function on first call, without the GIL, cached on disk; plain Python when the JIT is disabled."""
    dispatcher = numba.njit(**OPTIONS, **options)(_named(function))
    if JIT_ENABLED:
        dispatcher._cache = _Cache(function)
        KERNELS.append(dispatcher)
    return dispatcher


def inner(function):
    """A kernel that only kernels call: no Python wrapper is compiled for it, which halves the time to compile."""
    return kernel(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def part(function):
    """A function that is inlined into the kernels that call it, before types are inferred, and compiled only there.

    A kernel is compiled with all kernels that it calls, again at each level of calls; inlined parts are not. And
    vectors between them need not go through memory: see docs/trials.md, "Transforms".
    """
    return numba.njit(**OPTIONS, inline="always")(function)


C_FUNCTIONS = []  # every one; without JIT its index here is its address


def _of_program(real):
    """Types of an instruction, the memory segments, an array of the dtype; clip, clips, micro-batch, thread."""
    integer, pointer = numba.types.int64, numba.types.CPointer
    return pointer(integer), pointer(integer), pointer(real), *[integer] * 4


def _of_sound_card(real):
    """Types of a `PaStreamCallback`: in, out, frames, times, flags, user data."""
    integer, pointer, long = numba.types.int64, numba.types.CPointer, numba.types.uint64
    return pointer(real), pointer(real), long, pointer(integer), long, pointer(integer)


def _of_chain(real):
    """Types of `void step(void* state, float* in, float* out, int64 frames)`."""
    integer, pointer = numba.types.int64, numba.types.CPointer
    return pointer(integer), pointer(real), pointer(real), integer


class CFunction:
    """A function that is called through a pointer: an op kernel of programs (`nn/program.py`), a step of chains.

    It is compiled for a dtype when its address is first needed, and cached on disk as kernels are, unless it calls code
    of `users`, which the stamp does not cover and which may count references.
    """

    def __init__(self, function, arguments, users=False, gives=numba.types.void, layout=None):
        self._arguments, self._users, self._gives = arguments, users, gives
        self.layout = layout  # of the instructions of an op kernel
        self.function, self._compiled = _named(function), {}
        self._place = len(C_FUNCTIONS)
        C_FUNCTIONS.append(self)

    @property
    def compiled(self):
        """For how many dtypes it is compiled."""
        return len(self._compiled)

    def address(self, dtype):
        """The address of the machine code for float32 or float64."""
        if not JIT_ENABLED:
            return self._place
        dtype = np.dtype(dtype)
        if dtype not in self._compiled:
            arguments = self._arguments(getattr(numba.types, dtype.name))
            options = OPTIONS | {"_nrt": True} if self._users else dict(OPTIONS)
            compiled = CFunc(self.function, (arguments, self._gives), {}, options)
            if not self._users:
                compiled._cache = _Cache(self.function)
            compiled.compile()
            self._compiled[dtype] = compiled
        return self._compiled[dtype].address


def op_kernel(layout):
    """Make a function of (instruction, segments, like, clip, clips, micro_batch, thread) an op kernel of programs.

    `layout` says what its instructions hold.
    """
    return lambda function: CFunction(function, _of_program, layout=layout)


def stage_step(function, users=False):
    """Make a function of (state, x, y, frames) a step of chains; it takes as many frames as it returns.

    `users`: it calls code that the stamp does not cover.
    """
    return CFunction(function, _of_chain, users)


def sound_card_callback(function):
    """Make a function of (in, out, frames, times, flags, user data), which gives an int, a callback of PortAudio."""
    return CFunction(function, _of_sound_card, gives=numba.types.int32)


def users_function(function, block_dims, memory_dims):
    """A user's function of (block float32, memory float64), compiled: a dispatcher, or one made of a plain function.

    Without JIT it is the function itself. Raises numba's errors for what cannot be compiled.
    """
    if not JIT_ENABLED:
        return function
    dispatcher = function if hasattr(function, "py_func") else numba.njit(function)
    arrays = (numba.types.float32, block_dims), (numba.types.float64, memory_dims)
    dispatcher.compile(tuple(numba.types.Array(dtype, dims, "C") for dtype, dims in arrays))
    return dispatcher
