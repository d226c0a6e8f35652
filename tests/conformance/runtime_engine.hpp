// Other people's engines that run their containers through ecrin-runtime.
#pragma once

#include "tests/conformance/tools.hpp"

namespace ecrin::tests {

/// podman with the image localhost/busybox:latest and ecrin-runtime. Its containers are removed at the end.
class Podman {
public:
  Podman();
  Podman(const Podman&) = delete;
  Podman& operator=(const Podman&) = delete;
  ~Podman();

  Outcome operator()(const Arguments& arguments) const;
  /// It must succeed: standard output without the last newline.
  std::string must(const Arguments& arguments) const;
  /// `podman run --rm --network none FLAGS busybox COMMAND`
  Outcome run(Arguments flags, const Arguments& command) const;
  std::string must_run(const Arguments& flags, const Arguments& command) const;
  /// A container that runs on, with this name.
  void detached(const std::string& name, const Arguments& command, Arguments flags = {}) const;
  std::string state(const std::string& name, const std::string& field) const;
  Invocation invocation(const Arguments& arguments) const;
  const Scratch& scratch() const { return m_scratch; }

private:
  Scratch m_scratch;
  Tools m_tools;
  std::string m_runtime;
};

/// A symlink in `scratch` by the name that makes ecrin an OCI runtime.
std::string runtime_program(const Scratch& scratch);
/// What it wrote on standard output; it must have ended with 0.
std::string succeeded(const Outcome& outcome);
bool is_installed(const std::string& program);

}  // namespace ecrin::tests
