// mmdebstrap as a process: what it is told, and what it says. Internal to build/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.hpp"
#include "base/child.hpp"
#include "base/stream.hpp"
#include "build/session.hpp"
#include "run/owners/supervised_program.hpp"

namespace ecrin::build {

/// Its standard output (the archive) as a source, while its messages go to `hear`.
class Mmdebstrap final : public Source {
public:
  enum class Task { install, simulate };
  /// `temporary`: an empty directory for its work.
  static Result<std::unique_ptr<Mmdebstrap>> start(const Session& session, const StepScope& scope,
                                                   const recipes::FromBootstrap& bootstrap, Task task,
                                                   const std::string& temporary,
                                                   std::function<void(std::string_view)> hear);
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  /// Closes the archive, hears the rest of the messages and waits.
  Result<ExitStatus> end();
  /// Ends it with all that it started. Nothing of it writes any more when this returns.
  void kill();
  /// Its last line that tells of an error, without the mark.
  const std::string& last_error() const { return m_last_error; }

private:
  Mmdebstrap(std::function<void(std::string_view)> hear, const CancelToken& stop)
      : m_hear(std::move(hear)), m_stop(stop) {}
  Result<> pass_on();
  Result<> hear_rest();

  std::function<void(std::string_view)> m_hear;
  const CancelToken& m_stop;
  Child& child() { return m_supervised ? m_supervised->child() : m_child; }

  Child m_child;
  std::optional<run::SupervisedProgram> m_supervised;  // instead, where owners are recorded
  Fd m_archive;
  Fd m_messages;  // reset at its end
  std::string m_tail;
  std::string m_last_error;
};

}  // namespace ecrin::build
