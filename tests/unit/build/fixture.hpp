// What the tests of build/ share: a directory, a workshop in it, and a way to write files.
#pragma once

#include <string>
#include <string_view>

#include "build/workshop.hpp"

namespace ecrin::build::testing {

class TemporaryDirectory {
public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return m_path; }

private:
  std::string m_path;
};

void write_file(const std::string& path, std::string_view content, mode_t mode = 0644);
std::string read_file(const std::string& path);
Fd open_directory(const std::string& path);
std::unique_ptr<Workshop> open_workshop(const std::string& root);

}  // namespace ecrin::build::testing
