// Training steps of small networks on a processor: many steps of all members in one call.
//
// steps.h has the arithmetic; it is compiled once for each instruction set, and the best one that
// the machine has is chosen when the library is loaded. A member's steps need nothing of another's:
// a thread takes member after member through all steps of a call, so that a member's weights stay
// in the caches of one core. Threads end with the call, and none is left when a process forks.

#include "plan.h"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define X86 1
#endif

namespace baseline {
#define VECTOR_BYTES 16
#include "steps.h"
#undef VECTOR_BYTES
}  // namespace baseline

#if X86
// What stands between the pragmas may use the instructions; nothing of the standard library may be
// instantiated there, or its code would be shared with the other versions.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {
#define VECTOR_BYTES 32
#include "steps.h"
#undef VECTOR_BYTES
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")
#endif
namespace avx512 {
#define VECTOR_BYTES 64
#include "steps.h"
#undef VECTOR_BYTES
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

namespace {

struct Version {
    const char *name;
    i64 (*workspace)(const Plan &);
    void (*train)(const Plan &, const Call &, i64 member, unsigned char *room);
};

Version chosen() {
#if X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return {"AVX-512", avx512::workspace, avx512::train};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return {"AVX2", avx2::workspace, avx2::train};
    return {"SSE2", baseline::workspace, baseline::train};
#elif defined(__aarch64__)
    return {"NEON", baseline::workspace, baseline::train};
#else
    return {"generic", baseline::workspace, baseline::train};
#endif
}

const Version version = chosen();

// Whether numbers too small for full precision count as zero is a setting of each thread.
struct Rounding {
#if X86
    unsigned word = _mm_getcsr();
    void take() const { _mm_setcsr(word); }
#else
    void take() const {}
#endif
};

void work(const Plan &plan, const Call &call, std::atomic<i64> &next, unsigned char *room) {
    for (i64 member = next++; member < plan.members; member = next++)
        version.train(plan, call, member, room);
}

}  // namespace

#define PUBLIC __attribute__((visibility("default")))

extern "C" {

PUBLIC i64 wellfit_abi() { return ABI; }

PUBLIC const char *wellfit_instructions() { return version.name; }

// Bytes that one thread needs for a plan.
PUBLIC i64 wellfit_workspace(const Plan *plan) { return version.workspace(*plan); }

// Move all members by all steps of a call.
PUBLIC void wellfit_train(const Plan *plan, const Call *call) {
    std::atomic<i64> next{0};
    auto *room = static_cast<unsigned char *>(call->workspace);
    const i64 threads = call->threads < plan->members ? call->threads : plan->members;
    const Rounding rounding;
    std::vector<std::thread> others;
    for (i64 thread = 1; thread < threads; ++thread) {
        try {
            others.emplace_back([&, thread] {
                rounding.take();
                work(*plan, *call, next, room + thread * call->workspace_bytes);
            });
        } catch (...) {
            break;  // the system gives no more threads: those that there are do the work
        }
    }
    work(*plan, *call, next, room);
    for (auto &other : others) other.join();
}
}
