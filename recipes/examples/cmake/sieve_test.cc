#include "sieve.h"

int main() {
  const bool good = primes_up_to(1).empty() && primes_up_to(11) == std::vector<int>{2, 3, 5, 7, 11} &&
                    primes_up_to(1000).size() == 168;
  return good ? 0 : 1;
}
