// The arithmetic of a step, for vectors of VECTOR_BYTES; included once for each instruction set.
//
// Matrices are row by row, with rows of a leading dimension `ld` that is a multiple of a vector, so
// that a vector may begin at any of their columns. Loops over numbers are left to the compiler's
// vectorizer; only the matrix product is written with vectors.

template <typename T>
struct Lanes {
    typedef T Vector __attribute__((vector_size(VECTOR_BYTES)));
    typedef T Loose __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
    static constexpr i64 count = VECTOR_BYTES / sizeof(T);
};

template <typename T>
static inline i64 padded(i64 width) {
    const i64 lanes = 64 / sizeof(T);
    i64 ld = (width + lanes - 1) / lanes * lanes;
    // Rows a power of two apart would compete for the same few lines of the first cache.
    if (ld * sizeof(T) % 512 == 0) ld += lanes;
    return ld;
}

// ---- the matrix product

// One tile of R rows and V vectors of columns: acc += A B, over `depth` terms.
template <typename T, int R, int V>
static inline void tile(i64 depth, const T *a, i64 a_row, i64 a_step, const T *b, i64 b_step,
                        typename Lanes<T>::Vector (&acc)[R][V]) {
    typedef typename Lanes<T>::Vector Vector;
    typedef typename Lanes<T>::Loose Loose;
    constexpr i64 L = Lanes<T>::count;
    for (i64 k = 0; k < depth; ++k) {
        Vector row[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) row[v] = *reinterpret_cast<const Loose *>(b + v * L);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Vector factor = a[r * a_row] - Vector{};
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[r][v] += factor * row[v];
        }
        a += a_step;
        b += b_step;
    }
}

// Columns that a tile computes at once: two vectors.
template <typename T>
constexpr i64 STRIP = 2 * Lanes<T>::count;

template <typename T>
struct Product {
    i64 m, n, depth;
    const T *a;  // a(i, k) lies at a + i a_row + k a_step
    i64 a_row, a_step;
    const T *b;  // b(k, j) lies at b + j / STRIP · b_strip + k b_step + j % STRIP
    i64 b_step, b_strip;
    T *c;  // (m, n)
    i64 c_row;
    T scale;        // of the product
    const T *bias;  // (n,) added to it, or null
    bool add;       // to what c holds
};

// R rows from row i, V vectors of columns from column j, of which `columns` belong to c.
template <typename T, int R, int V>
static inline void block(const Product<T> &p, i64 i, i64 j, i64 columns) {
    typedef typename Lanes<T>::Vector Vector;
    typedef typename Lanes<T>::Loose Loose;
    constexpr i64 L = Lanes<T>::count;
    Vector acc[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) acc[r][v] = Vector{};
    tile<T, R, V>(p.depth, p.a + i * p.a_row, p.a_row, p.a_step,
                  p.b + j / STRIP<T> * p.b_strip, p.b_step, acc);
    T edge[V * L];
    for (int v = 0; v < V; ++v) *reinterpret_cast<Loose *>(edge + v * L) = Vector{};
    if (p.bias) std::memcpy(edge, p.bias + j, columns * sizeof(T));
    Vector bias[V];
    for (int v = 0; v < V; ++v) bias[v] = *reinterpret_cast<const Loose *>(edge + v * L);
    const Vector scale = p.scale - Vector{};
    // Unrolled, or Clang would keep the sums in memory, since a variable chooses among them.
    if (columns == V * L) {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) {
                Loose *place = reinterpret_cast<Loose *>(p.c + (i + r) * p.c_row + j + v * L);
                const Vector sum = acc[r][v] * scale + bias[v];
                *place = p.add ? *place + sum : sum;
            }
        }
        return;
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        T *c = p.c + (i + r) * p.c_row + j;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v)
            *reinterpret_cast<Loose *>(edge + v * L) = acc[r][v] * scale + bias[v];
        for (i64 x = 0; x < columns; ++x) c[x] = p.add ? c[x] + edge[x] : edge[x];
    }
}

#if VECTOR_BYTES == 64
constexpr int ROWS = 12;  // 12 × 2 sums and 2 vectors of b in 32 registers
#elif defined(__aarch64__)
constexpr int ROWS = 8;
#else
constexpr int ROWS = 6;  // 6 × 2 sums and 2 vectors of b in 16 registers
#endif

template <typename T, int R, int V>
static inline void last_rows(const Product<T> &p, i64 i, i64 j, i64 columns) {
    if constexpr (R > 0) {
        if (p.m - i == R)
            block<T, R, V>(p, i, j, columns);
        else
            last_rows<T, R - 1, V>(p, i, j, columns);
    }
}

template <typename T, int V>
static inline void strip(const Product<T> &p, i64 j, i64 columns) {
    i64 i = 0;
    // Fifteen rows are cheaper as 8 and 7 than as 12 and 3, whose sums would wait for each other.
    for (; p.m - i >= 2 * ROWS || p.m - i == ROWS; i += ROWS) block<T, ROWS, V>(p, i, j, columns);
    if (p.m - i > ROWS) {
        constexpr int HALF = ROWS * 2 / 3;
        block<T, HALF, V>(p, i, j, columns);
        i += HALF;
        if (p.m - i > ROWS) {
            block<T, HALF, V>(p, i, j, columns);
            i += HALF;
        }
    }
    last_rows<T, ROWS, V>(p, i, j, columns);
}

// c = scale · a b + bias, or added to c.
template <typename T>
static void multiply(const Product<T> &whole) {
    constexpr i64 L = Lanes<T>::count, DEPTH = 1024 / sizeof(T);
    for (i64 k = 0; k < whole.depth || k == 0; k += DEPTH) {
        // A strip of b of so many rows stays in the first cache.
        Product<T> p = whole;
        p.depth = whole.depth - k < DEPTH ? whole.depth - k : DEPTH;
        p.a += k * p.a_step;
        p.b += k * p.b_step;
        if (k) {
            p.add = true;
            p.bias = nullptr;
        }
        for (i64 j = 0; j < p.n; j += 2 * L) {
            const i64 left = p.n - j;
            if (left > L)
                strip<T, 2>(p, j, left < 2 * L ? left : 2 * L);
            else
                strip<T, 1>(p, j, left);
        }
    }
}

// ---- products with few columns, whose vectors would be mostly empty

// Most columns of b for which vectors run along its rows instead.
constexpr i64 FEW = 4;

template <typename T, int H, int... I>
static inline typename Lanes<T>::Vector rotated(typename Lanes<T>::Vector v,
                                                std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(v, v, ((I + H) % Lanes<T>::count)...);
}

template <typename T, int H = Lanes<T>::count / 2>
static inline T sum_of_lanes(typename Lanes<T>::Vector v) {
    if constexpr (H > 0) {
        v += rotated<T, H>(v, std::make_integer_sequence<int, Lanes<T>::count>());
        return sum_of_lanes<T, H / 2>(v);
    }
    return v[0];
}

// c = a b + bias for N columns: each number of c is a product of two rows, since b comes transposed,
// b(k, j) at b + k / STRIP · b_strip + j · b_step + k % STRIP. The depth is a multiple of a vector.
template <typename T, int N>
static void multiply_few(const Product<T> &p) {
    typedef typename Lanes<T>::Vector Vector;
    typedef typename Lanes<T>::Loose Loose;
    constexpr i64 L = Lanes<T>::count;
    for (i64 i = 0; i < p.m; ++i) {
        Vector sums[N] = {};
        for (i64 k = 0; k < p.depth; k += L) {
            const Vector a = *reinterpret_cast<const Loose *>(p.a + i * p.a_row + k);
            const T *b = p.b + k / STRIP<T> * p.b_strip + k % STRIP<T>;
#pragma GCC unroll 4
            for (int j = 0; j < N; ++j)
                sums[j] += a * *reinterpret_cast<const Loose *>(b + j * p.b_step);
        }
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) p.c[i * p.c_row + j] = sum_of_lanes<T>(sums[j]) + p.bias[j];
    }
}

template <typename T>
static void multiply_few(const Product<T> &p) {
    switch (p.n) {
        case 1: return multiply_few<T, 1>(p);
        case 2: return multiply_few<T, 2>(p);
        case 3: return multiply_few<T, 3>(p);
        default: return multiply_few<T, 4>(p);
    }
}

// Swap the off-diagonal blocks of size H between two rows.
template <typename T, int H, int... I>
static inline void swap_blocks(typename Lanes<T>::Vector &a, typename Lanes<T>::Vector &b,
                               std::integer_sequence<int, I...>) {
    constexpr int L = Lanes<T>::count;
    const auto low = __builtin_shufflevector(a, b, ((I & H) ? L + I - H : I)...);
    b = __builtin_shufflevector(a, b, ((I & H) ? L + I : I + H)...);
    a = low;
}

// Transpose L vectors of L numbers: blocks of half the size first, single numbers last.
template <typename T, int H = Lanes<T>::count / 2>
static inline void transpose_square(typename Lanes<T>::Vector (&v)[Lanes<T>::count]) {
    if constexpr (H > 0) {
        constexpr int L = Lanes<T>::count;
#pragma GCC unroll 16
        for (int r = 0; r < L; ++r)
            if (!(r & H)) swap_blocks<T, H>(v[r], v[r + H], std::make_integer_sequence<int, L>());
        transpose_square<T, H / 2>(v);
    }
}

// out (columns, rows) = in (rows, columns) transposed. Rows of `in` may be read as far as `in_row`,
// and those of `out` written as far as `room`, a vector at a time.
template <typename T>
static void transpose(i64 rows, i64 columns, const T *in, i64 in_row, T *out, i64 out_row,
                      i64 room = 0) {
    typedef typename Lanes<T>::Vector Vector;
    typedef typename Lanes<T>::Loose Loose;
    constexpr int L = Lanes<T>::count;
    for (i64 i = 0; i < rows; i += L) {
        const i64 high = rows - i < L ? rows - i : L;
        const bool fits = high == L || i + L <= room;
        i64 j = 0;
        for (; fits && j < columns && j + L <= in_row; j += L) {
            Vector v[L];
#pragma GCC unroll 16
            for (int r = 0; r < L; ++r)
                v[r] = r < high ? *reinterpret_cast<const Loose *>(in + (i + r) * in_row + j)
                                : Vector{};
            transpose_square<T>(v);
#pragma GCC unroll 16
            for (int r = 0; r < L; ++r)
                if (j + r < columns) *reinterpret_cast<Loose *>(out + (j + r) * out_row + i) = v[r];
        }
        for (; j < columns; ++j)
            for (i64 r = i; r < i + high; ++r) out[j * out_row + r] = in[r * in_row + j];
    }
}

// ---- functions that the compiler can turn into vectors

template <typename T>
struct Bits;
template <>
struct Bits<float> {
    typedef std::int32_t Int;
    typedef std::uint32_t Word;
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float low = -103.0f, high = 89.0f;  // e^x is 0, or infinite, beyond
    static constexpr float tiny = 1.17549435e-38f;       // the smallest of full precision
};
template <>
struct Bits<double> {
    typedef std::int64_t Int;
    typedef std::uint64_t Word;
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double low = -746.0, high = 710.0;
    static constexpr double tiny = 2.2250738585072014e-308;
};

static inline float root(float x) { return __builtin_sqrtf(x); }
static inline double root(double x) { return __builtin_sqrt(x); }

// 2^n, for n that may leave the range of normal numbers by one factor.
template <typename T>
static inline T power_of_two(typename Bits<T>::Int n) {
    typedef typename Bits<T>::Word Word;
    // Unsigned, since of NaN n is anything.
    const Word word = (static_cast<Word>(n) + Bits<T>::bias) << Bits<T>::mantissa;
    T value;
    std::memcpy(&value, &word, sizeof(T));
    return value;
}

// e^x to the last bit or two; NaN stays NaN.
template <typename T>
static inline T exponential(T x) {
    typedef typename Bits<T>::Int Int;
    x = x < Bits<T>::low ? Bits<T>::low : x;
    x = x > Bits<T>::high ? Bits<T>::high : x;
    // x = n log 2 + r, |r| ≤ log 2 / 2. Adding and taking away 1.5 · 2^mantissa rounds to a whole.
    const T round = T(1.5) * T(Int(1) << Bits<T>::mantissa);
    const T scaled = x * T(1.4426950408889634) + round;
    const T whole = scaled - round;
    T r, sum;
    if constexpr (sizeof(T) == 4) {
        r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
        sum = 1.9875691500e-4f;
        sum = sum * r + 1.3981999507e-3f;
        sum = sum * r + 8.3334519073e-3f;
        sum = sum * r + 4.1665795894e-2f;
        sum = sum * r + 1.6666665459e-1f;
        sum = sum * r + 5.0000001201e-1f;
    } else {
        r = (x - whole * 6.93147180369123816490e-01) - whole * 1.90821492927058770002e-10;
        sum = 1.6059043836821613e-10;  // 1 / 13!, and so on down to 1 / 2!
        sum = sum * r + 2.08767569878681e-09;
        sum = sum * r + 2.505210838544172e-08;
        sum = sum * r + 2.755731922398589e-07;
        sum = sum * r + 2.7557319223985893e-06;
        sum = sum * r + 2.48015873015873e-05;
        sum = sum * r + 1.984126984126984e-04;
        sum = sum * r + 1.3888888888888889e-03;
        sum = sum * r + 8.333333333333333e-03;
        sum = sum * r + 4.1666666666666664e-02;
        sum = sum * r + 1.6666666666666666e-01;
        sum = sum * r + 0.5;
    }
    const T value = sum * r * r + r + T(1);
    // In two factors, since 2^n alone may be too large or too small for a normal number. The low
    // bits of the rounded sum are n; of NaN they are anything, and the product is NaN anyway.
    typename Bits<T>::Word word, zero;
    std::memcpy(&word, &scaled, sizeof(T));
    std::memcpy(&zero, &round, sizeof(T));
    const Int n = static_cast<Int>(word - zero), half = n >> 1;
    return value * power_of_two<T>(half) * power_of_two<T>(static_cast<Int>(word - zero - half));
}

