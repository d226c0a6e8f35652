#include "build/traced_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

recipes::Mount bind_of(const std::string& name) {
  recipes::Mount mount;
  mount.from = name;
  return mount;
}

std::vector<std::string> prefixes(const std::vector<recipes::Mount>& mounts) {
  recipes::RunStep run;
  run.mounts = mounts;
  PlanStep plan;
  plan.what = recipes::StepKind(run);
  PreparedStep step;
  step.plan = &plan;
  std::vector<std::string> found;
  for (const TracedInput& input : traced_inputs(step)) found.push_back(input.prefix);
  return found;
}

fs::TracedPath path(const std::string& name) {
  fs::TracedPath path;
  path.path = name;
  return path;
}

}  // namespace

TEST_CASE("every mount of a stage or an image has paths of its own in a trace") {
  CHECK(prefixes({bind_of("a"), bind_of(""), bind_of("b/c:1"), bind_of("a")}) ==
        std::vector<std::string>{"//from/a//", "//from/b/c:1//", "//from/a#2//"});
  CHECK(prefixes({}).empty());
}

TEST_CASE("a tree that is more than mounted, or whose name could be taken for another, counts as a whole") {
  recipes::Mount cache = bind_of("a");
  cache.type = recipes::Mount::Type::cache;
  CHECK(prefixes({bind_of("a"), cache, bind_of("b")}) == std::vector<std::string>{"//from/b//"});
  CHECK(prefixes({bind_of("a//b"), bind_of("a#2")}).empty());
}

TEST_CASE("of the inputs of a key, those of mounted trees are told by their trace") {
  const std::vector<TracedInput> inputs = {{.mount = 0, .name = "a", .prefix = "//from/a//"}};
  CHECK(is_of(inputs, "stage a"));
  CHECK(is_of(inputs, "image a"));
  CHECK_FALSE(is_of(inputs, "stage b"));
  CHECK_FALSE(is_of(inputs, "file a"));
}

TEST_CASE("a part of a trace comes out as it went in") {
  const TracedInput first{.mount = 0, .name = "a", .prefix = "//from/a//"};
  const TracedInput second{.mount = 1, .name = "a", .prefix = "//from/a#2//"};
  const fs::ImageTrace part = {path(""), path("usr"), path("usr/bin")};
  const fs::ImageTrace whole = as_part(part, first);
  CHECK(whole.back().path == "//from/a//usr/bin");
  CHECK(part_of(whole, first) == part);
  CHECK(part_of(whole, second).empty());
  CHECK(part_of(as_part(trace_of_nothing(), second), second) == trace_of_nothing());
}
