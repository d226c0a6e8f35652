// Bundle: a bundle of the runtime-spec with busybox in it, run by `ecrin runtime` as this ordinary user, in a
// user namespace with one id.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/process.hpp"
#include "tests/support/scratch.hpp"

namespace ecrin::tests {

class Bundle {
public:
  Bundle();
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;
  ~Bundle();

  std::string path() const { return m_scratch / "bundle"; }
  std::string rootfs() const { return m_scratch / "bundle/rootfs"; }
  const Scratch& scratch() const { return m_scratch; }

  /// config.json, as it will be written.
  nlohmann::json config;
  void mount(const std::string& destination, const std::string& type, const std::string& source,
             const Arguments& options = {});
  /// Without this kind of namespace.
  void share(const std::string& kind);
  /// `ecrin runtime ARGUMENTS` on the states of this test.
  Invocation runtime(const Arguments& arguments) const;
  /// config.json, with `sh -c script` as its program.
  void write(const std::string& script) const;
  /// Runs `sh -c script` in it to its end.
  Outcome run(const std::string& script) const;
  /// The same, and it must succeed: its standard output.
  std::string must(const std::string& script) const;

private:
  Scratch m_scratch;
};

}  // namespace ecrin::tests
