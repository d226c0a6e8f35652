// Containerfiles and contexts by somebody who means harm. The classes are those of docs/SECURITY.md.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// A directory of the host that nothing may touch, and a file in it that nothing may read.
class Victim {
public:
  explicit Victim(Ecrin& ecrin) : m_path(ecrin.scratch() / "victim") {
    write_file(m_path + "/secret", "the host's secret\n");
    make_directory(m_path + "/empty", 0777);
    m_before = list_tree(m_path);
  }
  const std::string& path() const { return m_path; }
  /// As a symlink of an image leads to it, if it leads anywhere outside.
  std::string from_inside() const { return "../../../../../../../../../../.." + m_path; }
  bool is_untouched() const { return list_tree(m_path) == m_before; }

private:
  std::string m_path;
  std::string m_before;
};

Outcome build(const Ecrin& ecrin, const std::string& containerfile, Arguments flags = {}) {
  ecrin.context("Containerfile", containerfile);
  Arguments words = {"build", "-q"};
  words.insert(words.end(), flags.begin(), flags.end());
  words.push_back(ecrin.context_directory());
  Invocation invocation = ecrin.invocation(std::move(words));
  invocation.timeout = std::chrono::seconds(100);
  return run(invocation);
}

// One error, or an image; and in neither case a look at the secret.
std::string harmless(const Outcome& outcome) {
  INFO(outcome.description);
  CHECK_FALSE(outcome.timed_out);
  CHECK((outcome.code == 0 || one_error(outcome)));
  CHECK_FALSE(contains(outcome.out + outcome.err, "the host's secret"));
  return outcome.code == 0 ? lines_of(outcome.out).back() : "";
}

void refused(const Outcome& outcome, const std::string& reason) {
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(contains(outcome.err, reason));
  CHECK_FALSE(contains(outcome.out + outcome.err, "the host's secret"));
}

}  // namespace

