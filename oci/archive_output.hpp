// ArchiveOutput: the file that an archive goes to. A regular file is there whole or not at all; a pipe or a
// device is written to as it is. Internal to oci/.
#pragma once

#include <optional>
#include <string>

#include "base/atomic_file.hpp"

namespace ecrin::oci {

class ArchiveOutput {
public:
  /// "-" is standard output.
  static Result<ArchiveOutput> open(const std::string& path);
  const Fd& file() const { return m_whole ? m_whole->file() : m_stream; }
  Result<> commit();

private:
  ArchiveOutput() = default;
  std::optional<AtomicFile> m_whole;
  Fd m_stream;
};

}  // namespace ecrin::oci
