#include "run/emulation/probe_program.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "run/emulation/detached_mount.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_load_address = 0x10000;
constexpr std::uint64_t k_page = 0x10000;  // no machine has larger ones

// Numbers in the machine's order and, where its words are long, of its width.
class Writer {
public:
  explicit Writer(const ElfKind& elf) : m_elf(elf) {}

  Writer& half(std::uint64_t value) { return put(value, 2); }
  Writer& word(std::uint64_t value) { return put(value, 4); }
  Writer& address(std::uint64_t value) { return put(value, m_elf.bits == ElfClass::bits64 ? 8 : 4); }
  Writer& bytes(std::string_view text) {
    m_text += text;
    return *this;
  }
  std::string take() { return std::move(m_text); }

private:
  Writer& put(std::uint64_t value, int width) {
    for (int index = 0; index < width; ++index) {
      const int place = m_elf.order == ByteOrder::little_end ? index : width - 1 - index;
      m_text += static_cast<char>(value >> (8 * place));
    }
    return *this;
  }
  ElfKind m_elf;
  std::string m_text;
};

// Has nothing but system calls, as other threads of this process do not exist in it.
[[noreturn]] void be_probe(const char* root, const Fd& null) {
  char name[] = "probe";
  char* arguments[] = {name, nullptr};
  char* environment[] = {nullptr};
  // What an emulator has to say is nobody's business.
  for (int number = 0; number < 3; ++number) (void)::dup2(null.get(), number);
  if (::chroot(root) == 0) ::execve("/probe", arguments, environment);
  ::_exit(errno == ENOEXEC || errno == ENOENT ? 0 : 1);
}

}  // namespace

std::string probe_program(const Machine& machine) {
  const bool is_wide = machine.elf.bits == ElfClass::bits64;
  const std::uint64_t header_size = is_wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
  const std::uint64_t segment_size = is_wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  const std::uint64_t code = header_size + segment_size;
  const std::uint64_t size = code + machine.probe.size();
  Writer out(machine.elf);
  out.bytes(ELFMAG);
  for (const int byte : {static_cast<int>(machine.elf.bits), static_cast<int>(machine.elf.order), EV_CURRENT})
    out.bytes(std::string(1, static_cast<char>(byte)));
  out.bytes(std::string(EI_NIDENT - EI_OSABI, '\0'));
  out.half(ET_EXEC).half(machine.elf.machine).word(EV_CURRENT);
  out.address(k_load_address + code).address(header_size).address(0);  // start, segments, sections
  out.word(machine.flags).half(header_size).half(segment_size).half(1).half(0).half(0).half(0);
  // The whole file is one segment.
  out.word(PT_LOAD);
  if (is_wide) out.word(PF_R | PF_X);
  out.address(0).address(k_load_address).address(k_load_address).address(size).address(size);
  if (!is_wide) out.word(PF_R | PF_X);
  out.address(k_page);
  return out.bytes(machine.probe).take();
}

Result<Runs> try_program(const Machine& machine) {
  const Fd root = TRY(mount_detached("tmpfs"));
  {
    Fd file = TRY(posix::open_at(root, "probe", O_WRONLY | O_CREAT | O_EXCL, 0755));
    TRY(posix::write_full(file, std::string_view(probe_program(machine))));
    TRY(file.close());
  }
  const Fd null = TRY(posix::open("/dev/null", O_RDWR));
  const std::string path = posix::fd_path(root);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start a process");
  if (pid == 0) be_probe(path.c_str(), null);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == k_probe_code + 1 ? Runs::yes : Runs::no;
}

}  // namespace ecrin::run