template <typename T>
static inline T logistic(T x) {
    return T(1) / (T(1) + exponential(-x));
}

template <typename T>
static inline T hyperbolic(T x) {
    return T(2) / (T(1) + exponential(T(-2) * x)) - T(1);
}

// log(1 + e) for e from 0 to 1: the series of 2 artanh of e / (2 + e), which is 1/3 at most.
template <typename T>
static inline T log_of_one_and(T e) {
    const T s = e / (T(2) + e), square = s * s;
    constexpr int TERMS = sizeof(T) == 4 ? 7 : 16;
    T sum = T(1) / T(2 * TERMS + 1);
#pragma GCC unroll 16
    for (int k = TERMS - 1; k >= 0; --k) sum = sum * square + T(1) / T(2 * k + 1);
    return 2 * s * sum;
}

// The logarithm of a positive number; of what is none, or infinite, NaN.
template <typename T>
static inline T logarithm(T x) {
    typedef typename Bits<T>::Int Int;
    typedef typename Bits<T>::Word Word;
    Word word, half;
    const T root_of_half = T(0.70710678118654752);
    std::memcpy(&word, &x, sizeof(T));
    std::memcpy(&half, &root_of_half, sizeof(T));
    // x = 2^n m, √½ ≤ m < √2.
    const Int n = static_cast<Int>(word - half) >> Bits<T>::mantissa;
    word -= static_cast<Word>(n) << Bits<T>::mantissa;
    T m;
    std::memcpy(&m, &word, sizeof(T));
    const T s = (m - 1) / (m + 1), square = s * s;  // s is 0.172 at most
    constexpr int TERMS = sizeof(T) == 4 ? 5 : 11;
    T sum = T(1) / T(2 * TERMS + 1);
#pragma GCC unroll 16
    for (int k = TERMS - 1; k >= 0; --k) sum = sum * square + T(1) / T(2 * k + 1);
    return 2 * s * sum + T(n) * T(0.69314718055994531) + (x - x);
}

// The share of the normal distribution below z, to 1e-15: Cody, "Rational Chebyshev approximations
// for the error function", 1969.
template <typename T>
static inline T normal_below(T z) {
    const T x = z * T(0.70710678118654752), square = x * x, a = x < 0 ? -x : x;
    T above = T(1.85777706184603153e-1), below = square;
    above = above * square;
    above = (above + T(3.16112374387056560)) * square;
    below = (below + T(2.36012909523441209e1)) * square;
    above = (above + T(1.13864154151050156e2)) * square;
    below = (below + T(2.44024637934444173e2)) * square;
    above = (above + T(3.77485237685302021e2)) * square;
    below = (below + T(1.28261652607737228e3)) * square;
    const T near = T(0.5) + T(0.5) * x * (above + T(3.20937758913846947e3)) /
                                (below + T(2.84423683343917062e3));
    const T c = a > 26 ? T(26) : a;  // beyond, in either precision, nothing is left
    T over = T(2.15311535474403846e-8) * c, under = c;
    over = (over + T(5.64188496988670089e-1)) * c;
    under = (under + T(1.57449261107098347e1)) * c;
    over = (over + T(8.88314979438837594)) * c;
    under = (under + T(1.17693950891312499e2)) * c;
    over = (over + T(6.61191906371416295e1)) * c;
    under = (under + T(5.37181101862009858e2)) * c;
    over = (over + T(2.98635138197400131e2)) * c;
    under = (under + T(1.62138957456669019e3)) * c;
    over = (over + T(8.81952221241769090e2)) * c;
    under = (under + T(3.29079923573345963e3)) * c;
    over = (over + T(1.71204761263407058e3)) * c;
    under = (under + T(4.36261909014324716e3)) * c;
    over = (over + T(2.05107837782607147e3)) * c;
    under = (under + T(3.43936767414372164e3)) * c;
    const T tail = T(0.5) * exponential(-square) * (over + T(1.23033935479799725e3)) /
                   (under + T(1.23033935480374942e3));
    return a <= T(0.46875) ? near : z < 0 ? tail : 1 - tail;
}

static constexpr double SELU_ALPHA = 1.6732632423543772, SELU_SCALE = 1.0507009873554805;

// f(z), for a function whose number is `a` where it has one.
template <typename T, i64 F>
static inline T value_of(T z, T a) {
    if constexpr (F == RELU) return z < 0 ? T(0) : z;
    if constexpr (F == LEAKY_RELU) return z > 0 ? z : a * z;
    if constexpr (F == ELU) return z > 0 ? z : a * (exponential(z) - 1);
    if constexpr (F == SELU)
        return T(SELU_SCALE) * (z > 0 ? z : T(SELU_ALPHA) * (exponential(z) - 1));
    if constexpr (F == SIGMOID) return logistic(z);
    if constexpr (F == HARD_SIGMOID) {
        T moved = z + 3;
        moved = moved < 0 ? T(0) : moved;
        return (moved > 6 ? T(6) : moved) / 6;
    }
    if constexpr (F == TANH) return hyperbolic(z);
    if constexpr (F == SOFTSIGN) return z / (1 + (z < 0 ? -z : z));
    if constexpr (F == SILU) return z * logistic(z);
    if constexpr (F == MISH) {
        // tanh log(1 + e) = (e² + 2e) / (e² + 2e + 2); beyond 20 it is 1, before e² overflows.
        const T e = exponential(z > 20 ? T(20) : z), s = e * (e + 2);
        return z * (s / (s + 2));
    }
    if constexpr (F == GELU) return z * normal_below(z);
    if constexpr (F == SOFTPLUS)
        return (z < 0 ? T(0) : z) + log_of_one_and(exponential(z < 0 ? z : -z));
    if constexpr (F == GELU_TANH) {
        const T inner = T(0.7978845608028654) * (z + T(0.044715) * z * z * z);
        return T(0.5) * z * (1 + hyperbolic(inner));
    }
    return z;
}

// f'(z), given y = f(z) as well.
template <typename T, i64 F>
static inline T slope_of(T z, T y, T a) {
    if constexpr (F == RELU) return y <= 0 ? T(0) : T(1);
    if constexpr (F == LEAKY_RELU) return z > 0 ? T(1) : a;
    if constexpr (F == ELU) return z > 0 ? T(1) : y + a;
    if constexpr (F == SELU) return z > 0 ? T(SELU_SCALE) : y + T(SELU_SCALE * SELU_ALPHA);
    if constexpr (F == SIGMOID) return y * (1 - y);
    if constexpr (F == HARD_SIGMOID) return z > -3 && z < 3 ? T(1) / 6 : T(0);
    if constexpr (F == TANH) return 1 - y * y;
    if constexpr (F == SOFTSIGN) {
        const T rest = 1 - (y < 0 ? -y : y);
        return rest * rest;
    }
    if constexpr (F == SILU) {
        const T s = logistic(z);
        return s * (1 + z * (1 - s));
    }
    if constexpr (F == MISH) {
        const T e = exponential(z > 20 ? T(20) : z), s = e * (e + 2), t = s / (s + 2);
        return t + z * logistic(z) * (1 - t * t);
    }
    if constexpr (F == GELU)
        return normal_below(z) + z * T(0.39894228040143268) * exponential(T(-0.5) * z * z);
    if constexpr (F == SOFTPLUS) return logistic(z);
    if constexpr (F == GELU_TANH) {
        const T k = T(0.7978845608028654), t = hyperbolic(k * (z + T(0.044715) * z * z * z));
        return T(0.5) * (1 + t) + T(0.5) * z * (1 - t * t) * k * (1 + T(0.134145) * z * z);
    }
    return T(1);
}

template <typename T, i64 F>
static void apply(i64 n, const T *__restrict z, T *__restrict y, T a) {
    for (i64 i = 0; i < n; ++i) y[i] = value_of<T, F>(z[i], a);
}

template <typename T, i64 F>
static void unapply(i64 n, T *__restrict delta, const T *__restrict z, const T *__restrict y,
                    T a) {
    for (i64 i = 0; i < n; ++i) delta[i] *= slope_of<T, F>(z[i], y[i], a);
}

// Where relu is closed its gradient is 0, also of an infinite delta.
template <typename T>
static void close(i64 n, T *__restrict delta, const T *__restrict y) {
    for (i64 i = 0; i < n; ++i) delta[i] = y[i] <= 0 ? T(0) : delta[i];
}

#define EACH_FUNCTION(DO)                                                                       \
    DO(LEAKY_RELU) DO(ELU) DO(SELU) DO(SIGMOID) DO(HARD_SIGMOID) DO(TANH) DO(SOFTSIGN) DO(SILU) \
    DO(MISH) DO(GELU) DO(SOFTPLUS) DO(GELU_TANH)

template <typename T>
static void activate(i64 function, i64 n, const T *z, T *y, T a) {
    switch (function) {
#define ONE(F) \
    case F: return apply<T, F>(n, z, y, a);
        ONE(RELU) EACH_FUNCTION(ONE)
#undef ONE
        default: std::memcpy(y, z, n * sizeof(T));
    }
}

template <typename T>
static void deactivate(i64 function, i64 n, T *delta, const T *z, const T *y, T a) {
    switch (function) {
        case RELU: return close(n, delta, y);
#define ONE(F) \
    case F: return unapply<T, F>(n, delta, z, y, a);
        EACH_FUNCTION(ONE)
#undef ONE
        default: return;
    }
}

// ---- memory of a thread

struct Room {
    unsigned char *base;
    i64 used;
    template <typename N>
    N *take(i64 count) {
        N *place = reinterpret_cast<N *>(base + used);
        used += (count * static_cast<i64>(sizeof(N)) + 63) / 64 * 64;
        return place;
    }
};

// Memory in which the threads that share a member make its largest matrix orthogonal.
template <typename T>
struct Orthogonal {
    T *x, *next;       // (rows, columns) of a wide matrix
    T *turned;         // (columns, rows)
    T *gram, *square;  // (rows, rows)
};

template <typename T>
static Orthogonal<T> room_for_matrices(const Plan &plan, Room &room);

// What a layer writes. All matrices have the rows of a batch's outputs there.
template <typename T>
struct Buffers {
    T *out;    // (batch, outputs), rows of `ld`
    T *kept;   // what the backward pass needs: a mask, normalized inputs, shares of bins
    T *extra;  // rows or tables of the layer's own
    T *delta;  // ∂loss/∂outputs, where a layer's inputs have another shape, or of the lowest
    T *up, *down;  // weights in strips, for the products upwards and downwards
    i64 ld;
    std::int32_t *places;  // bins, or rows of codes
    std::uint64_t *bits;   // a layer's own: a thread may be at the next layer already
};

template <typename T>
struct Work {
    Buffers<T> *layers;
    T *x;          // (batch, inputs) that were picked
    T *logits, *target, *by_output;  // (outputs, rows), as losses want them; the last are deltas
    T *value, *hit, *rest;           // (rows,) losses, whether classified correctly; (3, rows)
    double *squares;  // sums of each row of all gradients
    Orthogonal<T> matrices;
    T *gradient;  // of some rows of a layer; each thread has its own
};

// Tables of an embedding: bins × features, or bins × columns, and one row of columns.
template <typename T>
struct Tables {
    T *inner, *start, *steepness;  // (features, bins), inner with the edges that can be passed
    T *real, *below;               // (bins, columns): whether a bin has a width; sums below it
    T *of_below, *of_inside;       // (bins, columns): sums of deltas
    T *of_slope;                   // (columns,)
    T *factor;                     // (n_jumping,) of the bins' own numbers
    T *gradient;                   // (rows, columns)
};

template <typename T>
static Tables<T> tables(const Layer &layer, T *extra) {
    const i64 columns = layer.n_embedded * layer.size, cells = layer.n_embedded * layer.bins;
    Tables<T> t;
    t.inner = extra;
    t.start = t.inner + cells;
    t.steepness = t.start + cells;
    t.real = t.steepness + cells;
    t.below = t.real + layer.bins * columns;
    t.of_below = t.below + layer.bins * columns;
    t.of_inside = t.of_below + layer.bins * columns;
    t.of_slope = t.of_inside + layer.bins * columns;
    t.factor = t.of_slope + columns;
    t.gradient = t.factor + layer.n_jumping;
    return t;
}

static i64 table_size(const Layer &layer) {
    const i64 columns = layer.n_embedded * layer.size;
    return 3 * layer.n_embedded * layer.bins + (4 * layer.bins + 1 + layer.rows) * columns +
           layer.n_jumping;
}

template <typename T>
static i64 in_strips(i64 width, i64 depth) {
    return (width + STRIP<T> - 1) / STRIP<T> * STRIP<T> * depth;
}

// Whether a layer's outputs are fewer than vectors are made for.
template <typename T>
static bool is_narrow(const Layer &layer) {
    return layer.outputs <= FEW && layer.inputs % Lanes<T>::count == 0;
}

