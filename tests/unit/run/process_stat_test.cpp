#include "run/process_stat.hpp"

#include <unistd.h>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("the name of a process cannot pass for other fields") {
  const auto stat = parse_process_stat(
      "42 (a) Z 1 (b)) S 7 42 42 34816 42 4194304 100 0 0 0 12 5 0 0 20 0 1 0 9876 1000 33 "
      "18446744073709551615\n");
  REQUIRE(stat);
  CHECK(stat->name == "a) Z 1 (b)");
  CHECK(stat->state == 'S');
  CHECK(stat->parent == 7);
  CHECK(stat->terminal == 34816);
  CHECK(stat->user_ticks == 12);
  CHECK(stat->system_ticks == 5);
  CHECK(stat->children_ticks == 0);
  CHECK(stat->start_time == 9876);
  CHECK(stat->resident_pages == 33);
  CHECK_FALSE(stat->has_ended());
}

TEST_CASE("what is no such text is none") {
  for (const char* text : {"", "1", "1 (a", "1 a) S 1", "1 (a)", "1 (a) S 1 2 3", ")(", "1 (a)  "})
    CHECK_FALSE(parse_process_stat(text));
}

TEST_CASE("a process finds itself") {
  const auto own = read_process_stat(::getpid());
  REQUIRE(own);
  CHECK(own->parent == ::getppid());
  CHECK(own->start_time > 0);
  int here = 0;
  CHECK(own->start_of_stack > reinterpret_cast<std::uint64_t>(&here));
  CHECK_FALSE(read_process_stat(0));
}

TEST_CASE("the innermost pid is the last one") {
  CHECK(parse_inner_pid("Name:\tx\nNSpid:\t400\t17\t1\nNSpgid:\t9\n") == 1);
  CHECK(parse_inner_pid("Name:\tx\nNSpid:\t400\n") == 400);
  CHECK(parse_inner_pid("Name:\tx\n") == 0);
}
