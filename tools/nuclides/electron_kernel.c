/* Mono-energetic electron point kernel in water by class-II (mixed) Monte Carlo.
 *
 * Usage: electron_kernel ENERGY_MEV HISTORIES SEED
 * Prints the CSDA range, the radiated fraction and the cumulative energy fraction inside r/R for R the CSDA range.
 *
 * Physics
 *   collision stopping power   Bethe-Bloch for electrons, I = 75 eV, Sternheimer density effect (as ESTAR / ICRU 37)
 *   hard collisions            Moeller, free electrons, above a cut-off; knock-on electrons are followed
 *   elastic scattering         Wentzel-Moliere screened Rutherford per element with the McKinley-Feshbach (Mott) factor;
 *                              large angles one by one, small angles condensed at a random hinge
 *   soft inelastic deflection  free-electron kinematics between 30 eV and the cut-off
 *   bremsstrahlung             photon by photon above 1 % of the initial energy, continuous below (tables from
 *                              bremsstrahlung.py on stdin: for every energy S_rad below the cut, cross section above it
 *                              and the quantiles of k/E); the photons leave, and are put back by the photon kernel
 * Units: MeV, g/cm2 (unit density: cm).
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MC2 0.51099895
#define ALPHA 7.2973525693e-3
#define HBARC 1.973269804e-11 /* MeV cm */
#define MOLECULES 3.342802e22 /* per gram of water */
#define K2 (0.1535375 * 0.555084)
#define I_MEAN 75.0e-6
#define W_SOFT_MIN 30.0e-6 /* where hydrogenic incoherent form factors of water cut off */
#define C_ELASTIC 0.05
#define C_LOSS 0.03
#define MOTT_MAX 1.06
#define NGRID 400
#define NBIN 240
#define RMAX 1.2
#define STACK 512

static uint64_t rng[4];
static inline uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
static inline double uniform(void) { /* xoshiro256+ */
    const uint64_t result = rng[0] + rng[3], t = rng[1] << 17;
    rng[2] ^= rng[0]; rng[3] ^= rng[1]; rng[1] ^= rng[2]; rng[0] ^= rng[3];
    rng[2] ^= t; rng[3] = rotl(rng[3], 45);
    return ((result >> 11) + 0.5) * 0x1.0p-53;
}
static void seed_rng(uint64_t x) {
    for (int i = 0; i < 4; i++) {
        x += 0x9e3779b97f4a7c15ULL;
        uint64_t z = x;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        rng[i] = z ^ (z >> 31);
    }
}

static double beta2(double e) { return e * (e + 2 * MC2) / ((e + MC2) * (e + MC2)); }

static double density_effect(double e) {
    double p = sqrt(e * (e + 2 * MC2)) / MC2, x = log10(p);
    if (x < 0.24) return 0;
    double d = 4.605170186 * x - 3.5017;
    if (x < 2.8004) d += 0.09116 * pow(2.8004 - x, 3.4773);
    return d;
}
static double collision_stopping(double e) {
    double t = e / MC2, b2 = beta2(e), i = I_MEAN / MC2;
    double f = 1 - b2 + (t * t / 8 - (2 * t + 1) * M_LN2) / ((t + 1) * (t + 1));
    return K2 / b2 * (log(t * t * (t + 2) / (2 * i * i)) + f - density_effect(e));
}
static double moeller_total(double e, double wc) {
    if (wc >= e / 2) return 0;
    double t = e / MC2, a = t / (t + 1), b = (2 * t + 1) / ((t + 1) * (t + 1));
    return K2 / beta2(e) * (1 / wc - 2 / e + 2 / e - 1 / (e - wc) + a * a / (e * e) * (e / 2 - wc) - b / e * log((e - wc) / wc));
}
static double moeller_loss(double e, double wc) {
    if (wc >= e / 2) return 0;
    double t = e / MC2, a = t / (t + 1), b = (2 * t + 1) / ((t + 1) * (t + 1));
    return K2 / beta2(e) * (log(e / 2 / wc) + (2 + log(e / 2)) - (e / (e - wc) + log(e - wc))
                            + a * a / (e * e) * (e * e / 4 - wc * wc) / 2 - b * log((e - wc) / (e / 2)));
}

