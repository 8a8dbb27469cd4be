/* What generated loops are made of: numbers, functions of one number, memory.

REAL is float or double.  Functions have no branches over the data, so that a compiler makes vectors of loops over
them, and need no -ffast-math. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if IS_DOUBLE
typedef double REAL;
typedef int64_t BITS;
typedef uint64_t UNSIGNED;
#define C(name) name
#define MANTISSA 52
#define BIAS 1023
#define MAGIC 0x1.8p52 /* added to x, leaves round(x) in the last bits */
#define LN2_HIGH 0x1.62e42fep-1
#define LN2_LOW 0x1.f473de6af278fp-30
#define SATURATED 20 /* where tanh is 1 */
#define LARGEST 800  /* exp is infinite beyond, and 0 below minus that */
#else
typedef float REAL;
typedef int32_t BITS;
typedef uint32_t UNSIGNED;
#define C(name) name##f
#define MANTISSA 23
#define BIAS 127
#define MAGIC 0x1.8p23f
#define LN2_HIGH 0x1.62ep-1f
#define LN2_LOW 0x1.0bfbe8p-15f
#define SATURATED 10
#define LARGEST 120
#endif
#define LOG2_E ((REAL)0x1.71547652b82fep0)
#define OWN static inline __attribute__((unused, always_inline))

/* --- functions of one number -------------------------------------------------------------------------------- */

OWN REAL from_bits(BITS bits) {
  REAL value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

OWN BITS to_bits(REAL value) {
  BITS bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* 2^n, where n is in the last bits */
OWN REAL power_of_two(BITS n) { return from_bits((BITS)((UNSIGNED)(n + BIAS) << MANTISSA)); }

/* exp(r) - 1 for |r| <= log(2)/2: r + r*r*q(r), where q is the polynomial with the least relative error
   (2^-32 for float, 2^-61 for double), found by Remez exchange in 60 digits */
OWN REAL near_zero(REAL r) {
#if IS_DOUBLE
  REAL q = 0x1.1ee888d0774c2p-29;
  q = q * r + 0x1.af5ea865d04dbp-26;
  q = q * r + 0x1.27e53642ddf34p-22;
  q = q * r + 0x1.71ddf863b08fep-19;
  q = q * r + 0x1.a01a017bb0c95p-16;
  q = q * r + 0x1.a01a01afdd8fcp-13;
  q = q * r + 0x1.6c16c16c1f0e3p-10;
  q = q * r + 0x1.111111110f6c5p-7;
  q = q * r + 0x1.555555555553ep-5;
  q = q * r + 0x1.5555555555559p-3;
  q = q * r + 0x1.0p-1;
#else
  REAL q = 0x1.a032c4de42953p-13f;
  q = q * r + 0x1.6d723e1200635p-10f;
  q = q * r + 0x1.111189975f8dap-7f;
  q = q * r + 0x1.5554b0ec48729p-5f;
  q = q * r + 0x1.555554ef51408p-3f;
  q = q * r + 0x1.0000002606af4p-1f;
#endif
  return r * r * q + r;
}

/* e^x = (1 + p) 2^n; n is where the bits of `shifted` end */
OWN REAL reduced(REAL x, REAL *shifted) {
  *shifted = x * LOG2_E + MAGIC;
  REAL n = *shifted - MAGIC;
  REAL r = x - n * LN2_HIGH;
  return near_zero(r - n * LN2_LOW);
}

OWN REAL tanh_of(REAL x) {
  REAL y = C(fabs)(x), shifted;
  y = y > SATURATED ? SATURATED : y; /* not a number stays one */
  REAL p = reduced(y + y, &shifted);
  REAL s = power_of_two(to_bits(shifted));
  REAL e = s * p + (s - 1);
  return C(copysign)(e / (e + 2), x);
}

OWN REAL exp_of(REAL x) {
  REAL y = x > LARGEST ? LARGEST : x, shifted;
  y = y < -LARGEST ? -LARGEST : y;
  REAL p = reduced(y, &shifted);
  BITS n = to_bits(shifted) - to_bits(MAGIC), half = n >> 1;
  REAL s = power_of_two(half);
  return (s * p + s) * power_of_two(n - half);
}

OWN REAL maximum_of(REAL a, REAL b) { return a > b || a != a ? a : b; }
OWN REAL minimum_of(REAL a, REAL b) { return a < b || a != a ? a : b; }
OWN REAL softplus_of(REAL x) { return maximum_of(x, 0) + C(log1p)(exp_of(-C(fabs)(x))); }
OWN REAL step_of(REAL x) { return x > 0 ? 1 : x == x ? 0 : x; }
OWN REAL sign_of(REAL x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

/* --- memory ------------------------------------------------------------------------------------------------- */

#define ROOM(count) (((count) + 15) & ~15L) /* so that what follows begins where a vector may */

/* An array of NumPy begins with the header of a Python object, and then points to its numbers. */
OWN REAL *numbers(void *array) { return *(REAL **)((char *)array + HEADER); }

/* --- products.c --------------------------------------------------------------------------------------------- */

#define FEW(columns) ((columns) * (long)sizeof(REAL) < 32) /* then vectors run along the rows */

void turn(long rows, long columns, const REAL *from, REAL *to);
void spread(long rows, long columns, const REAL *from, REAL *to);
void product(long rows, long inner, long columns, const REAL *a, const REAL *across, const REAL *x, REAL *c, REAL *spare);
