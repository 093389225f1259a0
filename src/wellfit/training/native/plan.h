// The plan of a training step, as plan.py writes it down: plain numbers and pointers, no library.
//
// Every field is eight bytes wide, so that ctypes and the compiler agree on the layout. Tensors are
// those of the stack (docs/architecture.md): K members, flat buffers layer after layer, each layer
// contiguous as (K, rows, columns). T below is float or double, the same for all of a plan.
#pragma once
#include <cstdint>

using i64 = std::int64_t;

constexpr i64 ABI = 11;  // of the structures and numbers below; structures.py asks for it

enum Kind : i64 {
    LINEAR, ACTIVATION, DROPOUT, BATCH_NORM, PIECEWISE_LINEAR, ENTITY, GAUSSIAN_NOISE, REPEAT_ROWS,
    SUBMODEL_SCALE, PERIODIC, SUBMODEL_MEAN
};

// What a layer of kind DROPOUT makes of units that it silences, and of the others.
enum Silence : i64 { SCALED, MASKED, ALPHA };

// What a layer of kind SUBMODEL_MEAN takes the mean of: this function of logits.
enum Link : i64 { MEAN_OF_LOGITS, MEAN_OF_SOFTMAX, MEAN_OF_SIGMOID, MEAN_OF_EXP };

enum Function : i64 {
    IDENTITY, RELU, LEAKY_RELU, PRELU, ELU, SELU, SIGMOID, HARD_SIGMOID, TANH, SOFTSIGN, SILU, MISH,
    GELU, SOFTPLUS, GELU_TANH
};

enum LossKind : i64 {
    SOFTMAX, SIGMOID_ENTROPY, SIGMOID_SQUARES, SQUARES, ABSOLUTES, HUBER, QUANTILES, POISSON,
    MEAN_AND_QUANTILES
};

enum Rule : i64 { SGD, ADAM, RMSPROP, ADAGRAD, ADADELTA, LION, NADAM, ADAMAX, FTRL, MUON };

enum ClippingKind : i64 { BY_VALUE, BY_NORM, BY_LAYER_NORM };

struct Layer {
    i64 kind, function;
    i64 inputs, outputs;
    i64 parameters, rows, columns, weight_rows;  // its block of the flat buffers, and its shape
    i64 statistics;                              // its block of the tracked statistics
    i64 height;  // rows that an example has in its outputs
    i64 parts;   // submodels with weights of their own, or rows that each row becomes
    const double *first, *second;  // (K,) hyper-parameters: slope; rate; momentum and epsilon; …
    const i64 *keys;               // (K,) of its random numbers
    const i64 *groups;             // (K,) the group by which a member learns it, or -1: frozen
    const i64 *embedded, *kept;    // input columns of an embedding, and those it copies
    const i64 *levels;             // codes of each embedded column
    const void *normals;           // 65,536 equally likely numbers, of T
    i64 n_embedded, n_kept, size;
    i64 bins, bends;  // bins, or frequencies; whether its numbers pass through relu
    i64 n_jumping;        // columns whose bins have numbers of their own
    const i64 *jumping;   // (n_jumping,) which of the embedded ones these are
    i64 shifts;           // whether a scale adds something too
    i64 matrices;         // side by side, that its weights are
    const unsigned char *penalized;             // (penalties,) which are for it
    const unsigned char *constrained;           // (constraints,) which are for it
};

struct Penalty {
    i64 l1, decoupled;
};

struct Clipping {
    i64 kind;
    const double *limits;  // (K,)
};

// A limit on the norms of the incoming weights of units.
struct Constraint {
    const double *limits;  // (K,)
};

struct Plan {
    i64 doubles, members, batch, outputs;
    i64 judges;      // whether rows are only judged, by the network that predicts
    i64 logit_rows;  // of an example
    i64 n_layers, n_penalties, n_clippings, n_constraints;
    i64 loss, rule, nesterov;
    i64 iterations;           // that make a matrix orthogonal
    const double *number;     // (K,) of the loss: how much labels are smoothed; the threshold
    const double *quantiles;  // (outputs,); 0 for means beside them
    i64 one_class;            // whether each row is of one class, and not of a set of them
    const Layer *layers;
    const Penalty *penalties;
    const Clipping *clippings;
    const Constraint *constraints;
    void *parameters, *gradients;    // gradients are written where norms clip them
    void *statistics, *average;      // average is null where there is none
    void *slots[3];                  // null where the rule remembers less
};

struct Group {
    i64 start, members, count;  // the first of its members, how many, coefficients of each
    const double *rates;        // (members,) factors on the learning rate
    const double *values;       // (steps, members, count)
};

// Rows are those of a chunk, or picked from the whole table where they lie.
struct Call {
    i64 steps, first;
    i64 last;  // rows of the last step; 0 where it has as many as the others
    const void *x;  // null where rows are picked
    i64 x_step, x_member, x_row;
    const i64 *streams;  // (K,) whose rows a member reads, or null: its own
    const void *target;
    i64 target_step, target_member;
    const void *table;  // (N, width) of T, or of bytes, which `pixel` is the factor of
    i64 table_row, is_bytes;
    double pixel;
    const i64 *ids;  // (steps, streams, batch) numbers of rows
    i64 ids_step, ids_stream;
    const i64 *classes;   // (N,), or null
    const void *numbers;  // (N, outputs) targets, where they are no classes
    const void *weight;   // null where all rows count alike
    i64 weight_step, weight_member;
    double *losses, *hits, *weights;  // (steps, K) sums over rows
    const Group *groups;
    const double *strengths;  // (steps, K, penalties)
    const double *averaging;  // (steps, K), or null
    void *workspace;
    i64 workspace_bytes;  // of a thread
};