static const double ZEL[2] = {8, 1}, NEL[2] = {1, 2};
static double screening(double e, double z) {
    double p = sqrt(e * (e + 2 * MC2)), b = sqrt(beta2(e));
    double chi0 = ALPHA * MC2 / p * cbrt(z) / 0.88534;
    double az = ALPHA * z / b;
    return chi0 * chi0 * (1.13 + 3.76 * az * az) / 4;
}
static double rutherford(double e, double z, double n) {
    double p = sqrt(e * (e + 2 * MC2)), b = sqrt(beta2(e));
    double c = z * ALPHA * HBARC / (2 * p * b);
    return MOLECULES * n * 4 * M_PI * c * c;
}
static double mott(double mu, double e, double z) {
    double b = sqrt(beta2(e)), s = sqrt(mu);
    return 1 - b * b * mu + M_PI * ALPHA * b * z * s * (1 - s);
}
/* integral of 2 mu dSigma from 0 to m, in ln(mu + A) */
static double transport(double e, double m) {
    double total = 0;
    for (int el = 0; el < 2; el++) {
        double a = screening(e, ZEL[el]), c = rutherford(e, ZEL[el], NEL[el]);
        double lo = log(a), hi = log(a + m), h = (hi - lo) / 200, sum = 0;
        for (int i = 0; i < 200; i++) {
            double x = exp(lo + (i + 0.5) * h), mu = x - a;
            sum += 2 * mu * mott(mu, e, ZEL[el]) / x * h;
        }
        total += c * sum;
    }
    return total;
}
static double above(double e, double m, int el) {
    double a = screening(e, ZEL[el]);
    return rutherford(e, ZEL[el], NEL[el]) * (1 / (m + a) - 1 / (1 + a));
}

static double lo_e, dlog, E0, WC, EABS;
static double T_s[NGRID], T_rad[NGRID], T_brem[NGRID], T_hard[NGRID], T_frac[NGRID], T_muc[NGRID], T_soft[NGRID], T_mol[NGRID];
#define NQ 65
#define NSPEC 24
static double *rad_x, *rad_soft, *rad_hard, *rad_all, (*rad_q)[NQ];
static int rad_n;
static int rad_index(double e, double *f) {
    double x = log(e);
    int i = 1;
    while (i < rad_n - 1 && rad_x[i] < x) i++;
    *f = fmin(1, fmax(0, (x - rad_x[i - 1]) / (rad_x[i] - rad_x[i - 1])));
    return i - 1;
}
static double radiative(double e, const double *table) {
    double f;
    int i = rad_index(e, &f);
    return table[i] + f * (table[i + 1] - table[i]);
}
static double spectrum[NSPEC];
static double bin[NBIN + 1], radiated, beyond, R0;

static inline void deposit(double x, double y, double z, double e) {
    double r = sqrt(x * x + y * y + z * z) / R0;
    int i = (int)(r / RMAX * NBIN);
    if (i < NBIN) bin[i] += e; else beyond += e;
}
static inline void turn(double *u, double *v, double *w, double mu, double phi) {
    double c = 1 - 2 * mu, s2 = 1 - c * c, s = s2 > 0 ? sqrt(s2) : 0, cp = cos(phi), sp = sin(phi);
    double a = *u, b = *v, d = *w, t2 = 1 - d * d;
    if (t2 < 1e-10) { *u = s * cp; *v = s * sp; *w = d > 0 ? c : -c; return; }
    double t = sqrt(t2);
    *u = a * c + s * (a * d * cp - b * sp) / t;
    *v = b * c + s * (b * d * cp + a * sp) / t;
    *w = d * c - t * s * cp;
    double n = 1 / sqrt(*u * *u + *v * *v + *w * *w);
    *u *= n; *v *= n; *w *= n;
}

