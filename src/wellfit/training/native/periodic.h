// The periodic embedding of numeric columns; included by steps.h.
//
// Each of `bins` frequencies of a column is a wave cos(2π x w + p) of all rows of a batch: rows are
// what vectors are made of, since columns and frequencies are few. So everything here lies column
// by column, with rows side by side.

// The sine and the cosine of x to the last bit or two, for |x| below ten thousand; beyond, as far as
// the distance between numbers of x's size allows. Of what is infinite or NaN, NaN.
template <typename T>
static inline void sine_and_cosine(T x, T &sine, T &cosine) {
    typedef typename Bits<T>::Word Word;
    // x = n π/2 + r, |r| ≤ π/4, with π/2 in three parts, so that n times the first is exact.
    const T round = T(1.5) * T(Word(1) << Bits<T>::mantissa);
    const T scaled = x * T(0.63661977236758134) + round, n = scaled - round;
    T r, s, c;
    if constexpr (sizeof(T) == 4)
        r = ((x - n * 1.5703125f) - n * 4.83751296997e-4f) - n * 7.54978995489e-8f;
    else
        r = ((x - n * 1.57079632673412561417) - n * 6.07710050630396597660e-11) -
            n * 2.02226624879595063154e-21;
    r = r > 1 ? T(1) : r;  // where x is too large for whole periods to be taken off
    r = r < -1 ? T(-1) : r;
    const T z = r * r;
    if constexpr (sizeof(T) == 4) {
        s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z;
        c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z;
    } else {
        s = 1.58969099521155010221e-10;
        s = s * z - 2.50507602534068634195e-08;
        s = s * z + 2.75573137070700676789e-06;
        s = s * z - 1.98412698298579493134e-04;
        s = s * z + 8.33333333332248946124e-03;
        s = (s * z - 1.66666666666666324348e-01) * z;
        c = -1.13596475577881948265e-11;
        c = c * z + 2.08757232129817482790e-09;
        c = c * z - 2.75573143513906633035e-07;
        c = c * z + 2.48015872894767294178e-05;
        c = c * z - 1.38888888888741095749e-03;
        c = (c * z + 4.16666666666666019037e-02) * z;
    }
    const T of_r = r + r * s, beside = 1 + (c * z - T(0.5) * z);
    Word quarter;  // its lowest bits are those of n
    std::memcpy(&quarter, &scaled, sizeof(T));
    const T one = quarter & 1 ? beside : of_r, other = quarter & 1 ? of_r : beside;
    sine = quarter & 2 ? -one : one;
    cosine = (quarter + 1) & 2 ? -other : other;
}

constexpr double TURN = 6.283185307179586;

// The memory of an embedding, each part with rows of a batch side by side, `ld` apart; and where its
// parameters lie: w and p (waves, features), A (waves, made, features), b (made, features).
template <typename T>
struct Waves {
    i64 ld, features, waves, made;
    T *cosine, *slope;  // (features, waves); the slopes become deltas of the phases
    T *x;               // (features,)
    T *made_of;         // (features, made) what waves add up to, then its deltas
    T *gradient;        // as the parameters
};

template <typename T>
static Waves<T> waves_of(const Plan &plan, const Layer &layer, const Buffers<T> &own) {
    Waves<T> t;
    t.ld = padded<T>(plan.batch * layer.height);
    t.features = layer.n_embedded, t.waves = layer.bins, t.made = layer.size - 1;
    const i64 all = t.features * t.waves * t.ld;
    t.cosine = own.kept;
    t.slope = own.kept + all;
    t.x = t.slope + all;
    t.made_of = t.x + t.features * t.ld;
    t.gradient = own.extra;
    return t;
}

template <typename T>
static i64 wave_size(const Plan &plan, const Layer &layer) {
    return layer.n_embedded * (2 * layer.bins + layer.size) *
           padded<T>(plan.batch * layer.height);
}

// y += factor · x
template <typename T>
static void add_scaled(Range rows, T factor, const T *__restrict x, T *__restrict y) {
    for (i64 i = rows.from; i < rows.to; ++i) y[i] += factor * x[i];
}

template <typename T>
static void draw_wave(Range rows, T w, T p, const T *__restrict x, T *__restrict cosine,
                      T *__restrict slope) {
    for (i64 i = rows.from; i < rows.to; ++i) {
        T sine;
        sine_and_cosine(x[i] * w + p, sine, cosine[i]);
        slope[i] = -sine;
    }
}

// A thread's rows.
template <typename T>
static void embed_waves(const Member<T> &me, const Layer &layer, const Buffers<T> &own, const T *x,
                        i64 ld) {
    const Waves<T> t = waves_of(me.plan, layer, own);
    const i64 n = t.features, waves = t.waves, made = t.made, size = layer.size;
    const T *w = me.block(me.plan.parameters, layer), *p = w + waves * n;
    const T *a = p + waves * n, *b = a + waves * made * n;
    const Range mine = me.rows(layer);
    for (i64 f = 0; f < n; ++f) {
        T *column = t.x + f * t.ld, *sums = t.made_of + f * made * t.ld;
        for (i64 i = mine.from; i < mine.to; ++i) column[i] = x[i * ld + layer.embedded[f]];
        for (i64 s = 0; s < made; ++s)
            for (i64 i = mine.from; i < mine.to; ++i) sums[s * t.ld + i] = b[s * n + f];
        for (i64 k = 0; k < waves; ++k) {
            const i64 at = (f * waves + k) * t.ld;
            draw_wave(mine, T(TURN) * w[k * n + f], p[k * n + f], column, t.cosine + at,
                      t.slope + at);
            for (i64 s = 0; s < made; ++s)
                add_scaled(mine, a[(k * made + s) * n + f], t.cosine + at, sums + s * t.ld);
        }
        for (i64 i = mine.from; i < mine.to; ++i) {
            T *out = own.out + i * own.ld + f * size;
            for (i64 s = 0; s < made; ++s)
                out[s] = layer.bends ? value_of<T, RELU>(sums[s * t.ld + i], 0)
                                     : sums[s * t.ld + i];
            out[made] = column[i];
        }
    }
    for (i64 i = mine.from; i < mine.to; ++i)
        for (i64 j = 0; j < layer.n_kept; ++j)
            own.out[i * own.ld + n * size + j] = x[i * ld + layer.kept[j]];
}

