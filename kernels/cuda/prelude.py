"""The beginning of every CUDA C++ kernel: the grammar's functions, the stored types, and access to memory."""

from collections.abc import Collection, Sequence

from ..arrays.view import BYTES
from ..language.root8 import STEPS
from ..language.rounding import FIRST, SECOND, STEP
from ..language.storages import CORRECTIONS

_GRAMMAR = """\
template <typename T> __device__ __forceinline__ T maximum(T a, T b) { return a > b || a != a ? a : b; }
template <typename T> __device__ __forceinline__ T minimum(T a, T b) { return a < b || a != a ? a : b; }
template <typename T> __device__ __forceinline__ T sign(T x)
{
    return x > T(0) ? T(1) : x < T(0) ? T(-1) : x != x ? x : T(0);
}
__device__ __forceinline__ float flush(float x)
{
    const unsigned bits = __float_as_uint(x);
    return bits & 0x7f800000u ? x : __uint_as_float(bits & 0x80000000u);
}
"""

# The operations that are functions of their own, as their modules of language/ have them.
_FUNCTIONS = {
    "stochastic": f"""\
__device__ __forceinline__ float stochastic(float x, float upper, float lower, long long mark, long long number)
{{
    unsigned key = (unsigned)mark + ((unsigned)upper << 16 | (unsigned)lower);
    key = (key ^ key >> 16) * {FIRST:#x}u;
    key = (key ^ key >> 13) * {SECOND:#x}u;
    const unsigned noise = (unsigned)number * {STEP:#x}u + (key ^ key >> 16), bits = __float_as_uint(x);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return __uint_as_float((nan ? bits | 0x400000u : bits + (noise >> 16)) & 0xffff0000u);
}}
""",
    "decoded": """\
__device__ __forceinline__ float decoded(float code, float scale)
{
    const float root = code * scale;
    return root * fabsf(root);
}
""",
    # From 2**23 on numbers are one apart: a sum is rounded to a whole number, whose byte is its last bits. A GPU adds
    # eight numbers in the time in which it converts one.
    "coded": f"""\
__device__ __forceinline__ unsigned larger(unsigned top, float x)
{{
    const unsigned bits = __float_as_uint(x) & 0x7fffffffu;
    return top > bits ? top : bits;
}}
__device__ __forceinline__ unsigned largest_of_warp(unsigned top)
{{
#if __CUDA_ARCH__ >= 800
    return __reduce_max_sync(0xffffffffu, top);
#else
    #pragma unroll
    for (int other = 16; other; other /= 2) {{
        const unsigned theirs = __shfl_xor_sync(0xffffffffu, top, other);
        top = top > theirs ? top : theirs;
    }}
    return top;
#endif
}}
__device__ __forceinline__ float inverse_of(float root, float steps) {{ return root > 0.0f ? steps / root : 0.0f; }}
__device__ __forceinline__ float scale_from(float root, float steps)
{{
    return root != root ? __uint_as_float(0x7fc00000u) : root / steps;
}}
__device__ __forceinline__ unsigned char to_byte(float x) {{ return (unsigned char)__float_as_uint(x + 0x1.8p23f); }}
__device__ __forceinline__ unsigned char int8_code(float x, float inverse)
{{
    const float steps = {STEPS["int8"]}f, code = __fsqrt_rn(fabsf(x)) * inverse;
    const float size = code < steps ? code : steps;
    return to_byte(x < 0.0f ? -size : size);
}}
__device__ __forceinline__ unsigned char uint8_code(float x, float inverse)
{{
    const float code = __fsqrt_rn(fabsf(x)) * inverse;
    return to_byte(code > 1.0f ? code : 1.0f);
}}
""",
}
# Of the operations on the parts of a weight, with the bits that are kept.
_PARTS = """\
template <int bits> __device__ __forceinline__ unsigned kept(float x)
{
    const unsigned word = __float_as_uint(x), size = word & 0x7fffffffu;
    const unsigned flushed = size < 0x800000u ? word & 0x80000000u : word;
    return ((size > 0x7f800000u ? 0x7fc00000u : flushed) + (1u << (32 - bits) >> 1)) >> (32 - bits);
}
template <int bits> __device__ __forceinline__ unsigned high(float x)
{
    return (kept<bits>(x) + (1u << (bits - 17))) >> (bits - 16);
}
template <int bits> __device__ __forceinline__ float joined(float p, float correction)
{
    return __uint_as_float(__float_as_uint(p) + ((unsigned)(int)correction << (32 - bits)));
}
template <int bits> __device__ __forceinline__ float upper(float x) { return __uint_as_float(high<bits>(x) << 16); }
template <int bits> __device__ __forceinline__ float lower(float x)
{
    return (float)(int)(kept<bits>(x) - (high<bits>(x) << (bits - 16)));
}
"""

