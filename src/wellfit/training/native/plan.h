// The plan of a training step, as plan.py writes it down: plain numbers and pointers, no library.
//
// Every field is eight bytes wide, so that ctypes and the compiler agree on the layout. Tensors are
// those of the stack (docs/architecture.md): K members, flat buffers layer after layer, each layer
// contiguous as (K, rows, columns). T below is float or double, the same for all of a plan.
#pragma once
#include <cstdint>

using i64 = std::int64_t;

constexpr i64 ABI = 3;  // of the structures below; plan.py asks for it

enum Kind : i64 { LINEAR, ACTIVATION, DROPOUT, BATCH_NORM, PIECEWISE_LINEAR };

enum Function : i64 {
    IDENTITY, RELU, LEAKY_RELU, PRELU, ELU, SELU, SIGMOID, HARD_SIGMOID, TANH, SOFTSIGN, SILU, MISH,
    GELU_TANH
};

enum LossKind : i64 { SOFTMAX, SIGMOID_ENTROPY, SIGMOID_SQUARES, SQUARES };

enum Rule : i64 { SGD, ADAM, RMSPROP };

struct Layer {
    i64 kind, function;
    i64 inputs, outputs;
    i64 parameters, rows, columns, weight_rows;  // its block of the flat buffers, and its shape
    i64 statistics;                              // its block of the tracked statistics
    const double *first, *second;  // (K,) hyper-parameters: slope; rate; momentum and epsilon; …
    const i64 *keys;               // (K,) of its random numbers
    const i64 *groups;             // (K,) the group by which a member learns it, or -1: frozen
    const i64 *embedded, *kept;    // input columns of an embedding, and those it copies
    i64 n_embedded, n_kept, size, bins, bends;  // bends: whether its numbers pass through relu
    const unsigned char *penalized;             // (penalties,) which are for it
};

struct Penalty {
    i64 l1, decoupled;
};

struct Plan {
    i64 doubles, members, batch, outputs;
    i64 n_layers, n_penalties;
    i64 loss, rule, nesterov;
    const double *smoothing;  // (K,) of labels
    const Layer *layers;
    const Penalty *penalties;
    void *parameters, *statistics, *average;  // average is null where there is none
    void *slots[2];  // null where the rule remembers less
};

struct Group {
    i64 start, members, count;  // the first of its members, how many, coefficients of each
    const double *rates;        // (members,) factors on the learning rate
    const double *values;       // (steps, members, count)
};

struct Call {
    i64 steps, first, threads;
    const void *x;
    i64 x_step, x_member, x_row;
    const i64 *streams;  // (K,) whose rows a member reads, or null: its own
    const void *target;
    i64 target_step, target_member;
    const void *weight;  // null where all rows count alike
    i64 weight_step, weight_member;
    void *logits;  // (steps, K, outputs, batch)
    const Group *groups;
    const double *strengths;  // (steps, K, penalties)
    const double *averaging;  // (steps, K), or null
    void *workspace;
    i64 workspace_bytes;  // of a thread
};
