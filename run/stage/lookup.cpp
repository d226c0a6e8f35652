// The program's file: where it is, and what is wrong with it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/emulation/machine.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr std::string_view k_default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::string_view search_path(const std::vector<std::string>& environment) {
  for (const std::string& entry : environment)
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  return k_default_path;
}

// Who writes a command for a shell may not have thought of one.
std::string missing_shell_hint(const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  if (name != "sh" && name != "bash" && name != "dash" && name != "ash") return "";
  if (::access("/bin/sh", X_OK) == 0) return "there is /bin/sh in this image";
  return "there is no shell in this image: give the program and its arguments as a list (in a recipe: "
         "run: [PROGRAM, ARGUMENT]), or copy a shell into the image";
}

Error not_found(const std::string& program, std::string message) {
  Error error(ErrorKind::program_not_found, std::move(message));
  const std::string hint = missing_shell_hint(program);
  return hint.empty() ? error : std::move(error).hint(hint);
}

// What the kernel says nothing about: what the file is instead of a program of this machine.
Error not_executable(const std::string& what, const std::string& file) {
  const auto opened = posix::open(file, O_RDONLY | O_NONBLOCK);
  std::array<std::byte, k_elf_kind_size> head{};
  const auto size = opened ? posix::read_some(*opened, head) : Result<std::size_t>(0);
  const auto kind = read_elf_kind({reinterpret_cast<const char*>(head.data()), size.value_or(0)});
  const Machine* machine = kind ? find_machine(*kind) : nullptr;
  const auto failed = [&](const std::string& reason) {
    return Error(ErrorKind::program_not_executable, what + ": Exec format error" + reason);
  };
  if (kind && !machine)
    return failed(fmt::format(": it is a program for another processor (number {} of ELF)", kind->machine));
  if (machine && machine != own_machine())
    return failed(fmt::format(": it is a program for {}", machine->architecture))
        .hint(fmt::format("with --platform linux/{} such programs are run by qemu-user",
                          machine->architecture));
  return failed("").hint(kind ? "the file is damaged" : "the file is no ELF program and has no #! line");
}

Error exec_error(int code, const std::string& program, const std::string& file) {
  const std::string what = fmt::format("cannot run '{}' in the container", printable(program));
  if (code == ENOEXEC) return not_executable(what, file);
  if (code == ENOENT && ::access(file.c_str(), F_OK) == 0)
    return Error(ErrorKind::program_not_found, what + ": its interpreter or dynamic loader does not exist")
        .hint(
            "the #! line, or the loader that the program was linked for, names a file that the image lacks");
  struct stat status {};
  if (code == EACCES && ::stat(file.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode))
      return Error(ErrorKind::program_not_executable, what + ": it is a directory");
    if ((status.st_mode & 0111) == 0)
      return Error(ErrorKind::program_not_executable, Error::from_errno(code, what).message())
          .hint("the file has no execute permission");
  }
  std::string message = Error::from_errno(code, what).message();
  if (code == ENOENT) return not_found(program, std::move(message));
  return Error(ErrorKind::program_not_executable, std::move(message));
}

// Gives `attempt` the files that a program's name may stand for, until one returns 0; else the errno of what
// is wrong with it. Empty: there was one.
std::optional<Error> try_files(const ProcessPlan& process,
                               const std::function<int(const std::string&)>& attempt) {
  const std::string& program = process.args.front();
  if (program.find('/') != std::string::npos) {
    const int code = attempt(program);
    if (code == 0) return {};
    return exec_error(code, program, program);
  }
  const std::string_view path = search_path(process.env);
  std::optional<Error> denied;
  for (const std::string& directory : split(path, ':')) {
    const std::string file = (directory.empty() ? "." : directory) + "/" + program;
    const int code = attempt(file);
    if (code == 0) return {};
    if (code == ENOTDIR || (code == ENOENT && ::access(file.c_str(), F_OK) != 0)) continue;
    if (code != EACCES) return exec_error(code, program, file);
    // As the shell does: a later directory may have one that can be executed.
    if (!denied && ::access(file.c_str(), F_OK) == 0) denied = exec_error(code, program, file);
  }
  if (denied) return denied;
  return not_found(program, fmt::format("cannot run '{}' in the container: not found in PATH ({})",
                                        printable(program), printable(path)));
}

}  // namespace

Error execute_program(ProcessPlan& process) {
  std::vector<char*> arguments = pointers(process.args);
  std::vector<char*> environment = pointers(process.env);
  return *try_files(process, [&](const std::string& file) {
    ::execve(file.c_str(), arguments.data(), environment.data());
    return errno;
  });
}

// As execute_program() does it, but without the execution: what is found here may still fail there.
Result<> look_up_program(const ProcessPlan& process) {
  auto error = try_files(process, [](const std::string& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return errno;
    if (!S_ISREG(status.st_mode)) return EACCES;
    return ::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
  });
  if (error) return std::unexpected(std::move(*error));
  return {};
}

}  // namespace ecrin::run::stage
