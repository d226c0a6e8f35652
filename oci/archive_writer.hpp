// ArchiveWriter: the tar around the files of an image archive. Plain files and directories, owner 0, time 0,
// so that equal images make equal archives. A PAX header comes only before what ustar cannot say (a name of
// more than 100 characters, a size from 8 GiB up).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/stream.hpp"

namespace ecrin::oci {

class ArchiveWriter {
public:
  explicit ArchiveWriter(Sink& sink) : m_sink(sink) {}
  Result<> add_directory(const std::string& name);
  Result<> add_file(const std::string& name, std::string_view bytes);
  /// `source` must have exactly `size` bytes.
  Result<> add_file(const std::string& name, std::uint64_t size, Source& source);
  /// The two zero blocks; also finishes the sink.
  Result<> finish();

private:
  Result<> header(const std::string& name, char type, std::uint64_t size, unsigned mode);
  Result<> pad(std::uint64_t size);
  Sink& m_sink;
};

}  // namespace ecrin::oci
