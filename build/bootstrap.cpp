// FROM bootstrap: a root file system out of a distribution's packages, by mmdebstrap, which is root in our
// user namespace. Its tar goes straight into a layer directory.
#include <poll.h>
#include <signal.h>

#include "base/child.hpp"
#include "base/defer.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/executor.hpp"
#include "fs/id_map.hpp"
#include "fs/layer_apply.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_needed_ids = 65536;

// What mmdebstrap leaves behind that differs from host to host and run to run, besides what it cleans itself.
constexpr const char* k_left_behind[] = {"etc/resolv.conf", "etc/hostname", "var/log/bootstrap.log",
                                         "var/lib/dpkg/available-old"};

Result<> check_ids() {
  const fs::IdMap map = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/uid_map"))));
  if (fs::contiguous_ids(map) >= k_needed_ids) return {};
  auto error =
      Error(ErrorKind::unsupported, "bootstrapping a distribution needs 65536 user ids, and there are fewer");
  return std::unexpected(std::move(error).hint("add ranges for this user to /etc/subuid and /etc/subgid"));
}

Command command_for(const Session& session, const recipes::FromBootstrap& bootstrap,
                    const oci::Platform& platform, const std::string& temporary) {
  Command command;
  command.search_path = session.workshop.options().search_path;
  // Namespaces of its own: when it must stop, apt and dpkg stop with it, whatever they are doing, and no
  // mount stays.
  command.argv = {"unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "mmdebstrap", "--mode=root",
                  "--format=tar", "--variant=" + bootstrap.variant,
                  // Nodes in /dev cannot be made here, and a container brings its own.
                  "--skip=output/dev"};
  // Debian's word for each architecture that has another name here.
  const std::string architecture = platform.architecture == "386"        ? "i386"
                                   : platform.architecture == "arm"      ? "armhf"
                                   : platform.architecture == "ppc64le"  ? "ppc64el"
                                   : platform.architecture == "mips64le" ? "mips64el"
                                                                         : platform.architecture;
  command.argv.push_back("--architectures=" + architecture);
  if (!bootstrap.include.empty()) command.argv.push_back("--include=" + join(bootstrap.include, ","));
  // An old snapshot's lists have run out long ago; that is what it is for.
  if (!bootstrap.snapshot.empty()) command.argv.push_back("--aptopt=Acquire::Check-Valid-Until \"false\"");
  command.argv.push_back(bootstrap.suite);
  command.argv.push_back("-");
  std::vector<std::string> environment = {
      "PATH=" + command.search_path,
      "TMPDIR=" + temporary,
      "LC_ALL=C.UTF-8",
      "TZ=UTC",
      "HOME=" + temporary,  // so that it reads nobody's settings
      fmt::format("SOURCE_DATE_EPOCH={}",
                  session.options.current_time ? session.options.now : session.time.clamp),
  };
  for (const auto& [name, value] : session.options.proxy_environment)
    environment.push_back(name + "=" + value);
  command.environment = std::move(environment);
  return command;
}

/// Reads the archive while the program's messages go to the user.
class BootstrapSource final : public Source {
public:
  BootstrapSource(const Fd& archive, const Fd& messages, const StepScope& scope)
      : m_archive(archive), m_messages(messages), m_scope(scope) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    while (true) {
      TRY(m_scope.stop.check());
      struct pollfd ready[2] = {{.fd = m_archive.get(), .events = POLLIN, .revents = 0},
                                {.fd = m_talking ? m_messages.get() : -1, .events = POLLIN, .revents = 0}};
      if (::poll(ready, 2, 100) < 0 && errno != EINTR) return fail_errno("cannot wait for mmdebstrap");
      if (ready[1].revents) TRY(pass_on());
      if (ready[0].revents) return posix::read_some(m_archive, buffer);
    }
  }
  /// What it still says after the archive.
  Result<> rest() {
    while (m_talking) TRY(pass_on());
    return {};
  }
  const std::string& last_line() const { return m_last; }

private:
  Result<> pass_on() {
    std::byte buffer[4096];
    const std::size_t size = TRY(posix::read_some(m_messages, buffer));
    const std::string_view text(reinterpret_cast<const char*>(buffer), size);
    if (text.empty()) {
      m_talking = false;
      return {};
    }
    m_scope.output(text);
    m_tail = (m_tail + std::string(text));
    if (m_tail.size() > 4096) m_tail.erase(0, m_tail.size() - 4096);
    for (const std::string& line : split(m_tail, '\n')) {
      if (line.starts_with("E: ")) m_last = line.substr(3);
    }
    return {};
  }

  const Fd& m_archive;
  const Fd& m_messages;
  const StepScope& m_scope;
  bool m_talking = true;
  std::string m_tail;
  std::string m_last;
};