// The deltas of a thread's rows: of sums of waves, of phases, and ∂loss/∂x, into `below`, where a
// layer there learns.
template <typename T>
static void wave_deltas(const Member<T> &me, const Layer &layer, const Buffers<T> &own, T *below,
                        i64 below_ld) {
    const Waves<T> t = waves_of(me.plan, layer, own);
    const i64 n = t.features, waves = t.waves, made = t.made, size = layer.size;
    const T *w = me.block(me.plan.parameters, layer), *a = w + 2 * waves * n;
    const Range mine = me.rows(layer);
    for (i64 f = 0; f < n; ++f) {
        T *down = t.made_of + f * made * t.ld;
        for (i64 i = mine.from; i < mine.to; ++i) {
            const T *delta = own.delta + i * own.ld + f * size;
            const T *out = own.out + i * own.ld + f * size;
            for (i64 s = 0; s < made; ++s)
                down[s * t.ld + i] = !layer.bends || out[s] > 0 ? delta[s] : delta[s] * 0;
        }
        for (i64 k = 0; k < waves; ++k) {
            T *__restrict slope = t.slope + (f * waves + k) * t.ld;
            const T *factors = a + k * made * n + f;
            if (made == 3) {
                const T u = factors[0], v = factors[n], z = factors[2 * n];
                const T *__restrict d = down, *__restrict e = d + t.ld, *__restrict g = e + t.ld;
                for (i64 i = mine.from; i < mine.to; ++i)
                    slope[i] *= d[i] * u + e[i] * v + g[i] * z;
                continue;
            }
            for (i64 i = mine.from; i < mine.to; ++i) {
                T sum = 0;
                for (i64 s = 0; s < made; ++s) sum += down[s * t.ld + i] * factors[s * n];
                slope[i] *= sum;
            }
        }
        if (!below) continue;
        for (i64 i = mine.from; i < mine.to; ++i) {
            T sum = own.delta[i * own.ld + f * size + made];
            for (i64 k = 0; k < waves; ++k)
                sum += t.slope[(f * waves + k) * t.ld + i] * (T(TURN) * w[k * n + f]);
            below[i * below_ld + layer.embedded[f]] = sum;
        }
    }
    for (i64 i = mine.from; below && i < mine.to; ++i)
        for (i64 j = 0; j < layer.n_kept; ++j)
            below[i * below_ld + layer.kept[j]] = own.delta[i * own.ld + n * size + j];
}

// Σ a b, or Σ a where b is null, in an order that is the same for all threads.
template <typename T>
static T total(i64 n, const T *a, const T *b) {
    typedef typename Lanes<T>::Vector Vector;
    typedef typename Lanes<T>::Loose Loose;
    constexpr i64 L = Lanes<T>::count;
    Vector sums[2] = {Vector{}, Vector{}};
    i64 i = 0;
    for (; i + 2 * L <= n; i += 2 * L)
        for (i64 half = 0; half < 2; ++half) {
            const Vector left = *reinterpret_cast<const Loose *>(a + i + half * L);
            sums[half] += b ? left * *reinterpret_cast<const Loose *>(b + i + half * L) : left;
        }
    T sum = 0;
    for (; i < n; ++i) sum += b ? a[i] * b[i] : a[i];
    for (i64 lane = 0; lane < L; ++lane) sum += sums[0][lane] + sums[1][lane];
    return sum;
}

// The gradients of a thread's share of the features, and their update.
template <typename T>
static void move_waves(const Member<T> &me, const Layer &layer, const Buffers<T> &own, i64 step) {
    const Waves<T> t = waves_of(me.plan, layer, own);
    const i64 n = t.features, waves = t.waves, made = t.made, rows = me.all_rows(layer);
    const T mean = me.mean(layer);
    T *of_w = t.gradient, *of_p = of_w + waves * n, *of_a = of_p + waves * n;
    T *of_b = of_a + waves * made * n;
    const Range mine = me.mine(n);
    for (i64 f = mine.from; f < mine.to; ++f) {
        const T *down = t.made_of + f * made * t.ld, *none = nullptr;
        for (i64 k = 0; k < waves; ++k) {
            const i64 at = (f * waves + k) * t.ld;
            of_w[k * n + f] = T(TURN) * mean * total(rows, t.slope + at, t.x + f * t.ld);
            of_p[k * n + f] = mean * total(rows, t.slope + at, none);
            for (i64 s = 0; s < made; ++s)
                of_a[(k * made + s) * n + f] = mean * total(rows, t.cosine + at, down + s * t.ld);
        }
        for (i64 s = 0; s < made; ++s)
            of_b[s * n + f] = mean * total(rows, down + s * t.ld, none);
    }
    update_rows(me, layer, step, 0, layer.rows, n, mine.from, mine.to, t.gradient);
}
