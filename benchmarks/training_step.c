/* One training step of network.py by hand: value and gradient, eight examples in one vector register. */

#include <string.h>

typedef double lanes __attribute__((vector_size(64)));
typedef double given __attribute__((vector_size(64), aligned(8)));  /* NumPy aligns to 16 bytes at least */
typedef long long mask __attribute__((vector_size(64)));

enum { INPUTS = 2, UNITS = 16, PARAMETERS = 337, SECOND = 48, THIRD = 320 };

static inline lanes where(mask keep, lanes a) { return (lanes)(keep & (mask)a); }
static inline lanes relu(lanes a) { return where(a > 0.0, a); }

static inline double sum(lanes a) {
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

/* x holds blocks x INPUTS vectors, target and share one per block; share is 1/examples, and 0 for padding. */
double training_step(const double *restrict w, const given *restrict x, const given *restrict target,
                     const given *restrict share, int blocks, double decay, double *restrict gradient) {
    lanes bar[PARAMETERS], z1[UNITS], z2[UNITS], delta2[UNITS], delta1;
    lanes loss = {0.0};
    memset(bar, 0, sizeof bar);
    for (int block = 0; block < blocks; block++, x += INPUTS) {
        for (int i = 0; i < UNITS; i++)
            z1[i] = relu(w[3 * i + 2] + w[3 * i] * x[0] + w[3 * i + 1] * x[1]);
        lanes score = w[PARAMETERS - 1] + (lanes){0.0};
        for (int i = 0; i < UNITS; i += 4) {
            const double *row = w + SECOND + 17 * i;
            lanes a = row[16] + (lanes){0.0}, b = row[33] + (lanes){0.0};
            lanes c = row[50] + (lanes){0.0}, d = row[67] + (lanes){0.0};
#pragma GCC unroll 16
            for (int j = 0; j < UNITS; j++) {
                a += row[j] * z1[j];
                b += row[17 + j] * z1[j];
                c += row[34 + j] * z1[j];
                d += row[51 + j] * z1[j];
            }
            z2[i] = relu(a), z2[i + 1] = relu(b), z2[i + 2] = relu(c), z2[i + 3] = relu(d);
        }
        for (int j = 0; j < UNITS; j++) score += w[THIRD + j] * z2[j];
        lanes margin = 1.0 - target[block] * score;
        loss += share[block] * relu(margin);
        lanes delta3 = where(margin > 0.0, -share[block] * target[block]);
        bar[PARAMETERS - 1] += delta3;
        for (int j = 0; j < UNITS; j++) {
            bar[THIRD + j] += delta3 * z2[j];
            delta2[j] = where(z2[j] > 0.0, w[THIRD + j] * delta3);
        }
        for (int i = 0; i < UNITS; i++) {
            lanes *row = bar + SECOND + 17 * i, delta = delta2[i];
#pragma GCC unroll 16
            for (int j = 0; j < UNITS; j++) row[j] += delta * z1[j];
            row[16] += delta;
        }
        for (int j = 0; j < UNITS; j++) {
            delta1 = (lanes){0.0};
#pragma GCC unroll 16
            for (int i = 0; i < UNITS; i++) delta1 += w[SECOND + 17 * i + j] * delta2[i];
            delta1 = where(z1[j] > 0.0, delta1);
            bar[3 * j] += delta1 * x[0];
            bar[3 * j + 1] += delta1 * x[1];
            bar[3 * j + 2] += delta1;
        }
    }
    double squares = 0.0;
    for (int k = 0; k < PARAMETERS; k++) {
        gradient[k] = sum(bar[k]) + 2.0 * decay * w[k];
        squares += w[k] * w[k];
    }
    return sum(loss) + decay * squares;
}
