#include "tests/unit/build/fixture.hpp"

#include <cstdlib>

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "build/pattern.hpp"
#include "fs/tree.hpp"
#include "tests/support/catch.hpp"

namespace ecrin::build::testing {

TemporaryDirectory::TemporaryDirectory() : m_path("/var/tmp/unit-build-XXXXXX") {
  REQUIRE(::mkdtemp(m_path.data()) != nullptr);
}

TemporaryDirectory::~TemporaryDirectory() {
  const auto parent = posix::open(parent_path(m_path), O_RDONLY | O_DIRECTORY);
  if (parent) (void)fs::remove_tree(*parent, base_name(m_path));
}

void write_file(const std::string& path, std::string_view content, mode_t mode) {
  REQUIRE(posix::make_directories(parent_path(path), 0755));
  REQUIRE(write_file_atomically(path, content, mode));
  const Fd directory = open_directory(parent_path(path));
  REQUIRE(posix::chmod_at(directory, base_name(path), mode));
}

std::string read_file(const std::string& path) {
  auto text = posix::read_file(path);
  REQUIRE(text);
  return std::move(*text);
}

Fd open_directory(const std::string& path) {
  auto directory = posix::open(path, O_RDONLY | O_DIRECTORY);
  REQUIRE(directory);
  return std::move(*directory);
}

std::unique_ptr<Workshop> open_workshop(const std::string& root) {
  WorkshopOptions options;
  options.root = root;
  auto workshop = Workshop::open(options);
  REQUIRE(workshop);
  return std::move(*workshop);
}

}  // namespace ecrin::build::testing