typedef struct { double e, x, y, z, u, v, w; } Particle;

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    E0 = atof(argv[1]);
    long n = atol(argv[2]);
    seed_rng((uint64_t)atol(argv[3]) * 1000003ULL + (uint64_t)(E0 * 1e7));
    if (scanf("%d", &rad_n) != 1) return 2;
    rad_x = malloc(rad_n * sizeof(double)); rad_soft = malloc(rad_n * sizeof(double));
    rad_hard = malloc(rad_n * sizeof(double)); rad_all = malloc(rad_n * sizeof(double)); rad_q = malloc(rad_n * sizeof(*rad_q));
    for (int i = 0; i < rad_n; i++) {
        if (scanf("%lf %lf %lf %lf", &rad_x[i], &rad_soft[i], &rad_hard[i], &rad_all[i]) != 4) return 2;
        rad_x[i] = log(rad_x[i]);
        for (int q = 0; q < NQ; q++) if (scanf("%lf", &rad_q[i][q]) != 1) return 2;
    }
    WC = fmin(1e-3, fmax(1e-4, 5e-4 * E0));
    EABS = fmax(3e-4, 4e-3 * E0);
    lo_e = log(1e-4); dlog = (log(E0) - lo_e) / (NGRID - 1);
    R0 = 0; /* CSDA range: from 100 eV (below that: E/S at 100 eV), in ln E */
    { double e1 = 1e-4; R0 = e1 / collision_stopping(e1);
      int m = 4000; double h = log(E0 / e1) / m;
      for (int i = 0; i < m; i++) { double e = e1 * exp((i + 0.5) * h); R0 += e * h / (collision_stopping(e) + radiative(e, rad_all)); } }
    for (int g = 0; g < NGRID; g++) {
        double e = exp(lo_e + g * dlog);
        T_rad[g] = radiative(e, rad_soft);
        T_brem[g] = radiative(e, rad_hard);
        T_s[g] = fmax(0.0, collision_stopping(e) - moeller_loss(e, WC));
        T_mol[g] = moeller_total(e, WC);
        double target = C_ELASTIC, l1 = 1 / transport(e, 1.0), lh = target * l1;
        double lo = 1e-14, hi = 1;
        if (above(e, 0, 0) + above(e, 0, 1) > 1 / lh) {
            for (int i = 0; i < 80; i++) {
                double m = sqrt(lo * hi);
                if (above(e, m, 0) + above(e, m, 1) > 1 / lh) lo = m; else hi = m;
            }
            T_muc[g] = lo;
        } else T_muc[g] = 0;
        double o = above(e, T_muc[g], 0), h = above(e, T_muc[g], 1);
        T_hard[g] = MOTT_MAX * (o + h); T_frac[g] = o / (o + h);
        T_soft[g] = (T_muc[g] > 0 ? transport(e, T_muc[g]) : 0)
                    + K2 / beta2(e) * MC2 / (e * (e + 2 * MC2)) * log(fmin(WC, e / 2) / W_SOFT_MIN);
    }
    static Particle stack[STACK];
    for (long k = 0; k < n; k++) {
        int top = 0;
        stack[top++] = (Particle){E0, 0, 0, 0, 0, 0, 1};
        while (top > 0) {
            Particle p = stack[--top];
            while (1) {
                if (p.e < EABS) { deposit(p.x, p.y, p.z, p.e); break; }
                double le = (log(p.e) - lo_e) / dlog;
                int g = (int)le;
                if (g > NGRID - 2) g = NGRID - 2;
                double f = le - g;
                double st = T_s[g] + f * (T_s[g + 1] - T_s[g]) + T_rad[g] + f * (T_rad[g + 1] - T_rad[g]);
                double hard = T_hard[g] + f * (T_hard[g + 1] - T_hard[g]), mol = T_mol[g] + f * (T_mol[g + 1] - T_mol[g]);
                double smax = C_LOSS * p.e / st, mean = fmin(smax, 1 / (hard + mol));
                /* everything at the energy in the middle of the expected step */
                double em = p.e - 0.5 * mean * st;
                le = (log(em) - lo_e) / dlog; g = (int)le;
                if (g > NGRID - 2) g = NGRID - 2;
                f = le - g;
                double sc = T_s[g] + f * (T_s[g + 1] - T_s[g]), sr = T_rad[g] + f * (T_rad[g + 1] - T_rad[g]);
                hard = T_hard[g] + f * (T_hard[g + 1] - T_hard[g]); mol = T_mol[g] + f * (T_mol[g + 1] - T_mol[g]);
                double brem = T_brem[g] + f * (T_brem[g + 1] - T_brem[g]);
                double soft = T_soft[g] + f * (T_soft[g + 1] - T_soft[g]);
                double rate = hard + mol + brem, s = -log(uniform()) / rate;
                int event = 1;
                if (s > smax) { s = smax; event = 0; }
                double a = uniform() * s, b = s - a, q = uniform() * a;
                deposit(p.x + p.u * q, p.y + p.v * q, p.z + p.w * q, sc * a);
                p.x += p.u * a; p.y += p.v * a; p.z += p.w * a;
                double m1 = 0.5 * (1 - exp(-soft * s));
                double mu = -m1 * log(uniform());
                if (mu < 1) turn(&p.u, &p.v, &p.w, mu, 2 * M_PI * uniform());
                q = uniform() * b;
                deposit(p.x + p.u * q, p.y + p.v * q, p.z + p.w * q, sc * b);
                p.x += p.u * b; p.y += p.v * b; p.z += p.w * b;
                radiated += sr * s;
                p.e -= (sc + sr) * s;
                if (!event || p.e < EABS) continue;
                double pick = uniform() * rate;
                if (pick < hard) {
                    double muc = T_muc[g] + f * (T_muc[g + 1] - T_muc[g]);
                    double z = uniform() < T_frac[g] ? 8 : 1, A = screening(p.e, z);
                    /* dSigma ~ (mu + A)^-2 between muc and 1 */
                    double x0 = 1 / (muc + A), x1 = 1 / (1 + A);
                    mu = 1 / (x0 + uniform() * (x1 - x0)) - A;
                    if (uniform() * MOTT_MAX < mott(mu, p.e, z)) turn(&p.u, &p.v, &p.w, mu, 2 * M_PI * uniform());
                } else if (pick < hard + brem) {
                    double fr;
                    int i = rad_index(p.e, &fr);
                    if (uniform() < fr) i++;
                    double x = uniform() * (NQ - 1);
                    int q0 = (int)x;
                    double k = p.e * (rad_q[i][q0] + (x - q0) * (rad_q[i][q0 + 1] - rad_q[i][q0]));
                    radiated += k;
                    spectrum[(int)fmin(NSPEC - 1, k / E0 * NSPEC)] += k;
                    p.e -= k;
                } else if (p.e > 2 * WC) {
                    double t = p.e / MC2, c1 = t / (t + 1), c2 = (2 * t + 1) / ((t + 1) * (t + 1)), w;
                    do {
                        double x0 = 1 / WC, x1 = 2 / p.e;
                        w = 1 / (x0 + uniform() * (x1 - x0));
                        double d = w / (p.e - w);
                        double fct = 1 + d * d + c1 * c1 * w * w / (p.e * p.e) - c2 * d;
                        if (uniform() * 2.25 < fct) break;
                    } while (1);
                    double phi = 2 * M_PI * uniform();
                    double cp = sqrt((p.e - w) * (p.e + 2 * MC2) / (p.e * (p.e - w + 2 * MC2)));
                    double cs = sqrt(w * (p.e + 2 * MC2) / (p.e * (w + 2 * MC2)));
                    if (w < EABS) deposit(p.x, p.y, p.z, w);
                    else if (top < STACK) {
                        Particle k2 = {w, p.x, p.y, p.z, p.u, p.v, p.w};
                        turn(&k2.u, &k2.v, &k2.w, (1 - cs) / 2, phi + M_PI);
                        stack[top++] = k2;
                    } else return 3;
                    turn(&p.u, &p.v, &p.w, (1 - cp) / 2, phi);
                    p.e -= w;
                }
            }
        }
    }
    double cum = 0;
    printf("{\"energy_mev\": %.6g, \"histories\": %ld, \"csda_g_cm2\": %.8g, \"radiated\": %.8g, \"beyond\": %.3g, \"cumulative\": [", E0, n, R0,
           radiated / n / E0, beyond / n / E0);
    for (int i = 0; i < NBIN; i++) { cum += bin[i] / n / E0; printf("%s%.7g", i ? ", " : "", cum); }
    printf("], \"spectrum\": [");
    for (int i = 0; i < NSPEC; i++) printf("%s%.6g", i ? ", " : "", spectrum[i] / n / E0);
    printf("]}\n");
    return 0;
}
