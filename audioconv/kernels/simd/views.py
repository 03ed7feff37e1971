"""Read-only views: the same memory under another array type."""

from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import signature

from audioconv.arrays import frozen
from audioconv.kernels.simd._emit import operation


@operation(frozen)
def read_only_view(typing_context, a):
    """read_only_view(a): the same memory as a read-only array, so that a kernel has one signature for its inputs."""

    def codegen(context, builder, sig, args):
        (array,) = args
        return impl_ret_borrowed(context, builder, sig.return_type, array)

    return signature(a.copy(readonly=True), a), codegen
