#include <iostream>

#include "counting.hpp"

int main() {
  for (const auto& [letter, count] : count_letters("the same image everywhere"))
    std::cout << letter << count << '\n';
}
