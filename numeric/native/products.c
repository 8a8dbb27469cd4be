/* Products with few columns, in vectors: about half as fast again as a BLAS, which is made for many.

Compiled once for each kind of numbers, behind runtime.h, and linked with every kernel's loops. */

void *numbers_of(void *array) { return numbers(array); }

/* --- products ----------------------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
#define WIDE 64
#define ROWS 8
#elif defined(__AVX__)
#define WIDE 32
#define ROWS 4
#else
#define WIDE 16
#define ROWS 4
#endif
#define VECTOR(bytes) __attribute__((vector_size(bytes), aligned(sizeof(REAL)), may_alias))
typedef REAL wide VECTOR(WIDE);
typedef REAL half_wide VECTOR(32);
typedef REAL narrow VECTOR(16);
typedef REAL single;

/* What is multiplied.  a is (rows, steps, inner): its numbers lie `down`, `step` and `along` apart.  x is
   (steps * inner, columns) and c (rows, columns); their rows begin `row` and `out` numbers apart. */
typedef struct {
  long rows, steps, inner, columns, down, step, along, row, out;
  int adds; /* to what is in c */
} Shape;

/* An M by (N vectors) tile of c in registers: one number of a times one row of x at a time. */
#define TILE(NAME, V, M, N)                                                                                          \
  static __attribute__((unused)) void NAME(const Shape *s, const REAL *a, const REAL *x, REAL *c) {                  \
    enum { LANES = sizeof(V) / sizeof(REAL) };                                                                       \
    const long inner = s->inner, down = s->down, along = s->along, row = s->row, out = s->out;                       \
    V sum[M][N], part[N];                                                                                            \
    _Pragma("GCC unroll 16") for (int i = 0; i < M; i++) _Pragma("GCC unroll 4") for (int j = 0; j < N; j++)         \
      sum[i][j] = s->adds ? *(const V *)(c + i * out + j * LANES) : (V){0};                                          \
    for (long step = 0; step < s->steps; step++, a += s->step)                                                       \
      for (long k = 0; k < inner; k++, x += row) {                                                                   \
        _Pragma("GCC unroll 4") for (int j = 0; j < N; j++) part[j] = *(const V *)(x + j * LANES);                   \
        _Pragma("GCC unroll 16") for (int i = 0; i < M; i++) {                                                       \
          REAL factor = a[i * down + k * along];                                                                     \
          _Pragma("GCC unroll 4") for (int j = 0; j < N; j++) sum[i][j] += factor * part[j];                         \
        }                                                                                                            \
      }                                                                                                              \
    _Pragma("GCC unroll 16") for (int i = 0; i < M; i++) _Pragma("GCC unroll 4") for (int j = 0; j < N; j++)         \
      *(V *)(c + i * out + j * LANES) = sum[i][j];                                                                   \
  }

