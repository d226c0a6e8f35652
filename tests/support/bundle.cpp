#include "tests/support/bundle.hpp"

#include <array>

#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

namespace ecrin::tests {
namespace {

constexpr const char* k_id = "box";

}  // namespace

Bundle::Bundle() {
  constexpr std::array programs = {"cat",   "chmod",  "echo", "grep",    "head",  "id",   "ls",
                                   "mkdir", "mount",  "rm",   "sh",      "sleep", "stat", "test",
                                   "touch", "umount", "true", "unshare", "wc"};
  for (const char* directory : {"bin", "proc", "dev", "sys", "tmp", "etc"})
    make_directory(rootfs() + "/" + directory);
  tests::run(host_command({"cp", "/bin/busybox", rootfs() + "/bin/busybox"}));
  for (const char* name : programs)
    tests::run(host_command({"ln", "-s", "busybox", rootfs() + "/bin/" + name}));
  const Outcome written = tests::run(runtime({"spec", "--rootless", "-b", path()}));
  INFO(written.description);
  REQUIRE(written.code == 0);
  config = nlohmann::json::parse(read_file(path() + "/config.json"));
  config["process"]["terminal"] = false;
  config["root"]["readonly"] = false;
}

Bundle::~Bundle() {
  tests::run(runtime({"delete", "--force", "--regex", "."}));
}

void Bundle::mount(const std::string& destination, const std::string& type, const std::string& source,
                   const Arguments& options) {
  config["mounts"].push_back(
      {{"destination", destination}, {"type", type}, {"source", source}, {"options", options}});
}

void Bundle::share(const std::string& kind) {
  auto& namespaces = config["linux"]["namespaces"];
  for (auto entry = namespaces.begin(); entry != namespaces.end(); ++entry)
    if ((*entry)["type"] == kind) {
      namespaces.erase(entry);
      return;
    }
}

Invocation Bundle::runtime(const Arguments& arguments) const {
  Invocation made = host_command({setting().ecrin, "runtime", "--root", m_scratch / "states"});
  made.argv.insert(made.argv.end(), arguments.begin(), arguments.end());
  made.directory = m_scratch.path();
  made.timeout = std::chrono::seconds(60);
  return made;
}

void Bundle::write(const std::string& script) const {
  nlohmann::json wanted = config;
  wanted["process"]["args"] = {"sh", "-c", script};
  write_file(path() + "/config.json", wanted.dump());
}

Outcome Bundle::run(const std::string& script) const {
  write(script);
  return tests::run(runtime({"run", "--bundle", path(), k_id}));
}

std::string Bundle::must(const std::string& script) const {
  const Outcome outcome = run(script);
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

}  // namespace ecrin::tests