// Rows of whole vectors are multiplied where they lie, as long as they lie close together.
template <typename T>
static bool needs_strips(const Layer &layer) {
    if (is_narrow<T>(layer)) return false;  // which takes the strips for the product downwards
    return layer.outputs % Lanes<T>::count || layer.columns * static_cast<i64>(sizeof(T)) > 512;
}

// Rows of a gradient that a thread computes at once, and uses up while they are in its cache.
template <typename T>
static i64 rows_at_once(i64 columns) {
    const i64 fitting = 65536 / (columns * static_cast<i64>(sizeof(T))) / ROWS * ROWS;
    return fitting < ROWS ? ROWS : fitting;
}

static bool changes_shape(const Layer &layer) {
    return layer.kind == LINEAR || layer.kind == PIECEWISE_LINEAR || layer.kind == ENTITY ||
           layer.kind == PERIODIC || layer.kind == REPEAT_ROWS;
}

template <typename T>
static i64 wave_size(const Plan &plan, const Layer &layer);

template <typename T>
static Buffers<T> layer_buffers(const Plan &plan, i64 l, Room &room) {
    const Layer &layer = plan.layers[l];
    Buffers<T> own{};
    own.ld = padded<T>(layer.outputs);
    const i64 rows = plan.batch * layer.height, size = rows * own.ld;
    const i64 cells = rows * layer.n_embedded;
    own.out = room.take<T>(size);
    // Layers between two of these hand deltas on in the memory of the lower one.
    if (l == 0 || changes_shape(layer)) own.delta = room.take<T>(size);
    switch (layer.kind) {
        case LINEAR:
            if (needs_strips<T>(layer))
                own.up = room.take<T>(layer.parts * in_strips<T>(layer.outputs, layer.inputs));
            own.down = room.take<T>(layer.parts * in_strips<T>(layer.inputs, layer.outputs));
            break;
        case DROPOUT:
            own.kept = room.take<T>(size);
            own.bits = room.take<std::uint64_t>(rows * layer.inputs / 4 + 1);
            break;
        case GAUSSIAN_NOISE:
            own.bits = room.take<std::uint64_t>(rows * layer.inputs / 4 + 1);
            break;
        case ENTITY:
            own.places = room.take<std::int32_t>(cells);
            own.bits = room.take<std::uint64_t>(cells / 4 + 1);
            own.extra = room.take<T>(layer.rows * layer.columns);
            break;
        case SUBMODEL_SCALE: own.extra = room.take<T>(layer.rows * own.ld); break;
        case SUBMODEL_MEAN: own.kept = room.take<T>(2 * rows * layer.parts * layer.outputs); break;
        case BATCH_NORM:
            own.kept = room.take<T>(size);
            own.extra = room.take<T>(5 * own.ld);
            break;
        case PIECEWISE_LINEAR:
            own.kept = room.take<T>(cells);
            own.places = room.take<std::int32_t>(cells);
            own.extra = room.take<T>(table_size(layer));
            break;
        case PERIODIC:
            own.kept = room.take<T>(wave_size<T>(plan, layer));
            own.extra = room.take<T>(layer.rows * layer.columns);
            break;
        default: own.extra = room.take<T>(layer.function == PRELU ? own.ld : 0);
    }
    return own;
}

// The same memory for all threads of a team, but for the gradients; the first writes it down.
template <typename T>
static Work<T> laid_out(const Plan &plan, Room &room, i64 thread, i64 threads) {
    Work<T> work;
    i64 largest = 0, all_rows = 0;
    work.layers = room.take<Buffers<T>>(plan.n_layers);
    for (i64 l = 0; l < plan.n_layers; ++l) {
        const Layer &layer = plan.layers[l];
        const Buffers<T> own = layer_buffers<T>(plan, l, room);
        if (room.base && !thread) work.layers[l] = own;
        const i64 rows = rows_at_once<T>(layer.columns ? layer.columns : 1);
        if (largest < rows * layer.columns) largest = rows * layer.columns;
        all_rows += layer.rows;
    }
    const i64 rows = plan.batch * plan.logit_rows, outputs = plan.outputs * rows;
    work.x = room.take<T>(plan.batch * padded<T>(plan.layers[0].inputs));
    work.logits = room.take<T>(outputs);
    work.target = room.take<T>(outputs);
    work.by_output = room.take<T>(outputs);
    work.value = room.take<T>(rows);
    work.hit = room.take<T>(rows);
    work.rest = room.take<T>(3 * rows);
    work.squares = room.take<double>(plan.n_clippings || plan.rule == MUON ? all_rows : 0);
    work.matrices = room_for_matrices<T>(plan, room);
    for (i64 each = 0; each < threads; ++each) {
        T *gradient = room.take<T>(largest);
        if (each == thread) work.gradient = gradient;
    }
    return work;
}

// ---- one member at work, or a thread's share of it

struct Range {
    i64 from, to;
};

// A thread's share of some items, in groups of four.
static inline Range share(i64 items, i64 thread, i64 threads) {
    const i64 each = ((items + threads - 1) / threads + 3) / 4 * 4;
    const i64 from = thread * each < items ? thread * each : items;
    return {from, from + each < items ? from + each : items};
}

template <typename T>
struct Member {
    const Plan &plan;
    const Call &call;
    i64 member;
    Work<T> work;
    Team &team;
    i64 thread;
    bool waits;      // whether all gradients must be there before one is used
    i64 batch;       // examples of the present step
    Range examples;  // of these, for this thread

    T *block(void *flat, const Layer &layer) const {
        const i64 size = layer.rows * layer.columns;
        return static_cast<T *>(flat) + layer.parameters + member * size;
    }

    T *tracked(const Layer &layer, i64 rows, i64 columns) const {
        return static_cast<T *>(plan.statistics) + layer.statistics + member * rows * columns;
    }

    bool learns(const Layer &layer) const { return layer.rows && layer.groups[member] >= 0; }

    i64 all_rows(const Layer &layer) const { return batch * layer.height; }

    // A thread's share of a layer's rows.
    Range rows(const Layer &layer) const {
        return {examples.from * layer.height, examples.to * layer.height};
    }

    T mean(const Layer &layer) const { return T(1) / T(all_rows(layer)); }

    T number(const double *numbers) const { return numbers ? T(numbers[member]) : T(0); }

    Range mine(i64 items) const { return share(items, thread, team.size); }
};

// ---- layers

template <typename T>
static void update(const Member<T> &me, const Layer &layer, i64 step, i64 at, i64 n, T *g);

// Copy rows of a strip's width; of a whole one, it is known how long they are.
template <typename T>
static void copy_strip(i64 rows, i64 width, const T *in, i64 in_row, T *strip) {
    if (width == STRIP<T>)
        for (i64 k = 0; k < rows; ++k)
            std::memcpy(strip + k * STRIP<T>, in + k * in_row, STRIP<T> * sizeof(T));
    else
        for (i64 j = 0; j < width; ++j)
            for (i64 k = 0; k < rows; ++k) strip[k * STRIP<T> + j] = in[k * in_row + j];
}

// Put a linear layer's weights into strips; a thread takes every so many. Where submodels have
// weights of their own, these lie side by side, and the strips of one behind those of another.
template <typename T>
static void pack(const Member<T> &me, const Layer &layer, const Buffers<T> &own, bool down) {
    const i64 units = layer.outputs, inputs = layer.inputs, columns = layer.columns;
    i64 turn = 0;
    for (i64 part = 0; part < layer.parts; ++part) {
        const T *w = me.block(me.plan.parameters, layer) + part * units;
        T *up = own.up + part * in_strips<T>(units, inputs);
        T *downwards = own.down + part * in_strips<T>(inputs, units);
        for (i64 j = 0; own.up && j < units; j += STRIP<T>) {
            if (turn++ % me.team.size != me.thread) continue;
            const i64 width = units - j < STRIP<T> ? units - j : STRIP<T>;
            copy_strip(inputs, width, w + j, columns, up + j * inputs);
        }
        for (i64 i = 0; down && i < inputs; i += STRIP<T>) {
            if (turn++ % me.team.size != me.thread) continue;
            const i64 width = inputs - i < STRIP<T> ? inputs - i : STRIP<T>;
            transpose<T>(width, units, w + i * columns, columns, downwards + i * units, STRIP<T>,
                         STRIP<T>);
        }
    }
}

// Of so many rows one after the other, each belongs to the next submodel.
template <typename T>
static void linear(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                   i64 ld) {
    const i64 units = layer.outputs, columns = layer.columns, n = layer.parts;
    const Range mine = me.rows(layer);
    const T *w = me.block(me.plan.parameters, layer), *bias = w + layer.inputs * columns;
    for (i64 part = 0; part < n; ++part) {
        const i64 first = mine.from + part;
        Product<T> p{(mine.to - mine.from) / n, units, layer.inputs, x + first * ld, n * ld, 1,
                     w + part * units, columns, STRIP<T>, own.out + first * own.ld, n * own.ld,
                     T(1), bias + part * units, false};
        if (is_narrow<T>(layer)) {
            p.b = own.down + part * in_strips<T>(layer.inputs, units);
            p.b_step = STRIP<T>;
            p.b_strip = STRIP<T> * units;
            multiply_few(p);
            continue;
        }
        if (own.up) {
            p.b = own.up + part * in_strips<T>(units, layer.inputs);
            p.b_step = STRIP<T>;
            p.b_strip = STRIP<T> * layer.inputs;
        }
        multiply(p);
    }
}

// ∂loss/∂x of a linear layer, into `below`.
template <typename T>
static void linear_down(const Member<T> &me, const Layer &layer, const Buffers<T> &own, T *below,
                        i64 below_ld) {
    const i64 units = layer.outputs, n = layer.parts;
    const Range mine = me.rows(layer);
    for (i64 part = 0; part < n; ++part) {
        const i64 first = mine.from + part;
        multiply(Product<T>{(mine.to - mine.from) / n, layer.inputs, units,
                            own.delta + first * own.ld, n * own.ld, 1,
                            own.down + part * in_strips<T>(layer.inputs, units), STRIP<T>,
                            STRIP<T> * units, below + first * below_ld, n * below_ld, T(1),
                            nullptr, false});
    }
}

template <typename T>
static void add_up(i64 rows, i64 columns, const T *__restrict in, i64 ld, T scale,
                   T *__restrict sums) {
    for (i64 j = 0; j < columns; ++j) sums[j] = 0;
    for (i64 i = 0; i < rows; ++i)
        for (i64 j = 0; j < columns; ++j) sums[j] += in[i * ld + j];
    for (i64 j = 0; j < columns; ++j) sums[j] *= scale;
}

// Bits of SplitMix64 on a counter of steps: those of wellfit.core.rng.Bits.
static inline void draw(std::uint64_t key, std::uint64_t block, i64 from, i64 to,
                        std::uint64_t *out) {
    const std::uint64_t gamma = 0x9E3779B97F4A7C15u;
    const std::uint64_t start = key + (block << 32) * gamma;
    for (i64 i = from; i < to; ++i) {
        std::uint64_t z = start + static_cast<std::uint64_t>(i) * gamma;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        out[i] = z ^ (z >> 31);
    }
}

// The first of all numbers of 16 bits of which such a share lies below.
static inline std::int16_t threshold(double share) {
    const double cut = __builtin_nearbyint(share * 65536 - 32768);
    return static_cast<std::int16_t>(cut > 32767 ? 32767 : cut);
}

// Draw a number of 16 bits for each of `width` of a thread's rows. Threads begin at every fourth
// row, hence with a word of their own; a word is four numbers, the lowest first, as they lie in
// memory.
template <typename T>
static const unsigned char *draw_rows(const Member<T> &me, const Layer &layer,
                                      const Buffers<T> &own, i64 width, i64 step) {
    const Range mine = me.rows(layer);
    draw(static_cast<std::uint64_t>(layer.keys[me.member]), static_cast<std::uint64_t>(step),
         mine.from * width / 4, (mine.to * width + 3) / 4, own.bits);
    return reinterpret_cast<const unsigned char *>(own.bits);
}

static inline std::int16_t number_at(const unsigned char *bits, i64 place) {
    std::int16_t drawn;
    std::memcpy(&drawn, bits + 2 * place, 2);
    return drawn;
}

template <typename T>
static void drop(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x, i64 ld,
                 i64 step) {
    const i64 width = layer.inputs;
    const Range mine = me.rows(layer);
    if (mine.from == mine.to) return;
    const double rate = layer.first[me.member], alpha = -1.7580993408473766;  // selu's lowest
    const double keeps_variance = 1 / root((1 - rate) * (1 + alpha * alpha * rate));
    const bool moves = layer.function == ALPHA;
    const T scale = T(moves ? keeps_variance : layer.function == MASKED ? 1 : 1 / (1 - rate));
    const T zero = moves ? T(alpha) : T(0), shift = T(alpha * (1 - rate) * keeps_variance);
    const std::int16_t least = threshold(rate);
    const unsigned char *bits = draw_rows(me, layer, own, width, step);
    for (i64 i = mine.from; i < mine.to; ++i) {
        T *mask = own.kept + i * own.ld, *out = own.out + i * own.ld;
        const T *in = x + i * ld;
        const unsigned char *row = bits + i * width * 2;
        for (i64 j = 0; j < width; ++j) mask[j] = number_at(row, j) >= least ? scale : T(0);
        if (moves)
            for (i64 j = 0; j < width; ++j) out[j] = (in[j] - zero) * mask[j] + shift;
        else
            for (i64 j = 0; j < width; ++j) out[j] = in[j] * mask[j];
    }
}