TEST_CASE("attack: a working directory or a volume behind a symlink stays in the image") {
  Ecrin ecrin;
  const Victim victim(ecrin);
  for (const std::string& target :
       {victim.path(), victim.from_inside(), std::string("/proc/self/root") + victim.path()}) {
    const std::string id = harmless(build(ecrin, "FROM localhost/busybox\nRUN ln -s " + target + R"( /way
WORKDIR /way/made
RUN echo x > file; cat /way/secret; true
WORKDIR ../../../../..
WORKDIR /way
VOLUME /way/volume /../../up
COPY Containerfile made/
)"));
    CHECK(victim.is_untouched());
    if (id.empty()) continue;
    const Outcome ran =
        ecrin({"run", "--rm", id, "sh", "-c", "touch /way/volume/x /way/here; cat /way/secret"});
    INFO(ran.description);
    CHECK_FALSE(contains(ran.out, "the host's secret"));
    CHECK(victim.is_untouched());
  }
}

TEST_CASE("attack: sources and targets of a step's mounts stay in their places") {
  Ecrin ecrin;
  const Victim victim(ecrin);
  const std::string head = "FROM localhost/busybox AS other\nRUN ln -s " + victim.path() + " /way; ln -s " +
                           victim.from_inside() + " /up\nFROM other\n";
  for (const std::string mount :
       {"type=bind,from=other,source=/way,target=/m", "type=bind,from=other,source=/up,target=/m",
        "type=bind,from=other,source=/way/secret,target=/m", "type=bind,from=other,source=../../..,target=/m",
        "type=bind,source=../victim,target=/m", "type=cache,from=other,source=/way,target=/m",
        "type=cache,from=other,source=/up,target=/m", "type=cache,target=/way/m", "type=tmpfs,target=/up/m",
        "type=bind,from=other,target=/way/empty", "type=cache,target=/../../../../m"}) {
    INFO(mount);
    harmless(build(ecrin, head + "RUN --mount=" + mount +
                              " cat /m /m/secret /m/*/secret 2>/dev/null; touch /m/x /way/empty/x; true\n"));
    CHECK(victim.is_untouched());
  }
}

TEST_CASE("attack: a mount of a step has no options of the host's mounts") {
  Ecrin ecrin;
  for (const std::string option :
       {"bind-propagation=shared", "rshared", "dev", "suid", "exec", "O", "upperdir=/tmp", "idmap"}) {
    INFO(option);
    refused(build(ecrin,
                  "FROM localhost/busybox\nRUN --mount=type=bind,source=.,target=/m," + option + " true\n"),
            option.substr(0, option.find('=')));
  }
}

TEST_CASE("attack: the id of a cache names no other place") {
  Ecrin ecrin;
  const Victim victim(ecrin);
  for (const std::string& id :
       {victim.path(), victim.from_inside(), std::string("../../images"), std::string("..")}) {
    const std::string step =
        "RUN --mount=type=cache,id=" + id + ",target=/c ls /c; cat /c/secret; echo x > /c/x; true\n";
    harmless(build(ecrin, "FROM localhost/busybox\n" + step));
    CHECK(victim.is_untouched());
  }
  // Nor does what is in it: the next step finds a symlink where the cache was a directory.
  harmless(build(ecrin, "FROM localhost/busybox\nRUN --mount=type=cache,id=c,target=/c ln -s " +
                            victim.path() + " /c/way; ln -s " + victim.from_inside() + " /c/up\n" +
                            "RUN --mount=type=cache,id=c,target=/c cat /c/way/secret /c/up/secret; "
                            "touch /c/way/x /c/up/x; true\n"));
  CHECK(victim.is_untouched());
  CHECK(ecrin.in_container("busybox", {"echo", "hi"}) == "hi\n");
}

TEST_CASE("attack: two steps that race for one cache reach nothing outside of it") {
  Ecrin ecrin;
  const Victim victim(ecrin);
  harmless(build(ecrin,
                 "FROM localhost/busybox AS one\nRUN --mount=type=cache,id=r,target=/c "
                 "for i in $(seq 300); do rm -rf /c/d; ln -s " +
                     victim.path() +
                     " /c/d; rm -rf /c/d; mkdir /c/d; done\n"
                     "FROM localhost/busybox AS two\nRUN --mount=type=cache,id=r,target=/c "
                     "for i in $(seq 300); do touch /c/d/x; cat /c/d/secret; done 2>/dev/null; true\n"
                     "FROM localhost/busybox\n"
                     "RUN --mount=type=bind,from=one,target=/1 --mount=type=bind,from=two,target=/2 true\n"));
  CHECK(victim.is_untouched());
}

TEST_CASE("attack: taking mount points away follows no symlink") {
  Ecrin ecrin;
  const Victim victim(ecrin);
  for (const std::string& target : {victim.path(), victim.from_inside()}) {
    // The mount point that ecrin made is at /moved/empty now, and its name leads to a directory of the host.
    const std::string id = harmless(build(
        ecrin,
        "FROM localhost/busybox\nRUN --mount=type=tmpfs,target=/a/empty --mount=type=cache,target=/b/empty "
        "mv /a /moved && ln -s " +
            target + " /a && mv /b /moved-too && ln -s " + target + " /b\n"));
    REQUIRE_FALSE(id.empty());
    CHECK(victim.is_untouched());
    CHECK(trimmed(ecrin.in_container(id, {"readlink", "/a"})) == target);
  }
}

TEST_CASE("attack: a file asks for privileges and does not get them") {
  Ecrin ecrin;
  for (const std::string flag : {"--security=insecure", "--device=/dev/null", "--privileged", "--cap-add=ALL",
                                 "--mount=type=bind,source=/etc"}) {
    INFO(flag);
    const Outcome outcome = build(ecrin, "FROM localhost/busybox\nRUN " + flag + " true\n");
    INFO(outcome.description);
    CHECK(outcome.code == 125);
  }
  // Where a step may have the host's network, it gets nothing else with it.
  const Outcome outcome =
      build(ecrin,
            "FROM localhost/busybox\nRUN --network=host test-init try mount-tmpfs > /said; "
            "grep CapEff /proc/self/status >> /said\n");
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  const std::string said = ecrin.in_container(lines_of(outcome.out).back(), {"cat", "/said"});
  CHECK_FALSE(said.starts_with("ok"));
  CHECK(said.ends_with(ecrin.in_container("busybox", {"grep", "CapEff", "/proc/self/status"})));
}

TEST_CASE("attack: a Containerfile or an ignore file that is a symlink shows no file of the host",
          "[any-driver]") {
  Ecrin ecrin;
  const Victim victim(ecrin);
  const std::string tree = ecrin.scratch() / "tree";
  for (const char* name : {"Containerfile", "Dockerfile", ".containerignore", ".dockerignore"}) {
    for (const std::string& target :
         {victim.path() + "/secret", victim.from_inside() + "/secret", std::string("/etc/passwd")}) {
      INFO(name << " -> " << target);
      run(host_command({"rm", "-rf", tree}));
      write_file(tree + "/Containerfile", "FROM localhost/busybox\nCOPY . /all\n");
      if (std::string(name) == "Dockerfile") run(host_command({"rm", tree + "/Containerfile"}));
      run(host_command({"ln", "-sfn", target, tree + "/" + name}));
      const std::string archive = ecrin.scratch() / "context.tar";
      REQUIRE(run(host_command({"tar", "-C", tree, "-cf", archive, "."})).code == 0);
      const Outcome outcome = ecrin({"build", "-q", archive});
      INFO(outcome.description);
      CHECK((outcome.code == 0 || one_error(outcome)));
      CHECK_FALSE(contains(outcome.out + outcome.err, "the host's"));
      CHECK_FALSE(contains(outcome.out + outcome.err, "root:"));
      if (outcome.code != 0) continue;
      const std::string id = lines_of(outcome.out).back();
      CHECK_FALSE(contains(ecrin.in_container(id, {"sh", "-c", "cat /all/* /all/.* 2>/dev/null; true"}),
                           "the host's secret"));
    }
  }
}

TEST_CASE("attack: variables of the host reach no step, no image and no log") {
  Ecrin ecrin;
  ecrin.environment["TOKEN_OF_THE_HOST"] = "seven-seals";
  ecrin.environment["AWS_SECRET_ACCESS_KEY"] = "seven-seals";
  ecrin.environment["LD_LIBRARY_PATH"] = "/seven-seals";
  const Outcome outcome = build(ecrin, R"(FROM localhost/busybox
ARG AWS_SECRET_ACCESS_KEY_OTHER
RUN env > /environment; cat /proc/1/environ >> /environment 2>/dev/null; echo "$TOKEN_OF_THE_HOST"; true
ENV COPIED=$TOKEN_OF_THE_HOST
LABEL copied=${AWS_SECRET_ACCESS_KEY:-none}
)");
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  const std::string id = lines_of(outcome.out).back();
  CHECK_FALSE(contains(outcome.out + outcome.err, "seven-seals"));
  CHECK_FALSE(contains(ecrin.in_container(id, {"sh", "-c", "cat /environment; env"}), "seven-seals"));
  CHECK_FALSE(contains(ecrin.inspect(id).dump(), "seven-seals"));
  CHECK_FALSE(contains(ecrin.must({"history", id}), "seven-seals"));
}

TEST_CASE("attack: variables that grow tenfold in each line end with one error", "[any-driver]") {
  Ecrin ecrin;
  std::string file = "FROM scratch\nENV A=aaaaaaaaaa\n";
  for (int line = 0; line < 9; ++line) file += "ENV A=$A$A$A$A$A$A$A$A$A$A\n";
  const Outcome outcome = build(ecrin, file);
  INFO(outcome.description);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.code == 125);
  CHECK(one_error(outcome));
}

TEST_CASE("attack: what a step executes inherits no capabilities and no groups of the host") {
  Ecrin ecrin;
  const Outcome outcome =
      build(ecrin,
            "FROM localhost/busybox\nUSER someone\n"
            "RUN grep -E '^(CapInh|CapEff|CapAmb|Groups):' /proc/self/status > /tmp/said\n");
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  const std::string said = ecrin.in_container(lines_of(outcome.out).back(), {"cat", "/tmp/said"});
  INFO(said);
  for (const char* set : {"CapInh", "CapEff", "CapAmb"})
    CHECK(contains(said, std::string(set) + ":\t0000000000000000"));
  CHECK(contains(said, "Groups:\t1000 2000 \n"));
}
