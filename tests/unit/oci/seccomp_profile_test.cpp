#include "oci/seccomp_profile.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

const SeccompFacts k_facts{
    .architecture = "amd64", .capabilities = {"CAP_CHOWN"}, .kernel = 6, .kernel_minor = 1};

std::vector<std::string> names(const std::string& rules, const SeccompFacts& facts = k_facts) {
  const auto config = parse_seccomp_profile(
      R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[)" + rules + "]}", "the profile", facts);
  REQUIRE(config);
  std::vector<std::string> names;
  for (const SeccompRule& rule : config->rules)
    names.insert(names.end(), rule.names.begin(), rule.names.end());
  return names;
}

std::string rule(const std::string& name, const std::string& rest) {
  return R"({"names":[")" + name + R"("],"action":"SCMP_ACT_ALLOW",)" + rest + "}";
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a profile's rules depend on capabilities, machine and kernel") {
  CHECK(names(rule("a", R"("args":null,"includes":{},"excludes":null)")) == Names{"a"});
  CHECK(names(rule("a", R"("includes":{"caps":["CAP_CHOWN"]})") + "," +
              rule("b", R"("includes":{"caps":["CAP_CHOWN","CAP_KILL"]})") + "," +
              rule("c", R"("excludes":{"caps":["CAP_CHOWN","CAP_KILL"]})") + "," +
              rule("d", R"("excludes":{"caps":["CAP_KILL"]})")) == Names{"a", "d"});
  CHECK(names(rule("a", R"("includes":{"arches":["x86","amd64"]})") + "," +
              rule("b", R"("includes":{"arches":["arm64"]})") + "," +
              rule("c", R"("excludes":{"arches":["amd64"]})")) == Names{"a"});
  CHECK(names(rule("a", R"("includes":{"minKernel":"4.8"})") + "," +
              rule("b", R"("includes":{"minKernel":"6.2"})") + "," +
              rule("c", R"("excludes":{"minKernel":"6.1"})") + "," +
              rule("d", R"("excludes":{"minKernel":"7.0"})")) == Names{"a", "d"});
  CHECK(names(R"({"name":"old","action":"SCMP_ACT_ALLOW"})") == Names{"old"});
}

TEST_CASE("a profile names errors and machines") {
  const auto config = parse_seccomp_profile(
      R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS",
          "archMap":[{"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]},
                     {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}],
          "syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","errno":"EINVAL",
                       "args":[{"index":0,"value":16,"op":"SCMP_CMP_EQ"}]},
                      {"names":["x"],"action":"SCMP_ACT_ERRNO","errnoRet":1,"errno":"EINVAL"}]})",
      "the profile", k_facts);
  REQUIRE(config);
  CHECK(config->default_errno_return == 38u);
  CHECK(config->architectures == Names{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"});
  REQUIRE(config->rules.size() == 2);
  CHECK(config->rules[0].errno_return == 22u);
  CHECK(config->rules[0].args.size() == 1);
  CHECK(config->rules[1].errno_return == 1u);
}

TEST_CASE("what is wrong with a profile is said with its place") {
  for (const auto& [text, place] : std::vector<std::pair<std::string, std::string>>{
           {"", "the profile"},
           {"[]", "object"},
           {"{}", "defaultAction"},
           {R"({"defaultAction":"A","defaultErrno":"EWHAT"})", "EWHAT"},
           {R"({"defaultAction":"A","architectures":["X"],"archMap":[{"architecture":"Y"}]})", "archMap"},
           {R"({"defaultAction":"A","syscalls":[{"action":"A"}]})", "syscalls[0]"},
           {R"({"defaultAction":"A","syscalls":[{"name":"a","names":["b"],"action":"A"}]})", "syscalls[0]"},
           {R"({"defaultAction":"A","syscalls":[{"names":["b"]}]})", "action"},
           {R"({"defaultAction":"A","syscalls":[{"names":["b"],"action":"A","includes":{"minKernel":"x"}}]})",
            "minKernel"},
           {R"({"defaultAction":"A","syscalls":[{"names":["b"],"action":"A","includes":{"caps":5}}]})",
            "caps"}}) {
    const auto config = parse_seccomp_profile(text, "the profile", k_facts);
    INFO(text);
    REQUIRE_FALSE(config);
    INFO(config.error().serialise());
    CHECK(config.error().serialise().find(place) != std::string::npos);
  }
}
