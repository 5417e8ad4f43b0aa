/* Value and gradient of rosenbrock.py's function by hand. */

double rosenbrock(const double *restrict x, int count, double *restrict gradient) {
    double value = 0.0;
    for (int i = 0; i < count; i++) gradient[i] = 0.0;
    for (int i = 0; i + 1 < count; i++) {
        double bend = x[i + 1] - x[i] * x[i], rest = 1.0 - x[i];
        value += 100.0 * bend * bend + rest * rest;
        gradient[i] -= 400.0 * bend * x[i] + 2.0 * rest;
        gradient[i + 1] += 200.0 * bend;
    }
    return value;
}
