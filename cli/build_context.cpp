#include "cli/build_context.hpp"

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/archive_file.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "cli/standard_streams.hpp"
#include "oci/registry/url.hpp"

namespace ecrin::cli {

namespace {

Result<build::NamedContext> parse_named(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
    auto error =
        Error(ErrorKind::invalid, fmt::format("--build-context is NAME=VALUE, not '{}'", printable(text)));
    return std::unexpected(std::move(error).hint(
        "VALUE is a directory, docker-image://NAME, oci-layout://DIRECTORY, a git URL or an archive"));
  }
  build::ContextSource source = TRY(build::parse_named_context(std::string_view(text).substr(equals + 1)));
  build::NamedContext context{text.substr(0, equals), std::move(source)};
  using Kind = build::ContextSource::Kind;
  if (context.source.kind == Kind::path || context.source.kind == Kind::oci_layout) {
    context.source.location = TRY(absolute_path(context.source.location));
    TRY_WHILE(posix::open(context.source.location, O_PATH), "looking for the context '{}'",
              printable(context.name));
  }
  return context;
}

Result<bool> is_archive(const std::string& path) {
  const Fd file = TRY(posix::open(path, O_RDONLY | O_NONBLOCK));
  if (!S_ISREG(TRY(posix::stat_fd(file)).st_mode)) return false;
  return TRY(build::content_of(file)) == build::FileContent::archive;
}

}  // namespace

Result<> read_context_options(const Arguments& arguments, const Environment& environment,
                              build::BuildOptions& options) {
  for (const std::string& text : arguments.values("build-context")) {
    build::NamedContext context = TRY(parse_named(text));
    if (build::find_named_context(options.named_contexts, context.name)) {
      return fail(ErrorKind::invalid, "the context '{}' is given twice", printable(context.name));
    }
    options.named_contexts.push_back(std::move(context));
  }
  if (const auto file = arguments.find("ignorefile")) options.ignore_file = TRY(absolute_path(*file));
  options.home = environment("HOME").value_or("");
  options.ssh_agent = environment("SSH_AUTH_SOCK").value_or("");
  return {};
}

Result<std::optional<build::ContextFiles>> open_context_operand(Session& session, const std::string& operand,
                                                                build::BuildOptions& options,
                                                                const CancelToken& cancel) {
  std::optional<build::ContextFiles> files;
  bool is_local = true;
  if (operand == "-") {
    Fd input = TRY(standard_stream(0));
    files = TRY(build::read_context(*TRY(session.workshop()), std::move(input), &cancel));
  } else {
    build::ContextSource source = TRY(build::parse_context(operand));
    is_local = source.kind == build::ContextSource::Kind::path;
    if (is_local) {
      source.location = TRY(absolute_path(operand));
      if (!TRY(is_archive(source.location))) return std::nullopt;
    }
    build::Workshop& workshop = *TRY(session.workshop());
    build::ContextAccess access{.git = {.search_path = workshop.options().search_path,
                                        .environment = options.proxy_environment,
                                        .home = options.home},
                                .proxies = options.proxy_environment};
    build::SshAgents agents(workshop.store(), options.ssh_agents, workshop.options().search_path);
    if (agents.has("default")) {
      access.git.environment["SSH_AUTH_SOCK"] = TRY(agents.socket("default"));
    } else if (!options.ssh_agent.empty()) {
      access.git.environment["SSH_AUTH_SOCK"] = options.ssh_agent;
    }
    files = TRY(build::open_context(workshop, source, build::ContextUse::main, access, &cancel));
  }
  options.context_directory = files->directory;
  // It stands in messages and, with what was built there, in the store.
  options.context_name = is_local ? operand : oci::without_credentials(operand);
  return files;
}

Result<RecipeSource> find_recipe_inside(const build::ContextFiles& files, const std::string& file,
                                        const std::string& name) {
  const Fd root = TRY(posix::open(files.directory, O_RDONLY | O_DIRECTORY));
  RecipeSource source;
  if (file.empty()) {
    source = TRY_WHILE(find_recipe("", files.directory), "looking into the context '{}'", printable(name));
  } else {
    source.context_directory = files.directory;
  }
  const std::string inside = file.empty() ? source.path.substr(files.directory.size()) : file;
  const build::RootPath found = TRY(build::resolve_in_root(root, inside));
  if (!found.status || !S_ISREG(found.status->st_mode)) {
    return fail(ErrorKind::not_found, "there is no file '{}' in the context '{}'", printable(inside),
                printable(name));
  }
  source.name = build::relative_to_root(inside);
  source.path = files.directory + "/" + found.path;
  return source;
}

}  // namespace ecrin::cli
