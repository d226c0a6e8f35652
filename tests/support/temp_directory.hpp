// TempDirectory: a directory of a test's own, removed with everything in it at scope exit.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/fd.hpp"
#include "base/posix.hpp"

namespace ecrin::test {

class TempDirectory {
public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ecrin-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("cannot create a directory for the test");
    m_path = std::filesystem::canonical(pattern).string();
    m_fd = posix::open(m_path, O_RDONLY | O_DIRECTORY).value();
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    // No chmod before: tests leave nothing that their own user cannot remove.
    std::error_code ignored;
    std::filesystem::remove_all(m_path, ignored);
  }

  const std::string& path() const { return m_path; }
  std::string path(const std::string& relative) const { return m_path + "/" + relative; }
  const Fd& fd() const { return m_fd; }

private:
  std::string m_path;
  Fd m_fd;
};

}  // namespace ecrin::test
