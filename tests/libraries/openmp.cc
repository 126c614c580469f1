// OpenMP's runtime, whose threads wait by system calls of its own.

#include <foreseed/scenario.h>
#include <omp.h>

FORESEED_SCENARIO(openmp_reduction, "each iteration once") {
  int sum = 0;
#pragma omp parallel for reduction(+ : sum) num_threads(3)
  for (int i = 0; i < 100; ++i) sum += i;
  FORESEED_CHECK(sum == 4950);
}
