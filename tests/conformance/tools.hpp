// Other people's tools, run as the same ordinary user with all state below a test's scratch directory.
#pragma once

#include <string>

#include "tests/support/process.hpp"
#include "tests/support/scratch.hpp"

namespace ecrin::tests {

class Tools {
public:
  explicit Tools(const Scratch& scratch);
  Tools(const Tools&) = delete;
  Tools& operator=(const Tools&) = delete;
  ~Tools();

  Outcome skopeo(Arguments arguments) const;
  /// With a store of its own; `run` gets the runtime and flags that work on hosts with any cgroup layout.
  Outcome podman(Arguments arguments) const;
  Invocation podman_invocation(Arguments arguments) const;
  Outcome podman_run(const std::string& image, Arguments command) const;
  Outcome buildah(Arguments arguments) const;
  /// As root of a user namespace with all ids, so that owners are unpacked as they are.
  Outcome umoci(Arguments arguments) const;
  Outcome with_all_ids(Arguments argv) const;

private:
  Invocation invocation(Arguments argv) const;
  Outcome run_tool(Arguments argv) const;
  const Scratch& m_scratch;
  std::string m_run;  // podman takes at most 50 characters
};

}  // namespace ecrin::tests
