// Training steps of small networks on a processor: many steps of all members in one call.
//
// steps.h has the arithmetic; it is compiled once for each instruction set, and the best one that
// the machine has is chosen when the library is loaded. A member's steps need nothing of another's:
// a thread takes member after member through all steps of a call, so that a member's weights stay
// in the caches of one core. Where there are more threads than members, several share each. Threads
// belong to a pool, which a training makes and ends: between two calls they stay awake for a moment,
// since a thread that sleeps is woken late. A process that forked leaves its parent's pool alone.

#include "plan.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <list>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#define X86 1
#endif

#if X86
#define PAUSE() _mm_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ __volatile__("yield")
#else
#define PAUSE()
#endif

// Threads that share the work on a member. They wait for each other by looking, since a step takes
// some twenty microseconds; and give way after a while, in case there are fewer cores than threads.
struct Team {
    i64 size = 1;
    alignas(64) std::atomic<i64> arrived{0};
    alignas(64) std::atomic<i64> turn{0};
};

template <typename Condition>
static void look_out(Condition fulfilled) {
    for (i64 looks = 0; !fulfilled(); ++looks) {
        if (looks < 40000)
            PAUSE();
        else
            std::this_thread::yield();
    }
}

static void meet(Team &team) {
    if (team.size == 1) return;
    const i64 turn = team.turn.load(std::memory_order_acquire);
    if (team.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == team.size) {
        team.arrived.store(0, std::memory_order_relaxed);
        team.turn.store(turn + 1, std::memory_order_release);
        return;
    }
    look_out([&] { return team.turn.load(std::memory_order_acquire) != turn; });
}

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
    i64 (*workspace)(const Plan &, i64 threads);
    void (*run)(const Plan &, const Call &, i64 member, Team &, i64 thread, unsigned char *room);
};

Version chosen() {
#if X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return {"AVX-512", avx512::workspace, avx512::run};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return {"AVX2", avx2::workspace, avx2::run};
    return {"SSE2", baseline::workspace, baseline::run};
#elif defined(__aarch64__)
    return {"NEON", baseline::workspace, baseline::run};
#else
    return {"generic", baseline::workspace, baseline::run};
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

// The number by which Linux knows the calling thread.
i64 this_thread() {
#if defined(__linux__)
    return syscall(SYS_gettid);
#else
    return 0;
#endif
}

// Put a thread on a core of its own, other than that of the calling thread; return which. Linux
// mostly leaves a fresh one where it was made until the next tick of its clock, which is longer than
// many calls.
int place(i64 other, i64 number) {
#if defined(__linux__)
    cpu_set_t allowed, own;
    if (sched_getaffinity(0, sizeof allowed, &allowed) || CPU_COUNT(&allowed) <= number) return -1;
    const int here = sched_getcpu();
    i64 passed = 0;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (!CPU_ISSET(core, &allowed) || core == here || ++passed < number) continue;
        CPU_ZERO(&own);
        CPU_SET(core, &own);
        // As pthread_setaffinity_np does, which younger versions of glibc have anew.
        sched_setaffinity(static_cast<pid_t>(other), sizeof own, &own);
        return core;
    }
#else
    (void)other, (void)number;
#endif
    return -1;
}

int this_core() {
#if defined(__linux__)
    return sched_getcpu();
#else
    return -2;
#endif
}

i64 this_process() { return getpid(); }

// What threads sleep by. std::condition_variable does the same, but what a compiler of today makes
// of it asks for a C++ library of today, wherever the library is then to be opened.
class Bell {
  public:
    Bell() = default;
    Bell(const Bell &) = delete;
    ~Bell() {
        pthread_cond_destroy(&condition);
        pthread_mutex_destroy(&mutex);
    }

    // Sleep until `fulfilled`, which only what comes before a ring can change.
    template <typename Condition>
    void wait(Condition fulfilled) {
        pthread_mutex_lock(&mutex);
        ++asleep;
        while (!fulfilled()) pthread_cond_wait(&condition, &mutex);
        --asleep;
        pthread_mutex_unlock(&mutex);
    }

    void ring() {
        pthread_mutex_lock(&mutex);
        if (asleep) pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }

  private:
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    i64 asleep = 0;
};

// How threads are divided: teams that each take every so many members.
struct Division {
    i64 teams, each;
    Division(i64 threads, i64 members)
        : teams(threads < members ? threads : members), each(threads / teams) {}
};

void work(const Plan &plan, const Call &call, const Division &division, Team &team, i64 number,
          i64 thread) {
    auto *room = static_cast<unsigned char *>(call.workspace) + number * call.workspace_bytes;
    for (i64 member = number; member < plan.members; member += division.teams)
        version.run(plan, call, member, team, thread, room);
}