template <typename T>
static void add_noise(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                      i64 ld, i64 step) {
    const i64 width = layer.inputs;
    const Range mine = me.rows(layer);
    if (mine.from == mine.to) return;
    const T deviation = me.number(layer.first);
    const T *normals = static_cast<const T *>(layer.normals) + 32768;
    const unsigned char *bits = draw_rows(me, layer, own, width, step);
    for (i64 i = mine.from; i < mine.to; ++i)
        for (i64 j = 0; j < width; ++j)
            own.out[i * own.ld + j] =
                x[i * ld + j] + normals[number_at(bits, i * width + j)] * deviation;
}

// Batch norm takes all rows of a thread's share of the columns. Rows of its own: scale, mean,
// variance, and the two gradients.
template <typename T>
static void normalize(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                      i64 ld) {
    const i64 width = layer.inputs, rows = me.all_rows(layer);
    const T mean = me.mean(layer);
    const Range columns = me.mine(width);
    const i64 from = columns.from, to = columns.to;
    const T *gamma = me.block(me.plan.parameters, layer), *beta = gamma + width;
    T *running = me.tracked(layer, 2, width);
    const T epsilon = me.number(layer.second), fresh = T(1 - layer.first[me.member]);
    T *__restrict inverse = own.extra, *__restrict middle = own.extra + own.ld;
    T *__restrict spread = own.extra + 2 * own.ld;
    if (!me.learns(layer)) {
        for (i64 j = from; j < to; ++j) {
            inverse[j] = gamma[j] / root(running[width + j] + epsilon);
            middle[j] = beta[j] - running[j] * inverse[j];
        }
        for (i64 i = 0; i < rows; ++i)
            for (i64 j = from; j < to; ++j)
                own.out[i * own.ld + j] = middle[j] + x[i * ld + j] * inverse[j];
        return;
    }
    add_up(rows, to - from, x + from, ld, mean, middle + from);
    for (i64 j = from; j < to; ++j) spread[j] = 0;
    for (i64 i = 0; i < rows; ++i) {
        T *__restrict normal = own.kept + i * own.ld;
        for (i64 j = from; j < to; ++j) {
            normal[j] = x[i * ld + j] - middle[j];
            spread[j] += normal[j] * normal[j];
        }
    }
    for (i64 j = from; j < to; ++j) {
        spread[j] *= mean;
        inverse[j] = T(1) / root(spread[j] + epsilon);
    }
    for (i64 i = 0; i < rows; ++i) {
        T *__restrict normal = own.kept + i * own.ld, *__restrict out = own.out + i * own.ld;
        for (i64 j = from; j < to; ++j) {
            normal[j] *= inverse[j];
            out[j] = beta[j] + normal[j] * gamma[j];
        }
    }
    // The running variance estimates that of new rows, hence B / (B - 1).
    const T unbias = T(rows) / T(rows > 1 ? rows - 1 : 1);
    for (i64 j = from; j < to; ++j) {
        running[j] += fresh * (middle[j] - running[j]);
        running[width + j] += fresh * (spread[j] * unbias - running[width + j]);
    }
}

template <typename T>
static void denormalize(const Member<T> &me, const Layer &layer, const Buffers<T> &own, T *delta,
                        i64 ld) {
    const i64 width = layer.inputs, rows = me.all_rows(layer);
    const T mean = me.mean(layer);
    const Range columns = me.mine(width);
    const i64 from = columns.from, to = columns.to;
    const T *gamma = me.block(me.plan.parameters, layer);
    T *__restrict inverse = own.extra, *__restrict of_gamma = own.extra + 3 * own.ld;
    T *__restrict of_beta = own.extra + 4 * own.ld;
    if (!me.learns(layer)) {
        for (i64 i = 0; i < rows; ++i)
            for (i64 j = from; j < to; ++j) delta[i * ld + j] *= inverse[j];
        return;
    }
    for (i64 j = from; j < to; ++j) of_gamma[j] = of_beta[j] = 0;
    for (i64 i = 0; i < rows; ++i) {
        const T *__restrict d = delta + i * ld, *__restrict normal = own.kept + i * own.ld;
        for (i64 j = from; j < to; ++j) {
            of_gamma[j] += d[j] * normal[j];
            of_beta[j] += d[j];
        }
    }
    for (i64 j = from; j < to; ++j) {
        of_gamma[j] *= mean;
        of_beta[j] *= mean;
        inverse[j] *= gamma[j];
    }
    for (i64 i = 0; i < rows; ++i) {
        T *__restrict d = delta + i * ld;
        const T *__restrict normal = own.kept + i * own.ld;
        for (i64 j = from; j < to; ++j)
            d[j] = (d[j] - of_beta[j] - normal[j] * of_gamma[j]) * inverse[j];
    }
}

// ---- the piecewise linear embedding

// What depends on the edges alone, once for all steps of a call.
template <typename T>
static void look_at_edges(const Member<T> &me, const Layer &layer, const Tables<T> &t) {
    const i64 bins = layer.bins, features = layer.n_embedded;
    const T *edges = me.tracked(layer, bins + 1 + (layer.n_jumping > 0), features);
    const T *factor = edges + (bins + 1) * features;
    for (i64 q = 0; q < layer.n_jumping; ++q) t.factor[q] = factor[layer.jumping[q]];
    for (i64 f = 0; f < features; ++f) {
        const T last = edges[bins * features + f];
        for (i64 b = 0; b < bins; ++b) {
            const T low = edges[b * features + f], high = edges[(b + 1) * features + f];
            // Above the last bin of some width there is none.
            const bool inner = b + 1 < bins && high < last;
            t.inner[f * bins + b] = inner ? high : T(INFINITY);
            t.start[f * bins + b] = low;
            t.steepness[f * bins + b] = high > low ? T(1) / (high - low) : T(0);
            for (i64 s = 0; s < layer.size; ++s)
                t.real[(b * features + f) * layer.size + s] = high > low ? T(1) : T(0);
        }
    }
}

template <typename T, int S>
static void embed_rows(const Member<T> &me, const Layer &layer, const Buffers<T> &own,
                       const Tables<T> &t, const T *x, i64 ld) {
    const i64 bins = layer.bins, features = layer.n_embedded;
    const i64 size = S ? S : layer.size, columns = features * size;
    const T *w = me.block(me.plan.parameters, layer), *slope = w + bins * columns;
    const Range mine = me.rows(layer);
    for (i64 i = mine.from; i < mine.to; ++i) {
        for (i64 f = 0; f < features; ++f) {
            const T value = x[i * ld + layer.embedded[f]];
            const T *inner = t.inner + f * bins;
            std::int32_t place = 0;
            for (i64 b = 0; b < bins; ++b) place += inner[b] <= value;
            const T share = (value - t.start[f * bins + place]) * t.steepness[f * bins + place];
            own.places[i * features + f] = place;
            own.kept[i * features + f] = share;
            const T *below = t.below + place * columns + f * size;
            const T *inside = w + place * columns + f * size, *line = slope + f * size;
            T *out = own.out + i * own.ld + f * size;
            for (i64 s = 0; s < size; ++s)
                out[s] = below[s] + share * inside[s] + value * line[s];
        }
        if (layer.bends)
            for (i64 j = 0; j < columns; ++j)
                own.out[i * own.ld + j] = value_of<T, RELU>(own.out[i * own.ld + j], 0);
        for (i64 j = 0; j < layer.n_kept; ++j)
            own.out[i * own.ld + columns + j] = x[i * ld + layer.kept[j]];
    }
}

// Add the bins up, a thread's share of the columns: W has moved since the last step.
template <typename T>
static void add_bins_up(const Member<T> &me, const Layer &layer, const Buffers<T> &own) {
    const Tables<T> t = tables(layer, own.extra);
    const i64 bins = layer.bins, columns = layer.n_embedded * layer.size;
    const T *w = me.block(me.plan.parameters, layer), *bias = w + (bins + 1) * columns;
    const Range mine = me.mine(columns);
    for (i64 j = mine.from; j < mine.to; ++j) t.below[j] = bias[j];
    for (i64 b = 1; b < bins; ++b) {
        const T *__restrict before = t.below + (b - 1) * columns, *row = w + (b - 1) * columns;
        const T *real = t.real + (b - 1) * columns;
        T *__restrict sum = t.below + b * columns;
        for (i64 j = mine.from; j < mine.to; ++j) sum[j] = before[j] + row[j] * real[j];
    }
    const i64 n = layer.n_jumping, size = layer.size;
    const T *jumps = w + (bins + 2) * columns;
    for (i64 q = 0; q < n; ++q)
        for (i64 s = 0; s < size; ++s) {
            const i64 j = layer.jumping[q] * size + s;
            if (j < mine.from || j >= mine.to) continue;
            for (i64 b = 0; b < bins; ++b)
                t.below[b * columns + j] += jumps[(b * n + q) * size + s] * t.factor[q];
        }
}

template <typename T>
static void embed(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                  i64 ld) {
    const Tables<T> t = tables(layer, own.extra);
    if (layer.size == 4)
        embed_rows<T, 4>(me, layer, own, t, x, ld);
    else
        embed_rows<T, 0>(me, layer, own, t, x, ld);
}

// Where an embedding's numbers pass through relu, so do their deltas; ∂loss/∂x, into `below`, where
// a layer there learns.
template <typename T>
static void embedding_delta(const Member<T> &me, const Layer &layer, const Buffers<T> &own,
                            T *below, i64 below_ld) {
    const Tables<T> t = tables(layer, own.extra);
    const i64 bins = layer.bins, features = layer.n_embedded, size = layer.size;
    const i64 columns = features * size;
    const T *w = me.block(me.plan.parameters, layer), *slope = w + bins * columns;
    const Range mine = me.rows(layer);
    for (i64 i = mine.from; i < mine.to; ++i) {
        const T *out = own.out + i * own.ld;
        T *delta = own.delta + i * own.ld;
        for (i64 j = 0; layer.bends && j < columns; ++j) delta[j] *= out[j] > 0 ? T(1) : T(0);
        for (i64 f = 0; below && f < features; ++f) {
            const i64 place = own.places[i * features + f];
            const T steepness = t.steepness[f * bins + place];
            const T *inside = w + place * columns + f * size, *line = slope + f * size;
            T sum = 0;
            for (i64 s = 0; s < size; ++s)
                sum += (inside[s] * steepness + line[s]) * delta[f * size + s];
            below[i * below_ld + layer.embedded[f]] = sum;
        }
        for (i64 j = 0; below && j < layer.n_kept; ++j)
            below[i * below_ld + layer.kept[j]] = delta[columns + j];
    }
}

template <typename T, int S>
static void embedding_sums(const Member<T> &me, const Layer &layer, const Buffers<T> &own,
                           const Tables<T> &t, Range mine, const T *x, i64 x_ld) {
    const i64 features = layer.n_embedded, size = S ? S : layer.size, columns = features * size;
    for (i64 i = 0; i < me.all_rows(layer); ++i) {
        for (i64 f = mine.from; f < mine.to; ++f) {
            const i64 place = own.places[i * features + f] * columns + f * size;
            const T share = own.kept[i * features + f], value = x[i * x_ld + layer.embedded[f]];
            const T *d = own.delta + i * own.ld + f * size;
            T *below = t.of_below + place, *inside = t.of_inside + place;
            T *slope = t.of_slope + f * size;
            for (i64 s = 0; s < size; ++s) {
                below[s] += d[s];
                inside[s] += d[s] * share;
                slope[s] += d[s] * value;
            }
        }
    }
}

// Update columns of a matrix of a layer's parameters, from place `at` on: at once, if they are all.
template <typename T>
static void update_rows(const Member<T> &me, const Layer &layer, i64 step, i64 at, i64 rows,
                        i64 columns, i64 from, i64 to, T *g) {
    if (from == 0 && to == columns) return update(me, layer, step, at, rows * columns, g + at);
    for (i64 row = 0; row < rows; ++row)
        update(me, layer, step, at + row * columns + from, to - from, g + at + row * columns + from);
}

// The same of the bins' own numbers, (bins, columns that have them, size), which lie behind all
// others.
template <typename T>
static void move_jumps(const Member<T> &me, const Layer &layer, const Tables<T> &t, Range mine,
                       i64 step) {
    const i64 n = layer.n_jumping, size = layer.size, columns = layer.n_embedded * size;
    const i64 at = (layer.bins + 2) * columns;
    const T mean = me.mean(layer);
    Range own{0, 0};  // of the columns that jump, which ascend
    for (i64 q = 0; q < n; ++q) {
        own.from += layer.jumping[q] < mine.from;
        own.to += layer.jumping[q] < mine.to;
    }
    if (own.from == own.to) return;
    for (i64 b = 0; b < layer.bins; ++b)
        for (i64 q = own.from; q < own.to; ++q) {
            const T *sums = t.of_below + b * columns + layer.jumping[q] * size;
            T *row = t.gradient + at + (b * n + q) * size;
            for (i64 s = 0; s < size; ++s) row[s] = sums[s] * mean * t.factor[q];
        }
    update_rows(me, layer, step, at, layer.bins, n * size, own.from * size, own.to * size,
                t.gradient);
}

