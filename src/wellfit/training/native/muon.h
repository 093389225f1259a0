// Muon's matrices, made orthogonal; included by steps.h.
//
// X ← a X + (b G + c G²) X with G = X Xᵀ, from X divided by its norm: X wide, or a tall matrix
// transposed. The threads that share a member have some rows of each product each.

constexpr double QUINTIC[] = {3.4445, -4.7750, 2.0315};  // those of wellfit.optim.optimizers.muon
constexpr double SMALLEST_NORM = 1e-7, RMS = 0.2;

struct MatrixShape {
    i64 high, wide;  // as weights lie: (inputs, units)
    bool tall() const { return high > wide; }
    i64 rows() const { return tall() ? wide : high; }
    i64 columns() const { return tall() ? high : wide; }
};

static inline MatrixShape matrix_shape(const Layer &layer) {
    return {layer.weight_rows, layer.matrices ? layer.columns / layer.matrices : 0};
}

template <typename T>
static Orthogonal<T> room_for_matrices(const Plan &plan, Room &room) {
    i64 flat = 0, turned = 0, squares = 0;
    for (i64 l = 0; l < plan.n_layers && plan.rule == MUON; ++l) {
        const MatrixShape shape = matrix_shape(plan.layers[l]);
        const i64 rows = shape.rows(), columns = shape.columns();
        const auto at_least = [](i64 &size, i64 needed) { size = size < needed ? needed : size; };
        at_least(flat, rows * padded<T>(columns));
        at_least(turned, columns * padded<T>(rows));
        at_least(squares, rows * padded<T>(rows));
    }
    Orthogonal<T> own;
    own.x = room.take<T>(flat);
    own.next = room.take<T>(flat);
    own.turned = room.take<T>(turned);
    own.gram = room.take<T>(squares);
    own.square = room.take<T>(squares);
    return own;
}

// Move the mean gradient of a thread's share of a matrix's rows, and write the direction down: the
// mean, or beyond it, as X.
template <typename T>
static void momentum_of_rows(const Member<T> &me, const Layer &layer, const double *c, i64 from,
                             MatrixShape shape, T *x) {
    const Range mine = me.mine(shape.high);
    const i64 ld = padded<T>(shape.columns());
    const T kept = T(c[5]), fresh = T(c[6]);
    for (i64 i = mine.from; i < mine.to; ++i) {
        const i64 at = i * layer.columns + from;
        const T *__restrict g = me.block(me.plan.gradients, layer) + at;
        T *__restrict mean = me.block(me.plan.slots[0], layer) + at;
        T *__restrict direction = me.work.gradient;
        for (i64 j = 0; j < shape.wide; ++j) mean[j] += fresh * (g[j] - mean[j]);
        for (i64 j = 0; j < shape.wide; ++j)
            direction[j] = me.plan.nesterov ? g[j] + kept * (mean[j] - g[j]) : mean[j];
        me.work.squares[i] = sum_of_squares(shape.wide, direction);
        if (shape.tall())
            for (i64 j = 0; j < shape.wide; ++j) x[j * ld + i] = direction[j];
        else
            std::memcpy(x + i * ld, direction, shape.wide * sizeof(T));
    }
}

// y = factor · x + y, of some rows.
template <typename T>
static void add_rows(Range rows, i64 columns, T factor, const T *x, T *y, i64 ld) {
    for (i64 i = rows.from; i < rows.to; ++i) {
        const T *__restrict in = x + i * ld;
        T *__restrict out = y + i * ld;
        for (i64 j = 0; j < columns; ++j) out[j] += factor * in[j];
    }
}

// Replace X, which all threads wrote, by the orthogonal matrix next to it: a thread's rows.
template <typename T>
static T *orthogonalize(const Member<T> &me, MatrixShape shape) {
    const Orthogonal<T> &own = me.work.matrices;
    const i64 rows = shape.rows(), columns = shape.columns();
    const i64 ld = padded<T>(columns), square_ld = padded<T>(rows);
    const Range mine = me.mine(rows);
    const i64 n = mine.to - mine.from;
    double squares = 0;
    for (i64 i = 0; i < shape.high; ++i) squares += me.work.squares[i];
    const T length = T(root(squares)), smallest = T(SMALLEST_NORM);
    const T norm = length < smallest ? smallest : length;  // NaN stays NaN
    T *x = own.x, *next = own.next;
    for (i64 i = mine.from; i < mine.to; ++i)
        for (i64 j = 0; j < columns; ++j) x[i * ld + j] /= norm;
    for (i64 turn = 0; turn < me.plan.iterations; ++turn) {
        transpose(n, columns, x + mine.from * ld, ld, own.turned + mine.from, square_ld);
        meet(me.team);
        T *gram = own.gram + mine.from * square_ld, *square = own.square + mine.from * square_ld;
        multiply(Product<T>{n, rows, columns, x + mine.from * ld, ld, 1, own.turned, square_ld,
                            STRIP<T>, gram, square_ld, T(1), nullptr, false});
        meet(me.team);
        multiply(Product<T>{n, rows, rows, gram, square_ld, 1, own.gram, square_ld, STRIP<T>,
                            square, square_ld, T(QUINTIC[2]), nullptr, false});
        add_rows(mine, rows, T(QUINTIC[1]), own.gram, own.square, square_ld);
        multiply(Product<T>{n, columns, rows, square, square_ld, 1, x, ld, STRIP<T>,
                            next + mine.from * ld, ld, T(1), nullptr, false});
        add_rows(mine, columns, T(QUINTIC[0]), x, next, ld);
        T *before = x;
        x = next;
        next = before;
    }
    return x;
}

// Put the orthogonal direction, as long as a step of AdamW, in the place of a matrix's gradient.
template <typename T>
static void direct_matrix(const Member<T> &me, const Layer &layer, const double *c, i64 from) {
    const MatrixShape shape = matrix_shape(layer);
    momentum_of_rows(me, layer, c, from, shape, me.work.matrices.x);
    meet(me.team);
    const T *x = orthogonalize(me, shape);
    const T length = T(RMS * root(static_cast<double>(shape.columns())));
    const i64 ld = padded<T>(shape.columns()), columns = layer.columns;
    const Range mine = me.mine(shape.rows());
    T *g = me.block(me.plan.gradients, layer) + from;
    for (i64 i = mine.from; i < mine.to; ++i)
        for (i64 j = 0; j < shape.columns(); ++j)
            g[shape.tall() ? j * columns + i : i * columns + j] = length * x[i * ld + j];
    meet(me.team);
}

// Direct all matrices of weights that the member learns; their gradients are whole and clipped.
template <typename T>
static void direct_matrices(const Member<T> &me, i64 step) {
    meet(me.team);
    each_learned(me, [&](const Layer &layer, i64) {
        const i64 each = matrix_shape(layer).wide;
        for (i64 k = 0; layer.weight_rows && k < layer.matrices; ++k)
            direct_matrix(me, layer, coefficients_of(me, layer, step), k * each);
    });
}