/* M rows of c, whatever the number of columns. */
#define BAND(NAME, M, N)                                                                                             \
  TILE(NAME##_several, wide, M, N)                                                                                   \
  TILE(NAME##_wide, wide, M, 1)                                                                                      \
  TILE(NAME##_half, half_wide, M, 1)                                                                                 \
  TILE(NAME##_narrow, narrow, M, 1)                                                                                  \
  TILE(NAME##_single, single, M, 1)                                                                                  \
  static __attribute__((unused)) void NAME(const Shape *s, const REAL *a, const REAL *x, REAL *c) {                  \
    enum { W = sizeof(wide) / sizeof(REAL), H = sizeof(half_wide) / sizeof(REAL), Q = sizeof(narrow) / sizeof(REAL) }; \
    long j = 0;                                                                                                      \
    for (; j + N * W <= s->columns; j += N * W) NAME##_several(s, a, x + j, c + j);                                  \
    for (; j + W <= s->columns; j += W) NAME##_wide(s, a, x + j, c + j);                                             \
    for (; j + H <= s->columns; j += H) NAME##_half(s, a, x + j, c + j);                                             \
    for (; j + Q <= s->columns; j += Q) NAME##_narrow(s, a, x + j, c + j);                                           \
    for (; j < s->columns; j++) NAME##_single(s, a, x + j, c + j);                                                   \
  }

BAND(band_many, ROWS, 2)
BAND(band_two, 2, 4)
BAND(band_one, 1, 4)

static __attribute__((unused)) void all_bands(const Shape *s, const REAL *a, const REAL *x, REAL *c) {
  long i = 0;
  for (; i + ROWS <= s->rows; i += ROWS) band_many(s, a + i * s->down, x, c + i * s->out);
  for (; i + 2 <= s->rows; i += 2) band_two(s, a + i * s->down, x, c + i * s->out);
  for (; i < s->rows; i++) band_one(s, a + i * s->down, x, c + i * s->out);
}

/* c = a x, as many rows of x at a time as stay in the first cache while all rows of a pass */
static __attribute__((unused)) void bands(const Shape *s, const REAL *a, const REAL *x, REAL *c) {
  long deep = 32768 / (long)sizeof(REAL) / s->columns;
  deep = deep < 64 ? 64 : deep;
  if (s->steps > 1 || s->inner <= deep + deep / 2) {
    all_bands(s, a, x, c);
    return;
  }
  for (long k = 0; k < s->inner; k += deep) {
    Shape part = *s;
    part.inner = k + deep < s->inner ? deep : s->inner - k;
    part.adds = s->adds || k > 0;
    all_bands(&part, a + k * s->along, x + k * s->row, c);
  }
}

/* rows * columns numbers with their axes exchanged; each new row begins `width` numbers after the one before */
static __attribute__((unused)) void turn_into(long rows, long columns, const REAL *from, REAL *to, long width) {
  enum { SIDE = 64 / sizeof(REAL) };
  long i = 0;
  for (; i + SIDE <= rows; i += SIDE)
    for (long j = 0; j < columns; j++)
      for (long k = 0; k < SIDE; k++) to[j * width + i + k] = from[(i + k) * columns + j];
  for (; i < rows; i++)
    for (long j = 0; j < columns; j++) to[j * width + i] = from[i * columns + j];
}

void turn(long rows, long columns, const REAL *from, REAL *to) {
  turn_into(rows, columns, from, to, rows);
}

/* one row, for all rows */
void spread(long rows, long columns, const REAL *from, REAL *to) {
  for (long i = 0; i < rows; i++) memcpy(to + i * columns, from, columns * sizeof(REAL));
}

/* c (rows, columns) = a (rows, inner) times x (inner, columns); `across` is a with its axes exchanged, and `spare`
   has room for c, where the columns are few */
void product(long rows, long inner, long columns, const REAL *a, const REAL *across,
                                            const REAL *x, REAL *c, REAL *spare) {
  if (!FEW(columns)) {
    bands(&(Shape){rows, 1, inner, columns, inner, 0, 1, columns, columns, 0}, a, x, c);
  } else if (columns == 1) {
    bands(&(Shape){1, 1, inner, rows, 1, 0, 1, rows, rows, 0}, x, across, c);
  } else {
    bands(&(Shape){columns, 1, inner, rows, 1, 0, columns, rows, rows, 0}, x, across, spare);
    turn(columns, rows, spare, c);
  }
}

/* --- all steps at once -------------------------------------------------------------------------------------- */

/* Sequences that lie feature-major, (steps, rows, columns), by example: (steps, columns, width) from `low` on. */
int turn_steps(long steps, long rows, long columns, long width, long low, void *from, void *to) {
  const REAL *one = numbers(from);
  REAL *other = numbers(to) + low;
  for (long t = 0; t < steps; t++) turn_into(rows, columns, one + t * rows * columns, other + t * columns * width, width);
  return 0;
}

/* A matrix (rows, inner) times every column of a sequence (steps, inner, columns), by example: (steps, columns, rows).
   The steps of the sequence lie `far` numbers apart. */
int times_steps(long steps, long columns, long inner, long rows, long far, void *matrix, void *from, void *to) {
  REAL *tile = aligned_alloc(64, ROOM(rows * columns) * sizeof(REAL));
  if (!tile) return 1;
  Shape shape = {rows, 1, inner, columns, inner, 0, 1, columns, columns, 0};
  for (long t = 0; t < steps; t++) {
    bands(&shape, numbers(matrix), numbers(from) + t * far, tile);
    turn(rows, columns, tile, numbers(to) + t * rows * columns);
  }
  free(tile);
  return 0;
}

/* The sum over steps and examples of the products of a number of one sequence, (steps, rows, examples), with one of
   another: added to columns low ... of `to` (rows, width).  The other sequence is (steps, columns, examples), or
   (steps, examples, columns) where it lies by example; its steps and those of the first lie so many numbers apart. */
int add_products(long steps, long examples, long rows, long columns, long width, long low, long far, long other_far,
                 long by_example, void *from, void *other, void *to) {
  enum { AT_ONCE = 128 / sizeof(REAL) }; /* columns that stay close while all rows pass: a strip of them is copied */
  long block = (255 + examples) / examples;
  REAL *strip = aligned_alloc(64, ROOM(block * examples * AT_ONCE) * sizeof(REAL));
  if (!strip) return 1;
  for (long t = 0; t < steps; t += block) {
    long count = t + block < steps ? block : steps - t;
    const REAL *second = numbers(other) + t * other_far;
    for (long j = 0; j < columns; j += AT_ONCE) {
      long some = j + AT_ONCE < columns ? AT_ONCE : columns - j;
      for (long i = 0; !by_example && i < count; i++)
        turn(some, examples, second + i * other_far + j * examples, strip + i * examples * some);
      for (long k = 0; by_example && k < count * examples; k++)
        memcpy(strip + k * some, second + k * columns + j, some * sizeof(REAL));
      Shape shape = {rows, count, examples, some, examples, far, 1, some, width, 1};
      bands(&shape, numbers(from) + t * far, strip, numbers(to) + low + j);
    }
  }
  free(strip);
  return 0;
}
