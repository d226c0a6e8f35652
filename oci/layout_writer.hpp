// LayoutWriter: writes into an OCI layout directory, new or with other images in it. Nothing counts before
// commit() has changed index.json. Internal to oci/.
#pragma once

#include <memory>
#include <string>

#include "oci/directory_writer.hpp"

namespace ecrin::oci {

class LayoutWriter {
public:
  /// A new or empty directory, or a layout; never somebody's home directory.
  static Result<std::unique_ptr<LayoutWriter>> open(const std::string& path);
  Result<bool> has(const Descriptor& blob);
  /// Safe from any thread.
  Result<> put(const Descriptor& blob, std::unique_ptr<Source> source);
  /// Adds these descriptors (a list) to index.json; an entry of the same name makes room.
  Result<> commit(const Json& entries);

private:
  explicit LayoutWriter(std::unique_ptr<DirectoryWriter> directory) : m_directory(std::move(directory)) {}
  std::unique_ptr<DirectoryWriter> m_directory;
};

/// The content of the file `oci-layout`.
inline constexpr std::string_view k_layout_version = R"({"imageLayoutVersion":"1.0.0"})";

}  // namespace ecrin::oci
