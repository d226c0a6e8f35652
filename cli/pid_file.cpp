#include "cli/pid_file.hpp"

#include "base/atomic_file.hpp"

namespace ecrin::cli {

Result<> write_pid_file(const std::string& path, pid_t pid) {
  TRY_WHILE(write_file_atomically(path, std::to_string(pid), 0644), "writing the pid file");
  return {};
}

}  // namespace ecrin::cli