// The gradients of a thread's share of the features, and their update.
template <typename T>
static void move_embedding(const Member<T> &me, const Layer &layer, const Buffers<T> &own,
                           const T *x, i64 x_ld, i64 step) {
    const Tables<T> t = tables(layer, own.extra);
    const i64 bins = layer.bins, columns = layer.n_embedded * layer.size;
    const Range mine = me.mine(layer.n_embedded);
    const i64 from = mine.from * layer.size, to = mine.to * layer.size;
    for (i64 b = 0; b < bins; ++b)
        for (i64 j = from; j < to; ++j)
            t.of_below[b * columns + j] = t.of_inside[b * columns + j] = 0;
    for (i64 j = from; j < to; ++j) t.of_slope[j] = 0;
    if (layer.size == 4)
        embedding_sums<T, 4>(me, layer, own, t, mine, x, x_ld);
    else
        embedding_sums<T, 0>(me, layer, own, t, mine, x, x_ld);
    T *g = t.gradient, *__restrict above = g + (bins + 1) * columns;
    const T mean = me.mean(layer);
    for (i64 j = from; j < to; ++j) {
        above[j] = 0;
        g[bins * columns + j] = t.of_slope[j] * mean;
    }
    // A bin's row is whole in the embedding of all that lies in bins above its own.
    for (i64 b = bins - 1; b >= 0; --b) {
        const T *__restrict inside = t.of_inside + b * columns, *real = t.real + b * columns;
        const T *__restrict own_sum = t.of_below + b * columns;
        T *__restrict row = g + b * columns;
        for (i64 j = from; j < to; ++j) {
            row[j] = (inside[j] + above[j]) * mean * real[j];
            above[j] += own_sum[j];
        }
    }
    for (i64 j = from; j < to; ++j) above[j] *= mean;
    update_rows(me, layer, step, 0, bins + 2, columns, from, to, g);
    move_jumps(me, layer, t, mine, step);
}

#include "periodic.h"

// ---- the embedding of categories, whose codes are the last columns

template <typename T>
static void look_up(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                    i64 ld, i64 step) {
    const i64 kept = layer.n_kept, codes = layer.n_embedded, size = layer.columns;
    const Range mine = me.rows(layer);
    if (mine.from == mine.to) return;
    const T *w = me.block(me.plan.parameters, layer);
    const std::int16_t least = threshold(layer.first[me.member]);
    const unsigned char *bits = draw_rows(me, layer, own, codes, step);
    for (i64 i = mine.from; i < mine.to; ++i) {
        T *out = own.out + i * own.ld;
        std::memcpy(out, x + i * ld, kept * sizeof(T));
        i64 first = 0;
        for (i64 c = 0; c < codes; ++c) {
            const i64 last = layer.levels[c] - 1;
            const T code = x[i * ld + kept + c];
            const bool hidden = number_at(bits, i * codes + c) < least || !(code > 0);
            const i64 place = first + (hidden ? 0 : code < T(last) ? static_cast<i64>(code) : last);
            own.places[i * codes + c] = static_cast<std::int32_t>(place);
            std::memcpy(out + kept + c * size, w + place * size, size * sizeof(T));
            first += layer.levels[c];
        }
    }
}

// The gradients of a thread's share of the rows of all codes, and their update.
template <typename T>
static void move_codes(const Member<T> &me, const Layer &layer, const Buffers<T> &own, i64 step) {
    const i64 kept = layer.n_kept, codes = layer.n_embedded, size = layer.columns;
    const i64 all = me.all_rows(layer);
    const Range mine = me.mine(layer.rows);
    const T mean = me.mean(layer);
    T *g = own.extra;
    for (i64 j = mine.from * size; j < mine.to * size; ++j) g[j] = 0;
    for (i64 i = 0; i < all; ++i)
        for (i64 c = 0; c < codes; ++c) {
            const i64 place = own.places[i * codes + c];
            if (place < mine.from || place >= mine.to) continue;
            const T *d = own.delta + i * own.ld + kept + c * size;
            for (i64 s = 0; s < size; ++s) g[place * size + s] += d[s];
        }
    for (i64 j = mine.from * size; j < mine.to * size; ++j) g[j] *= mean;
    update(me, layer, step, mine.from * size, (mine.to - mine.from) * size, g + mine.from * size);
}

// ---- submodels, whose rows of an example are neighbours

template <typename T>
static void repeat(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                   i64 ld) {
    const Range mine = me.rows(layer);
    for (i64 i = mine.from; i < mine.to; ++i)
        std::memcpy(own.out + i * own.ld, x + i / layer.parts * ld, layer.inputs * sizeof(T));
}

// Gradients are means over rows: below there are fewer of them to every example.
template <typename T>
static void join_rows(const Member<T> &me, const Layer &layer, const Buffers<T> &own, T *below,
                      i64 below_ld) {
    const i64 n = layer.parts, width = layer.inputs;
    const Range mine = me.rows(layer);
    for (i64 i = mine.from; i < mine.to; i += n)
        add_up(n, width, own.delta + i * own.ld, own.ld, T(1) / T(n), below + i / n * below_ld);
}

template <typename T>
static void scale(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                  i64 ld) {
    const i64 n = layer.parts, width = layer.inputs;
    const T *factors = me.block(me.plan.parameters, layer);
    const Range mine = me.rows(layer);
    for (i64 i = mine.from; i < mine.to; ++i) {
        const T *__restrict factor = factors + i % n * width, *__restrict shift = factor + n * width;
        const T *__restrict in = x + i * ld;
        T *__restrict out = own.out + i * own.ld;
        if (layer.shifts)
            for (i64 j = 0; j < width; ++j) out[j] = in[j] * factor[j] + shift[j];
        else
            for (i64 j = 0; j < width; ++j) out[j] = in[j] * factor[j];
    }
}

// All rows of a thread's share of the columns.
template <typename T>
static void unscale(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                    i64 x_ld, T *delta) {
    const i64 n = layer.parts, width = layer.inputs, ld = own.ld;
    const T *factors = me.block(me.plan.parameters, layer);
    const Range mine = me.mine(width);
    const T mean = me.mean(layer);
    for (i64 row = 0; row < layer.rows; ++row)
        for (i64 j = mine.from; j < mine.to; ++j) own.extra[row * ld + j] = 0;
    for (i64 i = 0; i < me.all_rows(layer); ++i) {
        const T *__restrict factor = factors + i % n * width, *__restrict in = x + i * x_ld;
        T *__restrict g = own.extra + i % n * ld, *__restrict d = delta + i * ld;
        for (i64 j = mine.from; j < mine.to; ++j) g[j] += d[j] * in[j];
        if (layer.shifts)
            for (i64 j = mine.from; j < mine.to; ++j) g[n * ld + j] += d[j];
        for (i64 j = mine.from; j < mine.to; ++j) d[j] *= factor[j];
    }
    for (i64 row = 0; row < layer.rows; ++row)
        for (i64 j = mine.from; j < mine.to; ++j) own.extra[row * ld + j] *= mean;
}

// log Σ eˣ of n numbers, `apart` from each other.
template <typename T>
static inline T log_of_sum(i64 n, const T *x, i64 apart) {
    T top = x[0], sum = 0;
    for (i64 i = 1; i < n; ++i) top = x[i * apart] > top ? x[i * apart] : top;
    for (i64 i = 0; i < n; ++i) sum += exponential(x[i * apart] - top);
    return logarithm(sum) + top;
}

// A number of a row as the logarithm of its part of the mean of predictions.
template <typename T>
static inline T log_of_share(i64 link, T z, T log_of_all) {
    if (link == MEAN_OF_SOFTMAX) return z - log_of_all;
    if (link == MEAN_OF_SIGMOID) return -value_of<T, SOFTPLUS>(-z, 0);
    return z;
}

// The logits of the mean of an example's predictions, which are logarithms until then, so that none
// becomes 0 by rounding. Only networks that predict have it.
template <typename T>
static void average_rows(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                         i64 ld) {
    const i64 n = layer.parts, width = layer.outputs, link = layer.function;
    const Range mine = me.rows(layer);
    for (i64 i = mine.from; i < mine.to; ++i) {
        const T *z = x + i * n * ld;
        T *out = own.out + i * own.ld;
        T *share = own.kept + 2 * i * n * width, *rest = share + n * width;
        if (link == MEAN_OF_LOGITS) {
            add_up(n, width, z, ld, T(1) / T(n), out);
            continue;
        }
        for (i64 r = 0; r < n; ++r) {
            const T all = link == MEAN_OF_SOFTMAX ? log_of_sum(width, z + r * ld, 1) : T(0);
            for (i64 c = 0; c < width; ++c) {
                share[r * width + c] = log_of_share(link, z[r * ld + c], all);
                rest[r * width + c] = -value_of<T, SOFTPLUS>(z[r * ld + c], 0);
            }
        }
        for (i64 c = 0; c < width; ++c) {
            const T other = link == MEAN_OF_SIGMOID ? log_of_sum(n, rest + c, width)
                                                    : logarithm(T(n));
            out[c] = log_of_sum(n, share + c, width) - other;
        }
    }
}

// ---- prelu, whose slopes are learned

template <typename T>
static void bend(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                 i64 ld) {
    const T *a = me.block(me.plan.parameters, layer);
    const Range mine = me.rows(layer);
    for (i64 i = mine.from; i < mine.to; ++i)
        for (i64 j = 0; j < layer.inputs; ++j) {
            const T z = x[i * ld + j];
            own.out[i * own.ld + j] = z > 0 ? z : a[j] * z;
        }
}

// All rows of a thread's share of the units.
template <typename T>
static void unbend(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                   i64 x_ld, T *delta, i64 ld) {
    const T *a = me.block(me.plan.parameters, layer);
    T *__restrict g = own.extra;
    const Range mine = me.mine(layer.inputs);
    for (i64 j = mine.from; j < mine.to; ++j) g[j] = 0;
    const T mean = me.mean(layer);
    for (i64 i = 0; i < me.all_rows(layer); ++i)
        for (i64 j = mine.from; j < mine.to; ++j) {
            const T z = x[i * x_ld + j], d = delta[i * ld + j];
            g[j] += z > 0 ? T(0) : d * z;
            delta[i * ld + j] = z > 0 ? d : d * a[j];
        }
    for (i64 j = mine.from; j < mine.to; ++j) g[j] *= mean;
}

// ---- losses: each row's value, and ∂loss/∂logits, (outputs, rows)

template <typename T>
struct Outputs {
    i64 n, classes, from, to;  // rows, outputs, and which of the rows
    const T *z, *target;
    T number;  // of the loss
    const double *quantiles;
    T *delta, *value, *hit, *rest;
};

template <typename T>
static void softmax_entropy(const Outputs<T> &o) {
    const i64 n = o.n, from = o.from, to = o.to;
    T *__restrict top = o.rest, *__restrict sum = o.rest + n, *__restrict mean = o.rest + 2 * n;
    T *__restrict value = o.value;
    for (i64 i = from; i < to; ++i) {
        top[i] = o.z[i];
        sum[i] = value[i] = mean[i] = 0;
    }
    for (i64 c = 1; c < o.classes; ++c) {
        const T *__restrict z = o.z + c * n;
        for (i64 i = from; i < to; ++i) top[i] = z[i] > top[i] ? z[i] : top[i];
    }
    for (i64 c = 0; c < o.classes; ++c) {
        const T *__restrict z = o.z + c * n, *__restrict goal = o.target + c * n;
        T *__restrict row = o.delta + c * n;
        // The compiler makes no vectors of one loop over so many arrays.
        for (i64 i = from; i < to; ++i) row[i] = exponential(z[i] - top[i]);
        for (i64 i = from; i < to; ++i) sum[i] += row[i];
        for (i64 i = from; i < to; ++i) value[i] += z[i] * goal[i];
        for (i64 i = from; o.number != 0 && i < to; ++i) mean[i] += z[i];
    }
    const T share = 1 - o.number, spread = o.number / T(o.classes);
    for (i64 i = from; i < to; ++i) {
        value[i] = logarithm(sum[i]) + top[i] - share * value[i];
        if (o.number != 0) value[i] -= spread * mean[i];
        sum[i] = T(1) / sum[i];
    }
    for (i64 c = 0; c < o.classes; ++c) {
        const T *__restrict goal = o.target + c * n;
        T *__restrict row = o.delta + c * n;
        for (i64 i = from; i < to; ++i) row[i] = row[i] * sum[i] - (share * goal[i] + spread);
    }
}

// Losses that are sums over outputs, each of its own: `of` writes a delta and returns a value.
template <typename T, typename Of>
static void each_output(const Outputs<T> &o, T factor, Of of) {
    T *__restrict value = o.value;
    for (i64 i = o.from; i < o.to; ++i) value[i] = 0;
    for (i64 c = 0; c < o.classes; ++c) {
        const T *__restrict z = o.z + c * o.n, *__restrict goal = o.target + c * o.n;
        T *__restrict delta = o.delta + c * o.n;
        for (i64 i = o.from; i < o.to; ++i) value[i] += of(z[i], goal[i], delta[i], c);
    }
    for (i64 i = o.from; i < o.to; ++i) value[i] *= factor;
}

