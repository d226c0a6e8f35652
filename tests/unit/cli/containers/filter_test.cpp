#include "cli/containers/filter.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

constexpr std::int64_t k_now = 1'700'000'000;
constexpr std::int64_t k_second = 1'000'000'000;

std::vector<run::StoredContainer> some() {
  run::StoredContainer old;
  old.id = "aa11";
  old.name = "old_one";
  old.created = (k_now - 7200) * k_second;
  old.image = "localhost/app:1";
  old.image_id = "sha256:0123456789abcdef";
  old.labels = {{"tier", "web"}};
  old.state.status = run::LifeStatus::exited;
  old.state.exit_code = 3;
  run::StoredContainer young;
  young.id = "bb22";
  young.name = "young";
  young.created = (k_now - 60) * k_second;
  young.image = "docker.io/library/debian:12";
  young.state.status = run::LifeStatus::running;
  young.state.health = "healthy";
  return {old, young};
}

std::string chosen(const std::vector<std::string>& values) {
  const auto filter = ContainerFilter::parse(values, k_now);
  if (!filter) return "error";
  const auto all = some();
  std::string names;
  for (const auto& record : all) {
    const auto accepted = filter->accepts(record, all);
    if (!accepted) return "error";
    if (*accepted) names += (names.empty() ? "" : " ") + record.name;
  }
  return names;
}

}  // namespace

TEST_CASE("containers are filtered with podman's words") {
  CHECK(chosen({}) == "old_one young");
  CHECK(chosen({"id=aa"}) == "old_one");
  CHECK(chosen({"name=o"}) == "old_one young");
  CHECK(chosen({"name=^young$"}) == "young");
  CHECK(chosen({"name=old", "name=young"}) == "old_one young");
  CHECK(chosen({"label=tier"}) == "old_one");
  CHECK(chosen({"label=tier=db"}).empty());
  CHECK(chosen({"label!=tier"}) == "young");
  CHECK(chosen({"status=exited"}) == "old_one");
  CHECK(chosen({"status=stopped"}) == "old_one");
  CHECK(chosen({"status=running", "status=exited"}) == "old_one young");
  CHECK(chosen({"exited=3"}) == "old_one");
  CHECK(chosen({"exited=0"}).empty());
  CHECK(chosen({"health=healthy"}) == "young");
  CHECK(chosen({"health=none"}) == "old_one");
  CHECK(chosen({"ancestor=debian"}) == "young");
  CHECK(chosen({"ancestor=0123456789"}) == "old_one");
  CHECK(chosen({"before=young"}) == "old_one");
  CHECK(chosen({"since=aa11"}) == "young");
  CHECK(chosen({"until=1h"}) == "old_one");
  CHECK(chosen({"status=running", "label=tier"}).empty());
}

TEST_CASE("a filter that says nothing is an error") {
  for (const char* value :
       {"name", "status=odd", "exited=x", "name=(", "colour=red", "before=nobody", "until=x"})
    CHECK(chosen({value}) == "error");
}
