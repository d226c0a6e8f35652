#include "run/user_namespace.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/posix.hpp"
#include "run/user_namespace_maps.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

IdentityRequest request_with(std::string subuid, std::string subgid,
                             std::string search_path = "/usr/bin:/bin") {
  return {.user_name = "ann",
          .subuid = std::move(subuid),
          .subgid = std::move(subgid),
          .search_path = std::move(search_path)};
}

// Entering changes the process for good. Returns what `body` returned, or 99 when the child died.
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

bool has_map_programs() {
  return ::access("/usr/bin/newuidmap", X_OK) == 0 && ::access("/usr/bin/newgidmap", X_OK) == 0;
}

}  // namespace

TEST_CASE("the maps are the user and its ranges") {
  if (!has_map_programs()) return;
  const MapChoice choice =
      choose_maps(request_with("bob:1:2\nann:100000:65536\nann:500000:10\n", "1000:7:8\n"), 1000, 100);
  CHECK(choice.problem.empty());
  CHECK(choice.uids == fs::IdMap{{0, 1000, 1}, {1, 100000, 65536}, {65537, 500000, 10}});
  CHECK(choice.gids == fs::IdMap{{0, 100, 1}, {1, 7, 8}});
}

TEST_CASE("a missing range is named with the line that makes one") {
  const MapChoice both = choose_maps(request_with("bob:1:2\n", ""), 1000, 1000);
  CHECK(both.problem == "there is no range for this user in /etc/subuid and /etc/subgid");
  CHECK(both.fix ==
        "add the line \"ann:100000:65536\" to /etc/subuid and /etc/subgid (as root: usermod --add-subuids "
        "100000-165535 --add-subgids 100000-165535 ann)");
  CHECK(
      choose_maps(request_with("ann:1:2\n", "bob:300000:65536\n"), 1000, 1000).fix ==
      "add the line \"ann:365536:65536\" to /etc/subgid (as root: usermod --add-subgids 365536-431071 ann)");
  CHECK(choose_maps(request_with("ann:1:2\n", ""), 1000, 1000).problem ==
        "there is no range for this user in /etc/subgid");
  IdentityRequest nameless = request_with("", "");
  nameless.user_name.clear();
  CHECK(choose_maps(nameless, 1234, 1).fix ==
        "add the line \"1234:100000:65536\" to /etc/subuid and /etc/subgid (as root)");
}

TEST_CASE("missing programs are named") {
  const MapChoice choice = choose_maps(request_with("ann:1:2\n", "ann:1:2\n", "/nonexistent"), 1000, 1000);
  CHECK(choice.problem == "there is no program 'newuidmap'");
}

TEST_CASE("root's map is every id onto itself") {
  CHECK(same_ids({{0, 1000, 1}, {1, 100000, 65536}}) == fs::IdMap{{0, 0, 1}, {1, 1, 65536}});
}

TEST_CASE("newuidmap's arguments") {
  CHECK(map_arguments("newuidmap", 42, {{0, 1000, 1}, {1, 100000, 65536}}) ==
        std::vector<std::string>{"newuidmap", "42", "0", "1000", "1", "1", "100000", "65536"});
}

TEST_CASE("the mode none changes nothing") {
  IdentityRequest request = identity_request().value();
  request.forced = IdentityMode::none;
  const uid_t before = ::getuid();
  const auto identity = enter_user_namespace(request);
  REQUIRE(identity);
  CHECK(identity->mode == IdentityMode::none);
  CHECK(identity->outer_uid == before);
  CHECK(::getuid() == before);
}

TEST_CASE("one id is root inside where user namespaces are allowed") {
  const int outcome = in_child([] {
    IdentityRequest request = identity_request().value();
    request.forced = IdentityMode::single;
    const auto identity = enter_user_namespace(request);
    if (!identity) return identity.error().hint_text().empty() ? 1 : 0;
    if (identity->mode != IdentityMode::single || ::getuid() != 0 || ::getgid() != 0) return 2;
    return identity->uids == fs::parse_id_map(posix::read_file("/proc/self/uid_map").value()).value() ? 0 : 3;
  });
  CHECK(outcome == 0);
}

TEST_CASE("the best mode that works is entered, and the rest is noted") {
  const int outcome = in_child([] {
    const auto identity = enter_user_namespace(identity_request().value());
    if (!identity) return identity.error().hint_text().empty() ? 1 : 0;
    if (::getuid() != 0 || ::getgid() != 0) return 2;
    if (identity->mode != IdentityMode::mapped && identity->note.empty()) return 3;
    // Entering once more, inside the first, works as well: root maps what it has onto itself.
    const auto nested = enter_user_namespace(identity_request().value());
    if (!nested) return 4;
    return fs::contiguous_ids(nested->uids) == fs::contiguous_ids(identity->uids) ? 0 : 5;
  });
  CHECK(outcome == 0);
}