template <typename T>
static void losses_of(i64 kind, const Outputs<T> &o) {
    const T number = o.number, share = T(1) / T(o.classes);
    switch (kind) {
        case SOFTMAX: return softmax_entropy(o);
        case SIGMOID_ENTROPY:
            return each_output(o, T(1), [=](T z, T y, T &delta, i64) {
                const T goal = y * (1 - number) + number / 2;
                delta = logistic(z) - goal;
                return value_of<T, SOFTPLUS>(z, 0) - z * goal;
            });
        case SIGMOID_SQUARES:
            return each_output(o, T(0.5), [=](T z, T y, T &delta, i64) {
                const T a = logistic(z), error = a - y;
                delta = error * (a - a * a);
                return error * error;
            });
        case SQUARES:
            return each_output(o, share, [=](T z, T y, T &delta, i64) {
                const T error = z - y;
                delta = error * (2 * share);
                return error * error;
            });
        case ABSOLUTES:
            return each_output(o, share, [=](T z, T y, T &delta, i64) {
                const T error = z - y;
                delta = error > 0 ? share : error < 0 ? -share : T(0);
                return error < 0 ? -error : error;
            });
        case HUBER:
            return each_output(o, share, [=](T z, T y, T &delta, i64) {
                const T error = z - y, low = error < -number ? -number : error;
                const T held = low > number ? number : low;
                delta = held * share;
                return (error - held / 2) * held;
            });
        case QUANTILES: {
            const double *quantiles = o.quantiles;
            return each_output(o, share, [=](T z, T y, T &delta, i64 c) {
                const T q = T(quantiles[c]), error = y - z, below = error * q;
                delta = ((z > y ? T(1) : T(0)) - q) * share;
                return below > below - error ? below : below - error;
            });
        }
        case MEAN_AND_QUANTILES: {
            const double *quantiles = o.quantiles;
            i64 means = 0;
            for (i64 c = 0; c < o.classes; ++c) means += quantiles[c] == 0;
            const T of_mean = T(1) / T(means), of_quantile = T(2) / T(o.classes - means);
            return each_output(o, T(1), [=](T z, T y, T &delta, i64 c) {
                const T q = T(quantiles[c]), error = y - z, below = error * q;
                const T pinball = below > below - error ? below : below - error;
                const T slope = ((z > y ? T(1) : T(0)) - q) * of_quantile;
                delta = q == 0 ? -2 * of_mean * error : slope;
                return q == 0 ? error * error * of_mean : pinball * of_quantile;
            });
        }
        default:
            return each_output(o, 2 * share, [=](T z, T y, T &delta, i64) {
                const T e = exponential(z);
                delta = (e - y) * (2 * share);
                // y log y is 0 for a count of 0.
                return e - z * y + ((y > 0 ? y * logarithm(y > 0 ? y : T(1)) : T(0)) - y);
            });
    }
}

// Whether the likeliest class has the largest logit; of ties among targets any counts.
template <typename T>
static void likeliest(const Outputs<T> &o) {
    const i64 n = o.n, from = o.from, to = o.to;
    T *__restrict most = o.rest, *__restrict right = o.rest + n, *__restrict wrong = right + n;
    for (i64 i = from; i < to; ++i) {
        most[i] = o.target[i];
        right[i] = wrong[i] = -T(INFINITY);
    }
    for (i64 c = 1; c < o.classes; ++c)
        for (i64 i = from; i < to; ++i) {
            const T goal = o.target[c * n + i];
            most[i] = goal > most[i] ? goal : most[i];
        }
    for (i64 c = 0; c < o.classes; ++c) {
        const T *__restrict z = o.z + c * n, *__restrict goal = o.target + c * n;
        for (i64 i = from; i < to; ++i) {
            const T better = z[i] > right[i] ? z[i] : right[i];
            const T worse = z[i] > wrong[i] ? z[i] : wrong[i];
            right[i] = goal[i] == most[i] ? better : right[i];
            wrong[i] = goal[i] == most[i] ? wrong[i] : worse;
        }
    }
    for (i64 i = from; i < to; ++i) o.hit[i] = right[i] > wrong[i] ? T(1) : T(0);
}

// Whether all outputs are on the right side of 1/2.
template <typename T>
static void all_right(const Outputs<T> &o) {
    for (i64 i = o.from; i < o.to; ++i) o.hit[i] = 1;
    for (i64 c = 0; c < o.classes; ++c) {
        const T *__restrict z = o.z + c * o.n, *__restrict goal = o.target + c * o.n;
        for (i64 i = o.from; i < o.to; ++i)
            o.hit[i] = (z[i] > 0) == (goal[i] > T(0.5)) ? o.hit[i] : T(0);
    }
}

// The values and deltas of a thread's rows, from the logits.
template <typename T>
static void judge(const Member<T> &me, const T *target, const T *weight) {
    const Plan &plan = me.plan;
    const i64 each = plan.logit_rows, n = me.batch * each;
    const Outputs<T> o{n, plan.outputs, me.examples.from * each, me.examples.to * each,
                       me.work.logits, target, me.number(plan.number), plan.quantiles,
                       me.work.by_output, me.work.value, me.work.hit, me.work.rest};
    losses_of(plan.loss, o);
    if (plan.loss == SOFTMAX || (plan.loss <= SIGMOID_SQUARES && plan.one_class && o.classes > 1))
        likeliest(o);
    else if (plan.loss <= SIGMOID_SQUARES)
        all_right(o);
    if (weight)
        for (i64 c = 0; c < o.classes; ++c)
            for (i64 i = o.from; i < o.to; ++i) o.delta[c * n + i] *= weight[i];
}

template <typename T>
static double weighted_sum(i64 n, const T *values, const T *weight) {
    constexpr i64 L = 8;
    double sums[L] = {}, sum = 0;
    for (i64 i = 0; i < n; i += L)
        for (i64 l = 0; l < L && i + l < n; ++l)
            sums[l] += static_cast<double>(values[i + l]) * (weight ? weight[i + l] : T(1));
    for (i64 l = 0; l < L; ++l) sum += sums[l];
    return sum;
}

// Write a step's sums down; values and hits of all rows are there.
template <typename T>
static void sum_up(const Member<T> &me, i64 step, const T *weight) {
    const i64 n = me.batch * me.plan.logit_rows, at = step * me.plan.members + me.member;
    me.call.losses[at] = weighted_sum(n, me.work.value, weight);
    if (me.plan.loss <= SIGMOID_SQUARES) me.call.hits[at] = weighted_sum(n, me.work.hit, weight);
    me.call.weights[at] = static_cast<double>(n);
    if (weight) me.call.weights[at] = weighted_sum<T>(n, weight, nullptr);
}

// ---- rows that are picked from the table

template <typename T>
static void pick(const Member<T> &me, const i64 *ids) {
    const Call &call = me.call;
    const i64 width = me.plan.layers[0].inputs, ld = padded<T>(width);
    const T pixel = T(call.pixel);
    for (i64 i = me.examples.from; i < me.examples.to; ++i) {
        T *__restrict out = me.work.x + i * ld;
        const i64 at = ids[i] * call.table_row;
        if (!call.is_bytes) {
            std::memcpy(out, static_cast<const T *>(call.table) + at, width * sizeof(T));
            continue;
        }
        const unsigned char *__restrict bytes = static_cast<const unsigned char *>(call.table) + at;
        for (i64 j = 0; j < width; ++j) out[j] = T(bytes[j]) * pixel;
    }
}

// The targets of a thread's rows: those of an example for all of its rows.
template <typename T>
static void pick_targets(const Member<T> &me, const i64 *ids) {
    const Call &call = me.call;
    const i64 each = me.plan.logit_rows, n = me.batch * each, outputs = me.plan.outputs;
    const i64 from = me.examples.from * each, to = me.examples.to * each;
    T *target = me.work.target;
    if (call.classes) {
        for (i64 c = 0; c < outputs; ++c)
            for (i64 i = from; i < to; ++i) target[c * n + i] = 0;
        for (i64 i = from; i < to; ++i) target[call.classes[ids[i / each]] * n + i] = 1;
        return;
    }
    for (i64 i = from; i < to; ++i) {
        const T *numbers = static_cast<const T *>(call.numbers) + ids[i / each] * outputs;
        for (i64 c = 0; c < outputs; ++c) target[c * n + i] = numbers[c];
    }
}

// ---- the update of a layer

template <typename T>
static void adam(i64 n, T *__restrict p, const T *__restrict g, T *__restrict mean,
                 T *__restrict square, T *__restrict largest, const double *c) {
    const T fresh = T(c[0]), fresh_square = T(c[1]), a = T(c[2]), b = T(c[3]);
    if (largest) {
        for (i64 i = 0; i < n; ++i) {
            mean[i] += fresh * (g[i] - mean[i]);
            square[i] += fresh_square * (g[i] * g[i] - square[i]);
            largest[i] = largest[i] > square[i] ? largest[i] : square[i];
            p[i] -= mean[i] / (a * root(largest[i]) + b);
        }
        return;
    }
    for (i64 i = 0; i < n; ++i) {
        mean[i] += fresh * (g[i] - mean[i]);
        square[i] += fresh_square * (g[i] * g[i] - square[i]);
        p[i] -= mean[i] / (a * root(square[i]) + b);
    }
}

template <typename T>
static void rmsprop(i64 n, T *__restrict p, const T *__restrict g, T *__restrict square,
                    T *__restrict mean, T *__restrict velocity, const double *c) {
    const T rate = T(c[0]), fresh = T(c[1]), epsilon = T(c[2]), kept = T(c[3]);
    if (mean || velocity) {
        for (i64 i = 0; i < n; ++i) {
            square[i] += fresh * (g[i] * g[i] - square[i]);
            T spread = square[i], moved = 0;
            if (mean) {
                mean[i] += fresh * (g[i] - mean[i]);
                spread -= mean[i] * mean[i];
                spread = spread < 0 ? T(0) : spread;  // what rounding could leave
            }
            moved = g[i] / (root(spread) + epsilon);
            if (velocity) moved = velocity[i] = kept * velocity[i] + moved;
            p[i] -= rate * moved;
        }
        return;
    }
    for (i64 i = 0; i < n; ++i) {
        square[i] += fresh * (g[i] * g[i] - square[i]);
        p[i] -= rate * g[i] / (root(square[i]) + epsilon);
    }
}

template <typename T>
static void sgd(i64 n, T *__restrict p, const T *__restrict g, T *__restrict velocity,
                bool nesterov, const double *c) {
    const T rate = T(c[0]), kept = T(c[1]);
    if (!velocity)
        for (i64 i = 0; i < n; ++i) p[i] -= rate * g[i];
    else if (nesterov)
        for (i64 i = 0; i < n; ++i) {
            velocity[i] = kept * velocity[i] + g[i];
            p[i] -= rate * (g[i] + kept * velocity[i]);
        }
    else
        for (i64 i = 0; i < n; ++i) {
            velocity[i] = kept * velocity[i] + g[i];
            p[i] -= rate * velocity[i];
        }
}

template <typename T>
static void adagrad(i64 n, T *__restrict p, const T *__restrict g, T *__restrict seen,
                    const double *c) {
    const T rate = T(c[0]), initial = T(c[1]), epsilon = T(c[2]);
    for (i64 i = 0; i < n; ++i) {
        seen[i] += g[i] * g[i];
        p[i] -= rate * g[i] / (root(seen[i] + initial) + epsilon);
    }
}

template <typename T>
static void adadelta(i64 n, T *__restrict p, const T *__restrict g, T *__restrict square,
                     T *__restrict moved, const double *c) {
    const T rate = T(c[0]), fresh = T(c[1]), epsilon = T(c[2]);
    for (i64 i = 0; i < n; ++i) {
        square[i] += fresh * (g[i] * g[i] - square[i]);
        const T d = g[i] * root((moved[i] + epsilon) / (square[i] + epsilon));
        moved[i] += fresh * (d * d - moved[i]);
        p[i] -= rate * d;
    }
}

template <typename T>
static void lion(i64 n, T *__restrict p, const T *__restrict g, T *__restrict mean,
                 const double *c) {
    const T rate = T(c[0]), share = T(c[1]), fresh = T(c[2]);
    for (i64 i = 0; i < n; ++i) {
        const T direction = mean[i] + share * (g[i] - mean[i]);
        mean[i] += fresh * (g[i] - mean[i]);
        p[i] -= direction > 0 ? rate : direction < 0 ? -rate : T(0);
    }
}

template <typename T>
static void nadam(i64 n, T *__restrict p, const T *__restrict g, T *__restrict mean,
                  T *__restrict square, const double *c) {
    const T fresh = T(c[0]), fresh_square = T(c[1]), of_gradient = T(c[2]), of_mean = T(c[3]);
    const T unbias = T(c[4]), epsilon = T(c[5]);
    for (i64 i = 0; i < n; ++i) {
        mean[i] += fresh * (g[i] - mean[i]);
        square[i] += fresh_square * (g[i] * g[i] - square[i]);
        p[i] -= (of_gradient * g[i] + of_mean * mean[i]) / (unbias * root(square[i]) + epsilon);
    }
}

template <typename T>
static void adamax(i64 n, T *__restrict p, const T *__restrict g, T *__restrict mean,
                   T *__restrict largest, const double *c) {
    const T rate = T(c[0]), fresh = T(c[1]), kept = T(c[2]), epsilon = T(c[3]);
    for (i64 i = 0; i < n; ++i) {
        const T before = kept * largest[i], now = (g[i] < 0 ? -g[i] : g[i]) + epsilon;
        mean[i] += fresh * (g[i] - mean[i]);
        largest[i] = before > now ? before : now;
        p[i] -= rate * mean[i] / largest[i];
    }
}

template <typename T>
static T power(T x, T exponent) {
    if (x <= 0) return exponent > 0 ? T(0) : T(1);
    return exponential(exponent * logarithm(x));
}

