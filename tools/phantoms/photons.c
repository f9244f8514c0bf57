/* Photon transport in a voxel patient by Woodcock tracking, for the true dose of the bundled examples.
 *
 * Photoelectric absorption and incoherent scattering (Klein-Nishina angles); coherent scattering, which moves no
 * energy, is left out. Electrons set free are absorbed where they are made (range < 0.5 mm below 320 keV in tissue).
 * Compiled by make_truth.py:  cc -O3 -shared -fPIC -o photons.so photons.c -lm
 */
#include <math.h>
#include <stdint.h>

typedef struct { uint64_t s[2]; } rng_t;

static double uniform(rng_t *r) { /* xoroshiro128+ */
    uint64_t a = r->s[0], b = r->s[1], sum = a + b;
    b ^= a;
    r->s[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    r->s[1] = (b << 37) | (b >> 27);
    return ((sum >> 11) + 0.5) * (1.0 / 9007199254740992.0);
}

static uint64_t mix(uint64_t *x) { /* splitmix64: spreads a small seed */
    uint64_t z = (*x += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

/* Ratio of scattered to incoming energy by Kahn's rejection. */
static double compton(rng_t *r, double k) {
    for (;;) {
        double a = uniform(r), b = uniform(r), c = uniform(r), x;
        if (a <= (1 + 2 * k) / (9 + 2 * k)) {
            x = 1 + 2 * k * b;
            if (c <= 4 * (1 / x - 1 / (x * x))) return 1 / x;
        } else {
            x = (1 + 2 * k) / (1 + 2 * k * b);
            double cosine = 1 - (x - 1) / k;
            if (c <= 0.5 * (cosine * cosine + 1 / x)) return 1 / x;
        }
    }
}

/* xyz (n, 3) in cm from the grid's corner and energy (n) in keV start the photons, in random directions.
 * region, material: uint8 voxels (nx, ny, nz), C order; density g/cm3.
 * total, photo: (n_material, n_energy) cm2/g at energy_low * exp(step * i); majorant (n_energy) 1/cm.
 * deposit (n_region) keV is added to; returns the energy that leaves the grid, keV. */
double transport(int64_t n, const double *xyz, const double *energy, const int64_t *shape, double edge_cm,
                 const uint8_t *region, const uint8_t *material, const float *density, int64_t n_energy,
                 double energy_low, double step, const double *total, const double *photo, const double *majorant,
                 uint64_t seed, double cut_kev, double *deposit) {
    rng_t r;
    r.s[0] = mix(&seed);
    r.s[1] = mix(&seed);
    double left = 0.0, inverse = 1.0 / edge_cm;
    for (int64_t p = 0; p < n; p++) {
        double x = xyz[3 * p], y = xyz[3 * p + 1], z = xyz[3 * p + 2], e = energy[p];
        double w = 2 * uniform(&r) - 1, f = 2 * M_PI * uniform(&r), s = sqrt(1 - w * w);
        double u = s * cos(f), v = s * sin(f);
        for (;;) {
            double place = log(e / energy_low) / step;
            int64_t bin = (int64_t)place;
            if (bin < 0) bin = 0;
            if (bin > n_energy - 2) bin = n_energy - 2;
            double part = place - bin, top = fmax(majorant[bin], majorant[bin + 1]);
            int64_t at = 0;
            int outside = 0;
            double mass = 0;
            const double *t = 0, *q = 0;
            for (;;) {
                double d = -log(uniform(&r)) / top;
                x += u * d; y += v * d; z += w * d;
                int64_t i = (int64_t)floor(x * inverse), j = (int64_t)floor(y * inverse), k = (int64_t)floor(z * inverse);
                if (i < 0 || j < 0 || k < 0 || i >= shape[0] || j >= shape[1] || k >= shape[2]) { outside = 1; break; }
                at = (i * shape[1] + j) * shape[2] + k;
                t = total + material[at] * n_energy + bin;
                mass = t[0] + part * (t[1] - t[0]);
                if (uniform(&r) * top < mass * density[at]) break;
            }
            if (outside) { left += e; break; }
            q = photo + material[at] * n_energy + bin;
            if (uniform(&r) * mass < q[0] + part * (q[1] - q[0])) { deposit[region[at]] += e; break; }
            double k = e / 510.99895, ratio = compton(&r, k), cosine = 1 - (1 / ratio - 1) / k;
            deposit[region[at]] += e * (1 - ratio);
            e *= ratio;
            if (e < cut_kev) { deposit[region[at]] += e; break; }
            double sine = sqrt(fmax(0.0, 1 - cosine * cosine)), turn = 2 * M_PI * uniform(&r);
            double a = sine * cos(turn), b = sine * sin(turn), rho = sqrt(fmax(1e-30, 1 - w * w));
            if (fabs(w) > 0.999999) { u = a; v = b; w = w > 0 ? cosine : -cosine; }
            else {
                double u0 = u, v0 = v, w0 = w;
                u = u0 * cosine + (u0 * w0 * a - v0 * b) / rho;
                v = v0 * cosine + (v0 * w0 * a + u0 * b) / rho;
                w = w0 * cosine - a * rho;
            }
        }
    }
    return left;
}
