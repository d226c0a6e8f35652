#include <cstdlib>
#include <iostream>

#include "sieve.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: primes LIMIT\n";
    return 2;
  }
  for (const int prime : primes_up_to(std::atoi(argv[1]))) std::cout << prime << '\n';
}