# How they are called.
MASTERS = {
    f"{name}{bits}": f"{name}<{bits}>({operands})"
    for name, operands in (("joined", "{0}, {1}"), ("upper", "{0}"), ("lower", "{0}"))
    for bits in CORRECTIONS
}
_FUNCTIONS |= dict.fromkeys(MASTERS, _PARTS)

# How each stored type is read and written: one element, and the elements of a pack of 128 bits.
_STORAGES = {
    "float32": """\
struct float32 {
    typedef float item;
    typedef float4 pack;
    static __device__ __forceinline__ float decode(float x) { return x; }
    static __device__ __forceinline__ float encode(float x) { return x; }
    static __device__ __forceinline__ void unpack(const float4 &q, float *x)
    {
        x[0] = q.x, x[1] = q.y, x[2] = q.z, x[3] = q.w;
    }
    static __device__ __forceinline__ float4 packed(const float *x) { return make_float4(x[0], x[1], x[2], x[3]); }
};
""",
    "float64": """\
struct float64 {
    typedef double item;
    typedef double2 pack;
    static __device__ __forceinline__ double decode(double x) { return x; }
    static __device__ __forceinline__ double encode(double x) { return x; }
    static __device__ __forceinline__ void unpack(const double2 &q, double *x) { x[0] = q.x, x[1] = q.y; }
    static __device__ __forceinline__ double2 packed(const double *x) { return make_double2(x[0], x[1]); }
};
""",
    "bfloat16": """\
struct bfloat16 : halves<bfloat16> {
    static __device__ __forceinline__ float decode(unsigned bits) { return __uint_as_float(bits << 16); }
    static __device__ __forceinline__ unsigned encode(float x)
    {
        const unsigned bits = __float_as_uint(x);
        return x != x ? bits >> 16 | 0x40u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    }
};
""",
    "float16": """\
struct float16 : halves<float16> {
    static __device__ __forceinline__ float decode(unsigned bits)
    {
        float x;
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"((unsigned short)bits));
        return x;
    }
    static __device__ __forceinline__ unsigned encode(float x)
    {
        unsigned short bits;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
        return bits;
    }
};
""",
    "int16": """\
struct int16 : halves<int16> {
    static __device__ __forceinline__ float decode(unsigned bits) { return (float)(short)bits; }
    static __device__ __forceinline__ unsigned encode(float x) { return (unsigned)(int)x & 0xffffu; }
};
""",
    "int8": """\
struct int8 : bytes<int8> {
    static __device__ __forceinline__ float decode(unsigned bits) { return (float)(signed char)bits; }
    static __device__ __forceinline__ unsigned encode(float x) { return (unsigned)(int)x & 0xffu; }
};
""",
    "uint8": """\
struct uint8 : bytes<uint8> {
    static __device__ __forceinline__ float decode(unsigned bits) { return (float)bits; }
    static __device__ __forceinline__ unsigned encode(float x) { return (unsigned)x; }
};
""",
}
_HALVES = """\
template <typename S> struct halves {
    typedef unsigned short item;
    typedef uint4 pack;
    static __device__ __forceinline__ void unpack(const uint4 &q, float *x)
    {
        const unsigned words[4] = {q.x, q.y, q.z, q.w};
        #pragma unroll
        for (int k = 0; k < 4; k++) x[2 * k] = S::decode(words[k] & 0xffffu), x[2 * k + 1] = S::decode(words[k] >> 16);
    }
    static __device__ __forceinline__ unsigned word(const float *x) { return S::encode(x[0]) | S::encode(x[1]) << 16; }
    static __device__ __forceinline__ uint4 packed(const float *x)
    {
        return make_uint4(word(x), word(x + 2), word(x + 4), word(x + 6));
    }
};
"""
_BYTES = """\
template <typename S> struct bytes {
    typedef unsigned char item;
    typedef uint4 pack;
    static __device__ __forceinline__ void unpack(const uint4 &q, float *x)
    {
        const unsigned words[4] = {q.x, q.y, q.z, q.w};
        #pragma unroll
        for (int k = 0; k < 16; k++) x[k] = S::decode(words[k / 4] >> k % 4 * 8 & 0xffu);
    }
    static __device__ __forceinline__ unsigned word(const float *x)
    {
        return S::encode(x[0]) | S::encode(x[1]) << 8 | S::encode(x[2]) << 16 | S::encode(x[3]) << 24;
    }
    static __device__ __forceinline__ uint4 packed(const float *x)
    {
        return make_uint4(word(x), word(x + 4), word(x + 8), word(x + 12));
    }
};
"""
# What a stored type of so many bytes begins with.
_OF_BYTES = {1: _BYTES, 2: _HALVES}
# An array stored as S, of numbers V, that is computed with as T. As in jit/casts.py no cast meets a denormal, so that
# the mode of denormals does not matter.
_CAST = """\
__device__ __forceinline__ void convert(double x, float &y)
{
    const double size = fabs(x);
    const float least = size < 0x1.fffffep-127 ? 0.0f : 0x1p-126f;
    y = size < 0x1p-126 ? copysignf(least, (float)x) : (float)x;
}
__device__ __forceinline__ void convert(float x, double &y)
{
    const unsigned bits = __float_as_uint(x);
    const double small = (double)(bits & 0x7fffffu) * 0x1p-149;
    y = bits & 0x7f800000u ? (double)x : bits >> 31 ? -small : small;
}
template <typename S, typename V, typename T> struct cast {
    typedef typename S::item item;
    typedef typename S::pack pack;
    static constexpr int count = sizeof(pack) / sizeof(item);
    static __device__ __forceinline__ T decode(item x)
    {
        T y;
        convert(S::decode(x), y);
        return y;
    }
    static __device__ __forceinline__ item encode(T x)
    {
        V y;
        convert(x, y);
        return (item)S::encode(y);
    }
    static __device__ __forceinline__ void unpack(const pack &q, T *x)
    {
        V y[count];
        S::unpack(q, y);
        #pragma unroll
        for (int k = 0; k < count; k++) convert(y[k], x[k]);
    }
    static __device__ __forceinline__ pack packed(const T *x)
    {
        V y[count];
        #pragma unroll
        for (int k = 0; k < count; k++) convert(x[k], y[k]);
        return S::packed(y);
    }
};
"""
# __ldcs and __stcs: every byte is used once; and an address from the table is known to be global memory only so.
_ACCESS = """\
template <typename S> __device__ __forceinline__ auto load(long long at, long long i)
{
    return S::decode(__ldcs((const typename S::item *)at + i));
}
template <typename S, typename T> __device__ __forceinline__ void store(long long at, long long i, T x)
{
    __stcs((typename S::item *)at + i, (typename S::item)S::encode(x));
}
template <typename S, int N, typename T>
__device__ __forceinline__ void load_packs(long long at, long long i, T (&x)[N])
{
    constexpr int count = 16 / sizeof(typename S::item);
    #pragma unroll
    for (int k = 0; k < N; k += count)
        S::unpack(__ldcs((const typename S::pack *)((const typename S::item *)at + i + k)), x + k);
}
template <typename S, int N, typename T>
__device__ __forceinline__ void store_packs(long long at, long long i, T (&x)[N])
{
    constexpr int count = 16 / sizeof(typename S::item);
    #pragma unroll
    for (int k = 0; k < N; k += count)
        __stcs((typename S::pack *)((typename S::item *)at + i + k), S::packed(x + k));
}
"""


def prelude(storages: Sequence[str], casts: bool = False, operations: Collection[str] = ()) -> str:
    """The text for kernels on arrays that are stored in these types. casts: whether some are cast as they are read.
    operations: those on each element."""
    used = dict.fromkeys(storages)
    sizes = {BYTES[storage] for storage in used}
    shared = [text for size, text in _OF_BYTES.items() if size in sizes]
    functions = dict.fromkeys(_FUNCTIONS[name] for name in operations if name in _FUNCTIONS)
    return "".join([_GRAMMAR, *functions, *shared, *(_STORAGES[s] for s in used), *([_CAST] if casts else []), _ACCESS])
