// Debian's buildah with `--runtime ecrin-runtime`, as the ordinary user of the other tests.
#include "tests/conformance/runtime_engine.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// How buildah of an ordinary user calls an OCI runtime.
const Arguments k_isolation = {"--isolation", "rootless"};

class Buildah {
public:
  Buildah() : m_tools(m_scratch), m_runtime(runtime_program(m_scratch)) {
    m_container = succeeded(m_tools.buildah({"from", "--pull-never", "oci-archive:" + setting().busybox}));
    image = succeeded(m_tools.buildah({"commit", m_container, "localhost/base"}));
  }
  Outcome run(Arguments flags, const Arguments& command) const {
    flags.insert(flags.begin(), {"run", "--runtime", m_runtime});
    flags.insert(flags.end(), k_isolation.begin(), k_isolation.end());
    flags.insert(flags.end(), {m_container, "--"});
    flags.insert(flags.end(), command.begin(), command.end());
    return m_tools.buildah(flags);
  }
  Outcome build(const std::string& containerfile) const {
    write_file(m_scratch / "context/Containerfile", containerfile);
    Arguments words = {"build", "--runtime", m_runtime, "--network", "none", "--tag", "localhost/built"};
    words.insert(words.end(), k_isolation.begin(), k_isolation.end());
    words.push_back(m_scratch / "context");
    return m_tools.buildah(words);
  }
  const Tools& tools() const { return m_tools; }
  std::string image;

private:
  Scratch m_scratch;
  Tools m_tools;
  std::string m_runtime;
  std::string m_container;
};

}  // namespace

TEST_CASE("buildah runs a program through ecrin-runtime") {
  const Buildah buildah;
  CHECK(succeeded(buildah.run({}, {"echo", "hello"})) == "hello");
  CHECK(buildah.run({}, {"sh", "-c", "exit 7"}).code == 7);
  CHECK(succeeded(buildah.run({"--user", "1000:100", "--env", "A=b", "--workingdir", "/tmp"},
                              {"sh", "-c", "id -u; id -g; echo $A; pwd"})) == "1000\n100\nb\n/tmp");
  succeeded(buildah.run({}, {"sh", "-c", "echo kept > /file"}));
  CHECK(succeeded(buildah.run({}, {"cat", "/file"})) == "kept");
}

TEST_CASE("buildah builds a file through ecrin-runtime") {
  const Buildah buildah;
  succeeded(
      buildah.build("FROM localhost/base\n"
                    "ENV A=b\n"
                    "RUN echo $A > /made && chown 1000:100 /made\n"
                    "USER 1000:100\n"
                    "WORKDIR /tmp\n"
                    "RUN id -u > who && pwd >> who && cat /made >> who\n"
                    "RUN --mount=type=tmpfs,target=/data touch /data/file\n"));
  const Arguments read = {"from", "--pull-never", "localhost/built"};
  const std::string container = succeeded(buildah.tools().buildah(read));
  CHECK(succeeded(buildah.tools().buildah(
            {"run", "--isolation", "chroot", container, "--", "cat", "/tmp/who"})) == "1000\n/tmp\nb");
  const Outcome failed = buildah.build("FROM localhost/base\nRUN exit 9\n");
  INFO(failed.description);
  CHECK(failed.code == 9);
}
