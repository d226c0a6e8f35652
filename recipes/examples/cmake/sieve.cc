#include "sieve.h"

std::vector<int> primes_up_to(int limit) {
  std::vector<int> primes;
  if (limit < 2) return primes;
  std::vector<bool> composite(static_cast<std::size_t>(limit) + 1);
  for (int n = 2; n <= limit; ++n) {
    if (composite[static_cast<std::size_t>(n)]) continue;
    primes.push_back(n);
    for (long long m = 1LL * n * n; m <= limit; m += n) composite[static_cast<std::size_t>(m)] = true;
  }
  return primes;
}
