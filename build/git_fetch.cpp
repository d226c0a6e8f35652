#include "build/git_fetch.hpp"

#include <chrono>

#include "base/child.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/temporary_tree.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_sha256_digits = 64;

constexpr std::size_t k_output_limit = 64u << 20;
constexpr std::chrono::minutes k_timeout{60};

class Git {
public:
  static Result<Git> find(const GitOptions& options, const CancelToken* cancel) {
    if (find_program("git", options.search_path).empty()) {
      auto error = Error(ErrorKind::not_found, "git is not installed, and a git repository is needed");
      return std::unexpected(std::move(error).hint("install git"));
    }
    return Git(options, cancel);
  }

  Result<Output> try_run(const std::string& directory, std::vector<std::string> arguments) const {
    Command command;
    command.argv = {"git"};
    for (std::string& argument : arguments) command.argv.push_back(std::move(argument));
    command.search_path = m_options.search_path;
    command.environment = environment();
    command.directory = directory;
    command.own_session = true;
    return run_command(std::move(command), {}, k_output_limit, k_timeout, m_cancel);
  }
  Result<std::string> run(const std::string& directory, std::vector<std::string> arguments) const {
    const std::string verb = arguments.front();
    Output output = TRY(try_run(directory, std::move(arguments)));
    if (output.status.success()) return std::move(output.standard_output);
    return failure(verb, output);
  }
  static std::unexpected<Error> failure(const std::string& verb, const Output& output) {
    std::vector<std::string> lines;
    for (const std::string& line : split(output.standard_error, '\n'))
      if (!trim(line).empty()) lines.emplace_back(trim(line));
    const std::string said = printable(join(lines, "; "), 2000);
    return fail(ErrorKind::network, "git {} failed: {}", verb,
                said.empty() ? output.status.to_string() : said);
  }

private:
  Git(const GitOptions& options, const CancelToken* cancel) : m_options(options), m_cancel(cancel) {}
  std::vector<std::string> environment() const;

  const GitOptions& m_options;
  const CancelToken* m_cancel;
};

std::vector<std::string> Git::environment() const {
  // What a repository may bring runs only when configuration says so: there is none but this.
  static constexpr std::pair<const char*, const char*> k_configuration[] = {
      {"core.hooksPath", "/dev/null"},    {"core.fsmonitor", "false"},      {"core.autocrlf", "false"},
      {"core.logAllRefUpdates", "false"}, {"credential.helper", ""},        {"protocol.file.allow", "never"},
      {"init.defaultBranch", "master"},   {"advice.detachedHead", "false"}, {"gc.auto", "0"},
      {"http.lowSpeedLimit", "1"},        {"http.lowSpeedTime", "60"},      {"safe.directory", "*"},
  };
  std::vector<std::string> environment = {
      "PATH=" + m_options.search_path,
      "LC_ALL=C.UTF-8",
      "HOME=/nonexistent",
      "GIT_CONFIG_NOSYSTEM=1",
      "GIT_CONFIG_GLOBAL=/dev/null",
      "GIT_CONFIG_SYSTEM=/dev/null",
      "GIT_ATTR_NOSYSTEM=1",
      "GIT_TERMINAL_PROMPT=0",
      "GIT_ASKPASS=/bin/false",
      "SSH_ASKPASS=/bin/false",
      "GIT_ALLOW_PROTOCOL=http:https:ssh:git",
      fmt::format("GIT_CONFIG_COUNT={}", std::size(k_configuration)),
  };
  std::size_t i = 0;
  for (const auto& [key, value] : k_configuration) {
    environment.push_back(fmt::format("GIT_CONFIG_KEY_{}={}", i, key));
    environment.push_back(fmt::format("GIT_CONFIG_VALUE_{}={}", i++, value));
  }
  std::string ssh =
      "ssh -F none -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=20 -o ServerAliveCountMax=3";
  if (!m_options.home.empty()) {
    // In our user namespace ssh takes us for root: whose files count has to be said.
    const auto option = [&](std::string_view name, std::string_view file) {
      ssh += " -o " + shell_quote(fmt::format("{}={}/.ssh/{}", name, m_options.home, file));
    };
    option("UserKnownHostsFile", "known_hosts");
    for (const char* key : {"id_ed25519", "id_ecdsa", "id_rsa"}) option("IdentityFile", key);
  }
  environment.push_back("GIT_SSH_COMMAND=" + ssh);
  for (const auto& [name, value] : m_options.environment) environment.push_back(name + "=" + value);
  return environment;
}

// The commit among the lines of ls-remote, in docker's order: the very name, a tag, a branch. A tag of its
// own stands for the commit that it names (the line with ^{}).
std::string commit_among(std::string_view lines, const std::string& reference) {
  std::map<std::string, std::string> commits;
  for (const std::string& line : split(lines, '\n')) {
    const std::size_t tab = line.find('\t');
    if (tab != std::string::npos) commits[line.substr(tab + 1)] = line.substr(0, tab);
  }
  for (const char* start : {"", "refs/tags/", "refs/heads/"}) {
    for (const char* end : {"^{}", ""}) {
      const auto found = commits.find(start + reference + end);
      if (found != commits.end() && is_commit_id(found->second)) return found->second;
    }
  }
  return "";
}