// Threads that wait for calls, beside the one that makes them.
class Pool {
  public:
    explicit Pool(i64 threads) : owner(this_process()) {
        for (i64 thread = 1; thread < threads; ++thread) {
            Other &other = others.emplace_back();
            try {
                other.thread = std::thread([this, thread, &other] {
                    other.number = this_thread();
                    serve(thread);
                });
            } catch (...) {
                others.pop_back();
                break;  // the system gives no more: those that there are do the work
            }
        }
    }

    ~Pool() {
        ends = true;
        wake();
        for (auto &other : others) other.thread.join();
    }

    // Whether its threads are of this process.
    bool is_ours() const { return owner == this_process(); }

    void train(const Plan &plan, const Call &call) {
        const i64 count = static_cast<i64>(others.size());
        const Division division(count + 1, plan.members);
        std::vector<Team> teams(static_cast<std::size_t>(division.teams));
        for (auto &team : teams) team.size = division.each;
        job = {&plan, &call, &division, teams.data(), {}};
        const int here = this_core();
        i64 rank = 0;
        for (auto &other : others) {
            ++rank;
            const i64 thread = other.number;  // 0 until it has begun
            if (thread && (other.core < 0 || other.core == here)) other.core = place(thread, rank);
        }
        done.store(0, std::memory_order_relaxed);
        wake();
        work(plan, call, division, teams[0], 0, 0);
        look_out([&] { return done.load(std::memory_order_acquire) == count; });
    }

  private:
    struct Other {
        std::thread thread;
        std::atomic<i64> number{0};  // by which the system knows it
        int core = -1;
    };
    struct Job {
        const Plan *plan;
        const Call *call;
        const Division *division;
        Team *teams;
        Rounding rounding;
    };
    static constexpr auto AWAKE = std::chrono::microseconds(200);

    const i64 owner;
    std::list<Other> others;  // which never move
    Job job{};
    std::atomic<bool> ends{false};
    alignas(64) std::atomic<i64> turn{0};
    alignas(64) std::atomic<i64> done{0};
    Bell bell;

    void wake() {
        turn.fetch_add(1, std::memory_order_release);
        bell.ring();
    }

    // Return once there is a turn after `seen`: awake for a moment, then asleep.
    void wait(i64 seen) {
        const auto until = std::chrono::steady_clock::now() + AWAKE;
        const auto is_new = [&] { return turn.load(std::memory_order_acquire) != seen; };
        while (std::chrono::steady_clock::now() < until)
            for (int looks = 0; looks < 64; ++looks) {
                if (is_new()) return;
                PAUSE();
            }
        bell.wait(is_new);
    }

    void serve(i64 thread) {
        for (i64 seen = 0;; ++seen) {
            wait(seen);
            if (ends) return;
            const Division &division = *job.division;
            const i64 number = thread / division.each;
            job.rounding.take();
            if (number < division.teams)
                work(*job.plan, *job.call, division, job.teams[number], number,
                     thread % division.each);
            done.fetch_add(1, std::memory_order_release);
        }
    }
};

}  // namespace

#define PUBLIC __attribute__((visibility("default")))

extern "C" {

PUBLIC i64 wellfit_abi() { return ABI; }

// The sizes of the structures of plan.h, in the order in which they stand there.
PUBLIC void wellfit_sizes(i64 *sizes) {
    const i64 all[] = {sizeof(Layer), sizeof(Penalty), sizeof(Clipping), sizeof(Constraint),
                       sizeof(Plan),  sizeof(Group),   sizeof(Call)};
    std::memcpy(sizes, all, sizeof all);
}

PUBLIC const char *wellfit_instructions() { return version.name; }

// Bytes that one team needs for a plan.
PUBLIC i64 wellfit_workspace(const Plan *plan, i64 threads) {
    return version.workspace(*plan, Division(threads, plan->members).each);
}

// A pool of so many threads, the calling one among them.
PUBLIC void *wellfit_pool(i64 threads) { return new Pool(threads); }

PUBLIC void wellfit_end_pool(void *pool) {
    auto *threads = static_cast<Pool *>(pool);
    if (threads->is_ours()) delete threads;
}

// Move all members by all steps of a call, or judge their rows, on the threads of a pool, or on this
// one alone.
PUBLIC void wellfit_train(const Plan *plan, const Call *call, void *pool) {
    auto *threads = static_cast<Pool *>(pool);
    if (threads && threads->is_ours()) return threads->train(*plan, *call);
    Team alone;
    work(*plan, *call, Division(1, plan->members), alone, 0, 0);
}
}
