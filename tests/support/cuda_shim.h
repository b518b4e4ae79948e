// Enough of CUDA for the generated C++ to be compiled for the CPU and run: blocks one after the other, the threads of a
// block as fibers where they meet at __syncthreads, else one after the other.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ucontext.h>
#include <vector>

struct Dimension { unsigned x; };
static Dimension blockIdx, threadIdx, blockDim, gridDim;
// Accesses of 128 bits since the last look.
extern "C" { long long shim_packs = 0; }

#define __global__
#define __device__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(threads)
#define __shared__ static

struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline double2 make_double2(double x, double y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

template <typename T, typename U> static inline T shim_cast(U x)
{
    static_assert(sizeof(T) == sizeof(U), "a bit cast");
    T y;
    memcpy(&y, &x, sizeof y);
    return y;
}
static inline float __uint_as_float(unsigned x) { return shim_cast<float>(x); }
static inline float __int_as_float(int x) { return shim_cast<float>(x); }
static inline unsigned __float_as_uint(float x) { return shim_cast<unsigned>(x); }
static inline double __longlong_as_double(long long x) { return shim_cast<double>(x); }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline double __dsqrt_rn(double x) { return sqrt(x); }

// A GPU faults on an address that is not a multiple of the access; so does this.
template <typename T> static inline void shim_access(const T *at)
{
    if ((long long)at % sizeof(T)) fprintf(stderr, "misaligned access of %zu bytes\n", sizeof(T)), abort();
    if (sizeof(T) == 16) shim_packs++;
}
template <typename T> static inline T __ldcs(const T *at) { return shim_access(at), *at; }
template <typename T> static inline void __stcs(T *at, T value) { shim_access(at), *at = value; }

// The two instructions that the generated code has in assembly, by the variables that it gives them.
static inline void shim_expect(const char *text, const char *instruction)
{
    if (!strstr(text, instruction)) fprintf(stderr, "unknown assembly: %s\n", text), abort();
}
static inline void shim_asm(const char *text, float &x, const unsigned &bits)
{
    shim_expect(text, "\"cvt.f32.f16 %0, %1;\" : \"=f\"(x) : \"h\"((unsigned short)bits)");
    x = (float)shim_cast<_Float16>((unsigned short)bits);
}
static inline void shim_asm(const char *text, float &x, unsigned short &bits)
{
    shim_expect(text, "\"cvt.rn.f16.f32 %0, %1;\" : \"=h\"(bits) : \"f\"(x)");
    bits = shim_cast<unsigned short>((_Float16)x);
}
#define asm(...) shim_asm(#__VA_ARGS__, x, bits)

static ucontext_t shim_scheduler, *shim_fiber;
static const size_t shim_stack = 1 << 16;
static void (*shim_enter)();
static bool shim_ended;
static void shim_thread() { shim_enter(), shim_ended = true; }
static inline void __syncthreads() { swapcontext(shim_fiber, &shim_scheduler); }

// What the threads of a block hand to each other; in a warp all come to these, or none.
static unsigned shim_handed[1024];
static inline unsigned __shfl_xor_sync(unsigned, unsigned x, int mask)
{
    shim_handed[threadIdx.x] = x;
    __syncthreads();
    const unsigned other = shim_handed[threadIdx.x ^ mask];
    __syncthreads();
    return other;
}
static inline unsigned __reduce_max_sync(unsigned, unsigned x)
{
    for (int mask = 16; mask; mask /= 2) {
        const unsigned other = __shfl_xor_sync(0xffffffffu, x, mask);
        x = x > other ? x : other;
    }
    return x;
}

static void shim_block_of_fibers(char *stacks)
{
    std::vector<ucontext_t> fibers(blockDim.x);
    for (unsigned k = 0; k < blockDim.x; k++) {
        getcontext(&fibers[k]);
        fibers[k].uc_stack.ss_sp = stacks + shim_stack * k;
        fibers[k].uc_stack.ss_size = shim_stack;
        fibers[k].uc_link = &shim_scheduler;
        makecontext(&fibers[k], shim_thread, 0);
    }
    for (unsigned ended = 0; !ended;) {
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) {
            shim_ended = false;
            shim_fiber = &fibers[threadIdx.x];
            swapcontext(&shim_scheduler, shim_fiber);
            ended += shim_ended;
        }
        if (ended && ended < blockDim.x) fprintf(stderr, "threads left others at __syncthreads\n"), abort();
    }
}

template <bool fibers, typename F> static void shim_launch(unsigned grid, unsigned block, F kernel)
{
    static F *run;
    run = &kernel;
    shim_enter = [] { (*run)(); };
    gridDim.x = grid, blockDim.x = block;
    // Given back after each launch: every library has its own, of 64 MB for a thousand threads.
    std::unique_ptr<char[]> stacks(fibers ? new char[shim_stack * block] : nullptr);
    for (blockIdx.x = 0; blockIdx.x < grid; blockIdx.x++) {
        if (fibers)
            shim_block_of_fibers(stacks.get());
        else
            for (threadIdx.x = 0; threadIdx.x < block; threadIdx.x++) kernel();
    }
}