template <typename T>
static void ftrl(i64 n, T *__restrict p, const T *__restrict g, T *__restrict force,
                 T *__restrict square, const double *c) {
    const T a = T(c[0]), b = T(c[1]), l1 = T(c[2]), l2 = T(c[3]), exponent = T(c[4]);
    const bool rooted = c[4] == 0.5;
    for (i64 i = 0; i < n; ++i) {
        square[i] += g[i] * g[i];
        const T stiffness = a * (rooted ? root(square[i]) : power(square[i], exponent)) + b;
        const T z = force[i] + g[i] - stiffness * p[i], low = z < -l1 ? -l1 : z;
        const T borne = low > l1 ? l1 : low;
        p[i] = (borne - z) / (stiffness + l2);
        force[i] = borne - l2 * p[i];
    }
}

// What is no weight; those have their directions already.
template <typename T>
static void muon(i64 weights, i64 n, T *__restrict p, const T *__restrict g, T *mean, T *square,
                 const double *c) {
    const T rate = T(c[4]);
    for (i64 i = 0; i < weights; ++i) p[i] -= rate * g[i];
    adam<T>(n - weights, p + weights, g + weights, mean + weights, square + weights, nullptr, c);
}

template <typename T>
static void penalize(i64 n, const Penalty &penalty, T strength, const T *__restrict w,
                     T *__restrict g) {
    if (!penalty.l1)
        for (i64 i = 0; i < n; ++i) g[i] += strength * w[i];
    else
        for (i64 i = 0; i < n; ++i) g[i] += w[i] > 0 ? strength : w[i] < 0 ? -strength : T(0);
}

// A decoupled penalty: L2 multiplies; L1 brings every weight nearer to 0, the nearest to it.
template <typename T>
static void shrink(i64 n, const Penalty &penalty, T amount, T *w) {
    if (!penalty.l1)
        for (i64 i = 0; i < n; ++i) w[i] *= 1 - amount;
    else
        for (i64 i = 0; i < n; ++i) {
            T cut = w[i] < -amount ? -amount : w[i];
            cut = cut > amount ? amount : cut;
            w[i] -= cut;
        }
}

// Move averaged weights towards the new ones.
template <typename T>
static void average(i64 n, T *__restrict mean, const T *__restrict now, T share) {
    // From the nearer end, so that a share of 1 leaves nothing of what the average held.
    if (share < T(0.5))
        for (i64 i = 0; i < n; ++i) mean[i] += share * (now[i] - mean[i]);
    else
        for (i64 i = 0; i < n; ++i) mean[i] = now[i] - (now[i] - mean[i]) * (1 - share);
}

template <typename T>
static void average(const Member<T> &me, const Layer &layer, i64 step, i64 at, i64 n) {
    if (me.call.averaging)
        average(n, me.block(me.plan.average, layer) + at,
                me.block(me.plan.parameters, layer) + at,
                T(me.call.averaging[step * me.plan.members + me.member]));
}

// How many of n of a layer's numbers from place `at` on are weights, which come first.
static inline i64 weights_among(const Layer &layer, i64 at, i64 n) {
    const i64 end = layer.weight_rows * layer.columns;
    return at + n <= end ? n : at < end ? end - at : 0;
}

template <typename T>
static void move_by_rule(const Member<T> &me, const Layer &layer, i64 at, i64 n, const T *g,
                         const double *c) {
    const Plan &plan = me.plan;
    T *p = me.block(plan.parameters, layer) + at, *slots[3];
    for (i64 k = 0; k < 3; ++k)
        slots[k] = plan.slots[k] ? me.block(plan.slots[k], layer) + at : nullptr;
    switch (plan.rule) {
        case ADAM: return adam(n, p, g, slots[0], slots[1], slots[2], c);
        case RMSPROP: return rmsprop(n, p, g, slots[0], slots[1], slots[2], c);
        case ADAGRAD: return adagrad(n, p, g, slots[0], c);
        case ADADELTA: return adadelta(n, p, g, slots[0], slots[1], c);
        case LION: return lion(n, p, g, slots[0], c);
        case NADAM: return nadam(n, p, g, slots[0], slots[1], c);
        case ADAMAX: return adamax(n, p, g, slots[0], slots[1], c);
        case FTRL: return ftrl(n, p, g, slots[0], slots[1], c);
        case MUON: return muon(weights_among(layer, at, n), n, p, g, slots[0], slots[1], c);
        default: return sgd(n, p, g, slots[0], plan.nesterov != 0, c);
    }
}

template <typename T>
static const double *strengths_of(const Member<T> &me, i64 step) {
    return me.call.strengths + (step * me.plan.members + me.member) * me.plan.n_penalties;
}

template <typename T>
static const Group &group_of(const Member<T> &me, const Layer &layer) {
    return me.call.groups[layer.groups[me.member]];
}

template <typename T>
static const double *coefficients_of(const Member<T> &me, const Layer &layer, i64 step) {
    const Group &group = group_of(me, layer);
    return group.values + (step * group.members + me.member - group.start) * group.count;
}

// Move n of a layer's numbers from place `at` on, by their gradients, which are whole and clipped.
template <typename T>
static void apply_gradient(const Member<T> &me, const Layer &layer, i64 step, i64 at, i64 n,
                           const T *g) {
    const Plan &plan = me.plan;
    const Group &group = group_of(me, layer);
    const i64 member = me.member - group.start, weights = weights_among(layer, at, n);
    const double *c = coefficients_of(me, layer, step);
    const double *strengths = strengths_of(me, step);
    T *p = me.block(plan.parameters, layer) + at;
    const auto shrinks = [&](i64 k, bool l1) {
        return layer.penalized[k] && plan.penalties[k].decoupled && (plan.penalties[k].l1 != 0) == l1;
    };
    for (i64 k = 0; k < plan.n_penalties; ++k)
        if (shrinks(k, false))
            shrink(weights, plan.penalties[k], T(strengths[k] * group.rates[member]), p);
    // The last coefficient is the rule's own decay, which acts on weights before the update.
    const T kept = T(c[group.count - 1]);
    if (kept != 1)
        for (i64 i = 0; i < weights; ++i) p[i] *= kept;
    move_by_rule(me, layer, at, n, g, c);
    // Decoupled L1 comes last, or the update would move weights off their exact zeros.
    for (i64 k = 0; k < plan.n_penalties; ++k)
        if (shrinks(k, true))
            shrink(weights, plan.penalties[k], T(strengths[k] * group.rates[member]), p);
    if (!plan.n_constraints) average(me, layer, step, at, n);
}

template <typename T>
static void cut(i64 n, T limit, T *g) {
    for (i64 i = 0; i < n; ++i) {
        const T low = g[i] < -limit ? -limit : g[i];
        g[i] = low > limit ? limit : low;
    }
}

// Update n of a layer's numbers from place `at` on, by their gradients; or keep these, where others
// decide on how much of them counts.
template <typename T>
static void update(const Member<T> &me, const Layer &layer, i64 step, i64 at, i64 n, T *g) {
    const Plan &plan = me.plan;
    const double *strengths = strengths_of(me, step);
    for (i64 k = 0; k < plan.n_penalties; ++k)
        if (layer.penalized[k] && !plan.penalties[k].decoupled)
            penalize(weights_among(layer, at, n), plan.penalties[k], T(strengths[k]),
                     me.block(plan.parameters, layer) + at, g);
    if (me.waits) {
        std::memcpy(me.block(plan.gradients, layer) + at, g, n * sizeof(T));
        return;
    }
    for (i64 k = 0; k < plan.n_clippings; ++k) cut(n, me.number(plan.clippings[k].limits), g);
    apply_gradient(me, layer, step, at, n, g);
}

// The sum of squares, in an order that is the same for all threads and vectors.
template <typename T>
static double sum_of_squares(i64 n, const T *g) {
    constexpr i64 L = 16;
    T sums[L] = {};
    i64 i = 0;
    for (; i + L <= n; i += L)
        for (i64 l = 0; l < L; ++l) sums[l] += g[i + l] * g[i + l];
    for (i64 l = 0; i + l < n; ++l) sums[l] += g[i + l] * g[i + l];
    double sum = 0;
    for (i64 l = 0; l < L; ++l) sum += static_cast<double>(sums[l]);
    return sum;
}

// Call `act` with each layer that the member learns, and where its rows begin among all of them.
template <typename T, typename Act>
static void each_learned(const Member<T> &me, Act act) {
    i64 before = 0;
    for (i64 l = 0; l < me.plan.n_layers; ++l) {
        const Layer &layer = me.plan.layers[l];
        if (me.learns(layer)) act(layer, before);
        before += layer.rows;
    }
}

// Cut a thread's share of all gradients by norms of all of them, or of a layer's.
template <typename T>
static void cut_by_norm(const Member<T> &me, const Clipping &clipping) {
    each_learned(me, [&](const Layer &layer, i64 before) {
        const Range mine = me.mine(layer.rows);
        const T *g = me.block(me.plan.gradients, layer);
        for (i64 row = mine.from; row < mine.to; ++row)
            me.work.squares[before + row] = sum_of_squares(layer.columns, g + row * layer.columns);
    });
    meet(me.team);
    double all = 0;
    const auto sum_of = [&](const Layer &layer, i64 before) {
        double sum = 0;
        for (i64 row = 0; row < layer.rows; ++row) sum += me.work.squares[before + row];
        return sum;
    };
    each_learned(me, [&](const Layer &layer, i64 before) { all += sum_of(layer, before); });
    each_learned(me, [&](const Layer &layer, i64 before) {
        const double sum = clipping.kind == BY_NORM ? all : sum_of(layer, before);
        const double share = clipping.limits[me.member] / root(sum);
        const T factor = T(share > 1 ? 1 : share);  // NaN stays NaN
        const Range mine = me.mine(layer.rows);
        T *g = me.block(me.plan.gradients, layer);
        for (i64 i = mine.from * layer.columns; i < mine.to * layer.columns; ++i) g[i] *= factor;
    });
    meet(me.team);  // before the sums are written anew
}

#include "muon.h"

// Clip gradients that were kept, and update by them.
template <typename T>
static void update_by_kept(const Member<T> &me, i64 step) {
    meet(me.team);
    for (i64 k = 0; k < me.plan.n_clippings; ++k) {
        const Clipping &clipping = me.plan.clippings[k];
        if (clipping.kind != BY_VALUE) {
            cut_by_norm(me, clipping);
            continue;
        }
        each_learned(me, [&](const Layer &layer, i64) {
            const Range mine = me.mine(layer.rows);
            cut((mine.to - mine.from) * layer.columns, me.number(clipping.limits),
                me.block(me.plan.gradients, layer) + mine.from * layer.columns);
        });
    }
    if (me.plan.rule == MUON) direct_matrices(me, step);
    each_learned(me, [&](const Layer &layer, i64) {
        const Range mine = me.mine(layer.rows);
        const i64 at = mine.from * layer.columns;
        apply_gradient(me, layer, step, at, (mine.to - mine.from) * layer.columns,
                       me.block(me.plan.gradients, layer) + at);
    });
}

// Scale the weights of a thread's share of the units, where their norm is beyond the limit.
template <typename T>
static void constrain(const Member<T> &me, const Layer &layer, T limit) {
    const Range mine = me.mine(layer.columns);
    T *w = me.block(me.plan.parameters, layer), *__restrict factor = me.work.gradient;
    for (i64 j = mine.from; j < mine.to; ++j) factor[j] = 0;
    for (i64 i = 0; i < layer.weight_rows; ++i)
        for (i64 j = mine.from; j < mine.to; ++j)
            factor[j] += w[i * layer.columns + j] * w[i * layer.columns + j];
    for (i64 j = mine.from; j < mine.to; ++j) {
        const T norm = root(factor[j]), tiny = Bits<T>::tiny;
        const T share = limit / (norm < tiny ? tiny : norm);
        factor[j] = share > 1 ? T(1) : share;
    }
    for (i64 i = 0; i < layer.weight_rows; ++i)
        for (i64 j = mine.from; j < mine.to; ++j) w[i * layer.columns + j] *= factor[j];
}

template <typename T>
static void constrain_all(const Member<T> &me, i64 step) {
    meet(me.team);
    for (i64 k = 0; k < me.plan.n_constraints; ++k)
        each_learned(me, [&](const Layer &layer, i64) {
            if (layer.constrained[k]) constrain(me, layer, me.number(me.plan.constraints[k].limits));
        });
    meet(me.team);
    each_learned(me, [&](const Layer &layer, i64) {
        const Range mine = me.mine(layer.rows * layer.columns);
        average(me, layer, step, mine.from, mine.to - mine.from);
    });
}

// The product of a gradient with few columns: a strip of its rows at once, transposed.
template <typename T>
static void gradient_of_few(const Product<T> &p) {
    for (i64 i = 0; i < p.m; i += STRIP<T>) {
        const i64 rows = p.m - i < STRIP<T> ? p.m - i : STRIP<T>;
        T turned[FEW * STRIP<T>];
        multiply(Product<T>{p.n, rows, p.depth, p.b, 1, p.b_step, p.a + i, p.a_step, STRIP<T>,
                            turned, STRIP<T>, p.scale, nullptr, false});
        for (i64 r = 0; r < rows; ++r)
            for (i64 j = 0; j < p.n; ++j) p.c[(i + r) * p.c_row + j] = turned[j * STRIP<T> + r];
    }
}

