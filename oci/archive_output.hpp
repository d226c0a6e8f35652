// ArchiveOutput: the file that an archive goes to. A regular file is there whole or not at all; a pipe or a
// device is written to as it is. Internal to oci/.
#pragma once

#include <optional>
#include <string>

#include "base/atomic_file.hpp"
#include "base/stream.hpp"

namespace ecrin::oci {

class ArchiveOutput final : public Sink {
public:
  /// "-" is standard output.
  static Result<ArchiveOutput> open(const std::string& path);
  /// Long runs of zeros are holes of a regular file.
  Result<> write(std::span<const std::byte> bytes) override;
  Result<> finish() override;
  Result<> commit();

private:
  ArchiveOutput() = default;
  std::optional<AtomicFile> m_whole;
  std::uint64_t m_size = 0;  // of a regular file
  bool m_ends_in_hole = false;
  Fd m_stream;
};

}  // namespace ecrin::oci
