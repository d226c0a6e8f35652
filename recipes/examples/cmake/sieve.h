#pragma once

#include <vector>

// All primes up to and including `limit`.
std::vector<int> primes_up_to(int limit);