Result<> tidy(const Fd& tree) {
  for (const char* path : k_left_behind) {
    const std::string text = path;
    const std::size_t slash = text.rfind('/');
    auto directory = posix::open_beneath_no_symlinks(tree, text.substr(0, slash), O_RDONLY | O_DIRECTORY);
    if (!directory) continue;
    auto removed = posix::unlink_at(*directory, text.substr(slash + 1));
    if (!removed && removed.error().code() != ENOENT) return removed;
  }
  // An empty /dev, as other tools' images have it; what belongs there comes with the container.
  if (auto made = posix::mkdir_at(tree, "dev", 0755); made) {
    TRY(posix::chmod_at(tree, "dev", 0755));
  } else if (made.error().code() == EEXIST) {
    TRY(fs::clear_directory(TRY(posix::open_beneath_no_symlinks(tree, "dev", O_RDONLY | O_DIRECTORY))));
  } else {
    return made;
  }
  return {};
}

}  // namespace

Result<StepOutcome> execute_bootstrap(Session& session, const StepScope& scope,
                                      const recipes::FromBootstrap& bootstrap) {
  TRY(check_ids());
  const std::string& search_path = session.workshop.options().search_path;
  for (const auto& [program, package] : {std::pair{"mmdebstrap", "mmdebstrap"}, {"unshare", "util-linux"}}) {
    if (!find_program(program, search_path).empty()) continue;
    auto error =
        Error(ErrorKind::not_found, fmt::format("cannot bootstrap without the program '{}'", program));
    return std::unexpected(std::move(error).hint(fmt::format("install the package {}", package)));
  }
  const oci::Platform host = oci::Platform::host();
  if (!host.accepts(scope.step.platform)) {
    return fail(ErrorKind::unsupported, "cannot bootstrap {} on this {} host",
                scope.step.platform.to_string(), host.to_string());
  }
  const Fd temporary = TRY(session.workshop.store().temporary());
  const std::string work = "bootstrap-" + Store::unique_name();
  TRY(posix::mkdir_at(temporary, work, 0755));
  const Defer remove_work([&] {
    if (auto removed = fs::remove_tree(temporary, work); !removed) {
      log::debug("cannot remove '{}': {}", work, removed.error().message());
    }
  });
  Command command = command_for(session, bootstrap, scope.step.platform,
                                session.workshop.store().temporary_path() + "/" + work);
  Fd sources;
  if (!scope.step.bootstrap_sources.empty()) {
    command.argv.push_back("-");  // sources.list on standard input
    sources = TRY(posix::sealed_memory_file("sources.list", as_bytes(scope.step.bootstrap_sources)));
    command.descriptors.emplace_back(&sources, 0);
  }
  Pipe archive = TRY(Pipe::create());
  Pipe messages = TRY(Pipe::create());
  command.descriptors.emplace_back(&archive.write, 1);
  command.descriptors.emplace_back(&messages.write, 2);
  Child child = TRY_WHILE(Child::spawn(command), "starting mmdebstrap");
  archive.write.reset();
  messages.write.reset();

  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  BootstrapSource source(archive.read, messages.read, scope);
  auto applied = fs::apply_layer(std::make_unique<BorrowedSource>(source), draft.diff(),
                                 fs::ApplyForm::plain_tree, {}, &scope.stop);
  if (!applied && applied.error().kind() == ErrorKind::cancelled) {
    (void)child.signal(SIGKILL);
    archive.read.reset();
    (void)source.rest();  // ends when the last of its processes has: then nothing writes any more
    return std::unexpected(std::move(applied).error());
  }
  archive.read.reset();
  TRY(source.rest());
  const ExitStatus status = TRY(child.wait());
  if (!status.success()) {
    // An archive that ends early is its consequence, not the cause.
    return fail(ErrorKind::system, "mmdebstrap ended with {}{}", status.to_string(),
                source.last_line().empty() ? "" : ": " + printable(source.last_line()));
  }
  if (!applied) return std::unexpected(std::move(applied).error().context("unpacking what mmdebstrap made"));
  TRY(tidy(draft.diff()));
  return publish_changes(session, std::move(draft), nullptr, {}, scope.stop);
}

}  // namespace ecrin::build