Result<> check_commit(const GitSource& source, const std::string& commit) {
  if (commit.starts_with(source.commit)) return {};
  return fail(ErrorKind::invalid, "'{}' is at the commit {}, but the recipe says {}", display_remote(source),
              commit, source.commit);
}

// By commit where the servers let us, else all that they have.
Result<> fetch_submodules(const Git& git, const std::string& path, const Fd& root) {
  std::vector<std::string> update = {"submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"};
  const Output shallow = TRY(git.try_run(path, update));
  if (shallow.status.success()) return {};
  log::debug("git submodule update: {}", printable(trim(shallow.standard_error), 500));
  // What came without its history would stay so.
  TRY(git.run(path, {"submodule", "--quiet", "deinit", "--all", "--force"}));
  TRY(fs::remove_tree(TRY(posix::open_at(root, ".git", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)), "modules"));
  update.pop_back();
  TRY(git.run(path, std::move(update)));
  return {};
}

}  // namespace

Result<std::string> find_commit(const GitSource& source, const GitOptions& options,
                                const CancelToken* cancel) {
  if (is_commit_id(source.reference)) {
    TRY(check_commit(source, source.reference));
    return source.reference;
  }
  const Git git = TRY(Git::find(options, cancel));
  const std::string reference = source.reference.empty() ? "HEAD" : source.reference;
  const std::string lines =
      TRY_WHILE(git.run("/", {"ls-remote", "--", source.remote, reference, reference + "^{}"}),
                "asking the git repository '{}'", display_remote(source));
  const std::string commit = commit_among(lines, reference);
  if (commit.empty()) {
    return fail(ErrorKind::not_found, "there is no '{}' in the git repository '{}'", printable(reference),
                display_remote(source));
  }
  TRY(check_commit(source, commit));
  return commit;
}

Result<GitCheckout> fetch_commit(Workshop& workshop, const GitSource& source, const std::string& commit,
                                 GitDirectory directory, const GitOptions& options,
                                 const CancelToken* cancel) {
  const Git git = TRY(Git::find(options, cancel));
  TemporaryTree tree = TRY(make_temporary_tree(workshop.store(), "git"));
  const std::string& path = tree.path;
  const auto fetch = [&]() -> Result<> {
    const char* format = commit.size() == k_sha256_digits ? "sha256" : "sha1";
    TRY(git.run(path, {"init", "--quiet", "--template=", fmt::format("--object-format={}", format), "."}));
    // Submodules are found relative to it; if it goes into an image, then without a password.
    const bool is_http = to_lower(source.remote.substr(0, 4)) == "http";
    TRY(git.run(path, {"remote", "add", "origin", "--", is_http ? display_remote(source) : source.remote}));
    // By commit where the server lets us, else by name, else everything that it has.
    const std::string name = source.reference.empty() ? "HEAD" : source.reference;
    for (const std::string& wanted : {commit, name}) {
      const Output output =
          TRY(git.try_run(path, {"fetch", "--quiet", "--depth=1", "--no-tags", "--", source.remote, wanted}));
      if (output.status.success() &&
          TRY(git.try_run(path, {"cat-file", "-e", commit + "^{commit}"})).status.success()) {
        return {};
      }
      log::debug("git fetch of {} from '{}': {}", wanted, display_remote(source),
                 printable(trim(output.standard_error), 500));
    }
    TRY(git.run(path, {"fetch", "--quiet", "--no-tags", "--", source.remote,
                       "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"}));
    if (!TRY(git.try_run(path, {"cat-file", "-e", commit + "^{commit}"})).status.success()) {
      return fail(ErrorKind::not_found, "the server does not give out the commit {}", commit);
    }
    return {};
  };
  TRY_WHILE(fetch(), "fetching the git repository '{}'", display_remote(source));
  TRY_WHILE(git.run(path, {"checkout", "--quiet", "--detach", commit}), "checking out the commit {}", commit);
  const Fd root = TRY(posix::open(path, O_RDONLY | O_DIRECTORY));
  if (source.submodules.value_or(true) && TRY(posix::exists_at(root, ".gitmodules")) == posix::Exists::yes) {
    TRY_WHILE(fetch_submodules(git, path, root), "fetching the submodules of '{}'", display_remote(source));
  }
  if (directory == GitDirectory::leave_out) {
    TRY(fs::remove_tree(root, ".git"));
  } else {
    // The index knows inodes and times of this checkout; one that knows none does as well.
    const Fd repository = TRY(posix::open_at(root, ".git", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(posix::unlink_at(repository, "index"));
    TRY(git.run(path, {"read-tree", commit}));
  }
  return GitCheckout{tree.path, std::move(tree.remover)};
}

}  // namespace ecrin::build