// The gradients of a thread's share of a linear layer's weights, some rows at a time, each updated
// while it is in the cache.
template <typename T>
static void move_linear(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                        i64 x_ld, i64 step) {
    const i64 units = layer.outputs, columns = layer.columns, n = layer.parts;
    const i64 depth = me.all_rows(layer) / n, most = rows_at_once<T>(columns);
    const Range mine = me.mine(layer.inputs);
    const T mean = me.mean(layer);
    // Vectors of rows may be read beyond the last column, which only memory of ours allows.
    const bool turns = is_narrow<T>(layer) && &layer != me.plan.layers;
    T *g = me.work.gradient;
    for (i64 i = mine.from; i < mine.to; i += most) {
        const i64 rows = mine.to - i < most ? mine.to - i : most;
        for (i64 part = 0; part < n; ++part) {
            const Product<T> p{rows, units, depth, x + part * x_ld + i, 1, n * x_ld,
                               own.delta + part * own.ld, n * own.ld, STRIP<T>, g + part * units,
                               columns, mean, nullptr, false};
            if (turns)
                gradient_of_few(p);
            else
                multiply(p);
        }
        update(me, layer, step, i * columns, rows * columns, g);
    }
    if (me.thread + 1 == me.team.size) {
        for (i64 part = 0; part < n; ++part)
            add_up(depth, units, own.delta + part * own.ld, n * own.ld, mean, g + part * units);
        update(me, layer, step, layer.inputs * columns, columns, g);
    }
}

// ---- a step

template <typename T>
struct Rows {
    const T *at;
    i64 ld;
};

// The memory of ∂loss/∂outputs of a layer: that of the next linear one below, or of the lowest.
template <typename T>
static T *delta_of(const Member<T> &me, i64 l) {
    while (!me.work.layers[l].delta) --l;
    return me.work.layers[l].delta;
}

// What all threads need of the weights as they are now.
template <typename T>
static void prepare(const Member<T> &me, i64 lowest) {
    for (i64 l = 0; l < me.plan.n_layers; ++l) {
        const Layer &layer = me.plan.layers[l];
        if (layer.kind == LINEAR)
            pack(me, layer, me.work.layers[l], l > lowest || is_narrow<T>(layer));
        if (layer.kind == PIECEWISE_LINEAR) add_bins_up(me, layer, me.work.layers[l]);
    }
}

template <typename T>
static void activations(const Member<T> &me, const Layer &layer, const Buffers<T> &own, Rows<T> x) {
    const T a = me.number(layer.first);
    const i64 from = me.rows(layer).from, to = me.rows(layer).to;
    if (layer.function == PRELU)
        bend(me, layer, own, x.at, x.ld);
    else if (x.ld == own.ld)
        activate(layer.function, (to - from) * own.ld, x.at + from * x.ld, own.out + from * own.ld,
                 a);
    else
        for (i64 i = from; i < to; ++i)
            activate(layer.function, layer.outputs, x.at + i * x.ld, own.out + i * own.ld, a);
}

template <typename T>
static Rows<T> forward(const Member<T> &me, Rows<T> x, i64 step) {
    for (i64 l = 0; l < me.plan.n_layers; ++l) {
        const Layer &layer = me.plan.layers[l];
        const Buffers<T> &own = me.work.layers[l];
        switch (layer.kind) {
            case LINEAR: linear(me, layer, own, x.at, x.ld); break;
            case DROPOUT: drop(me, layer, own, x.at, x.ld, step); break;
            case BATCH_NORM:
                meet(me.team);
                normalize(me, layer, own, x.at, x.ld);
                meet(me.team);
                break;
            case PIECEWISE_LINEAR: embed(me, layer, own, x.at, x.ld); break;
            case PERIODIC: embed_waves(me, layer, own, x.at, x.ld); break;
            case ENTITY: look_up(me, layer, own, x.at, x.ld, step); break;
            case GAUSSIAN_NOISE: add_noise(me, layer, own, x.at, x.ld, step); break;
            case REPEAT_ROWS: repeat(me, layer, own, x.at, x.ld); break;
            case SUBMODEL_SCALE: scale(me, layer, own, x.at, x.ld); break;
            case SUBMODEL_MEAN: average_rows(me, layer, own, x.at, x.ld); break;
            default: activations(me, layer, own, x);
        }
        x = {own.out, own.ld};
    }
    return x;
}

template <typename T>
static Rows<T> inputs_of(const Member<T> &me, i64 l, Rows<T> first) {
    return l ? Rows<T>{me.work.layers[l - 1].out, me.work.layers[l - 1].ld} : first;
}

template <typename T>
static void slopes(const Member<T> &me, const Layer &layer, const Buffers<T> &own, Rows<T> x,
                   T *delta) {
    const T a = me.number(layer.first);
    const i64 from = me.rows(layer).from, to = me.rows(layer).to, ld = own.ld;
    if (layer.function == PRELU) {
        meet(me.team);
        unbend(me, layer, own, x.at, x.ld, delta, ld);
        meet(me.team);
    } else if (x.ld == ld) {
        deactivate(layer.function, (to - from) * ld, delta + from * ld, x.at + from * ld,
                   own.out + from * ld, a);
    } else {
        for (i64 i = from; i < to; ++i)
            deactivate(layer.function, layer.outputs, delta + i * ld, x.at + i * x.ld,
                       own.out + i * ld, a);
    }
}

// Deltas, from the outputs down to the lowest layer that learns.
template <typename T>
static void backward(const Member<T> &me, Rows<T> first, i64 lowest) {
    for (i64 l = me.plan.n_layers - 1; l >= lowest; --l) {
        const Layer &layer = me.plan.layers[l];
        const Buffers<T> &own = me.work.layers[l];
        T *delta = delta_of(me, l), *below = l > lowest ? delta_of(me, l - 1) : nullptr;
        const i64 below_ld = padded<T>(layer.inputs);
        const Range mine = me.rows(layer);
        switch (layer.kind) {
            case LINEAR:
                if (below) linear_down(me, layer, own, below, below_ld);
                break;
            case DROPOUT:
                for (i64 i = mine.from * own.ld; i < mine.to * own.ld; ++i) delta[i] *= own.kept[i];
                break;
            case ENTITY:
            case GAUSSIAN_NOISE: break;
            case REPEAT_ROWS: join_rows(me, layer, own, below, below_ld); break;
            case SUBMODEL_SCALE:
                meet(me.team);
                unscale(me, layer, own, inputs_of(me, l, first).at, inputs_of(me, l, first).ld,
                        delta);
                meet(me.team);
                break;
            case BATCH_NORM:
                meet(me.team);
                denormalize(me, layer, own, delta, own.ld);
                meet(me.team);
                break;
            case PIECEWISE_LINEAR: embedding_delta(me, layer, own, below, below_ld); break;
            case PERIODIC: wave_deltas(me, layer, own, below, below_ld); break;
            default: slopes(me, layer, own, inputs_of(me, l, first), delta);
        }
    }
}

// Gradients and updates: a thread's share of each layer.
template <typename T>
static void move(const Member<T> &me, Rows<T> first, i64 step) {
    for (i64 l = 0; l < me.plan.n_layers; ++l) {
        const Layer &layer = me.plan.layers[l];
        const Buffers<T> &own = me.work.layers[l];
        const Rows<T> x = inputs_of(me, l, first);
        if (!me.learns(layer)) {
            const Range mine = me.mine(layer.rows * layer.columns);
            average(me, layer, step, mine.from, mine.to - mine.from);
        } else if (layer.kind == LINEAR) {
            move_linear(me, layer, own, x.at, x.ld, step);
        } else if (layer.kind == PIECEWISE_LINEAR) {
            move_embedding(me, layer, own, x.at, x.ld, step);
        } else if (layer.kind == PERIODIC) {
            move_waves(me, layer, own, step);
        } else if (layer.kind == ENTITY) {
            move_codes(me, layer, own, step);
        } else if (layer.kind == SUBMODEL_SCALE) {
            const Range mine = me.mine(layer.rows);
            for (i64 row = mine.from; row < mine.to; ++row)
                update(me, layer, step, row * layer.columns, layer.columns,
                       own.extra + row * own.ld);
        } else if (me.thread == 0 && layer.kind == BATCH_NORM) {
            for (i64 row = 0; row < 2; ++row)
                update(me, layer, step, row * layer.columns, layer.columns,
                       own.extra + (3 + row) * own.ld);
        } else if (me.thread == 0) {
            update(me, layer, step, 0, layer.columns, own.extra);
        }
    }
    if (me.waits) update_by_kept(me, step);
    if (me.plan.n_constraints) constrain_all(me, step);
}

// A member, its memory laid out and ready for the first step.
template <typename T>
static Member<T> begun(const Plan &plan, const Call &call, i64 member, Team &team, i64 thread,
                       unsigned char *base) {
    Room room{base, 0};
    const Work<T> work = laid_out<T>(plan, room, thread, team.size);
    meet(team);
    Member<T> me{plan, call, member, work, team, thread, plan.rule == MUON, 0, {}};
    for (i64 k = 0; k < plan.n_clippings; ++k) me.waits |= plan.clippings[k].kind != BY_VALUE;
    for (i64 l = 0; l < plan.n_layers; ++l)
        if (plan.layers[l].kind == PIECEWISE_LINEAR && thread == 0)
            look_at_edges(me, plan.layers[l], tables(plan.layers[l], work.layers[l].extra));
    return me;
}

// The rows of a step, with their targets and weights.
template <typename T>
struct Batch {
    Rows<T> x;
    const T *target, *weight;
};

// Go to a step, and pick this thread's rows of it, where they don't lie ready.
template <typename T>
static Batch<T> go_to(Member<T> &me, i64 step) {
    const Plan &plan = me.plan;
    const Call &call = me.call;
    me.batch = call.last && step + 1 == call.steps ? call.last : plan.batch;
    me.examples = me.mine(me.batch);
    const i64 whose = call.streams ? call.streams[me.member] : me.member;
    const T *weight = static_cast<const T *>(call.weight);
    if (weight) weight += step * call.weight_step + me.member * call.weight_member;
    if (call.x)
        return {{static_cast<const T *>(call.x) + step * call.x_step + whose * call.x_member,
                 call.x_row},
                static_cast<const T *>(call.target) + step * call.target_step +
                    me.member * call.target_member,
                weight};
    const i64 *ids = call.ids + step * call.ids_step + whose * call.ids_stream;
    pick(me, ids);
    pick_targets(me, ids);
    return {{me.work.x, padded<T>(plan.layers[0].inputs)}, me.work.target, weight};
}

// The losses of this thread's rows and their deltas, from the inputs up; return the outputs.
template <typename T>
static Rows<T> evaluate(const Member<T> &me, const Batch<T> &batch, i64 step) {
    const i64 each = me.plan.logit_rows, from = me.examples.from * each, n = me.batch * each;
    const Rows<T> out = forward(me, batch.x, me.call.first + step);
    transpose(me.examples.to * each - from, me.plan.outputs, out.at + from * out.ld, out.ld,
              me.work.logits + from, n);
    judge(me, batch.target, batch.weight);
    return out;
}

// A thread's share of all steps of a call. Threads meet where one needs what others have written:
// weights in strips; deltas of all rows; new weights.
template <typename T>
static void train_member(Member<T> me) {
    const Plan &plan = me.plan;
    i64 lowest = plan.n_layers;
    for (i64 l = plan.n_layers - 1; l >= 0; --l)
        if (me.learns(plan.layers[l])) lowest = l;
    for (i64 step = 0; step < me.call.steps; ++step) {
        meet(me.team);
        prepare(me, lowest);
        const Batch<T> batch = go_to(me, step);
        meet(me.team);
        const Rows<T> out = evaluate(me, batch, step);
        const i64 each = plan.logit_rows, from = me.examples.from * each;
        T *delta = delta_of(me, plan.n_layers - 1);
        transpose(plan.outputs, me.examples.to * each - from, me.work.by_output + from,
                  me.batch * each, delta + from * out.ld, out.ld, out.ld);
        backward(me, batch.x, lowest);
        meet(me.team);
        if (me.thread == 0) sum_up(me, step, batch.weight);
        move(me, batch.x, step);
    }
    meet(me.team);
}

// The same of rows that are only judged, by weights that stay.
template <typename T>
static void judge_member(Member<T> me) {
    meet(me.team);
    prepare(me, me.plan.n_layers);
    for (i64 step = 0; step < me.call.steps; ++step) {
        const Batch<T> batch = go_to(me, step);
        meet(me.team);
        evaluate(me, batch, step);
        meet(me.team);
        if (me.thread == 0) sum_up(me, step, batch.weight);
    }
    meet(me.team);
}

static i64 workspace(const Plan &plan, i64 threads) {
    Room room{nullptr, 0};
    if (plan.doubles)
        laid_out<double>(plan, room, 0, threads);
    else
        laid_out<float>(plan, room, 0, threads);
    return room.used;
}

template <typename T>
static void run_as(const Plan &plan, const Call &call, i64 member, Team &team, i64 thread,
                unsigned char *room) {
    const Member<T> me = begun<T>(plan, call, member, team, thread, room);
    if (plan.judges)
        judge_member(me);
    else
        train_member(me);
}

static void run(const Plan &plan, const Call &call, i64 member, Team &team, i64 thread,
                unsigned char *room) {
    if (plan.doubles)
        run_as<double>(plan, call, member, team, thread, room);
    else
        run_as<float>(plan, call, member, team, thread, room);
}
