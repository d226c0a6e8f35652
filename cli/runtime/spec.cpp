// verbs: runtime spec, features
#include <unistd.h>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/runtime/runtime.hpp"
#include "cli/table.hpp"
#include "oci/runtime_config_json.hpp"
#include "oci/runtime_features.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/known_features.hpp"

namespace ecrin::cli {
namespace {

Result<int> run_spec(const RuntimeContext&, const Arguments& arguments) {
  const std::string bundle = arguments.value("bundle", ".");
  const Fd directory = TRY_WHILE(posix::open(bundle, O_PATH | O_DIRECTORY), "opening the bundle");
  const bool rootless = arguments.on("rootless");
  oci::RuntimeConfig config = oci::example_runtime_config(rootless, ::geteuid(), ::getegid());
  // As other runtimes do it: what is made for hosts of version 1 adds it, or reads the cgroup's whole path.
  if (run::read_cgroup_facts().layout != run::CgroupLayout::version2)
    std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::cgroup));
  auto file = posix::open_at(directory, "config.json", O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file && file.error().code() == EEXIST)
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("there is a config.json in '{}' already", printable(bundle)))
            .hint("remove it first"));
  TRY(posix::write_full(TRY(std::move(file)), oci::runtime_config_json(config)));
  return 0;
}

Result<int> run_features(const RuntimeContext&, const Arguments&) {
  print(oci::runtime_features_json(run::known_features()));
  return 0;
}

}  // namespace

const RuntimeVerb& runtime_spec_verb() {
  static const RuntimeVerb verb{
      .words = {.name = "runtime spec",
                .operands = "",
                .summary = "Write a config.json to begin with",
                .flags = {{.name = "bundle",
                           .letter = 'b',
                           .value = "DIR",
                           .help = "where; default: the working directory",
                           .completion = Completion::directory},
                          {.name = "rootless", .value = "", .help = "for an ordinary user"}},
                .most_operands = 0},
      .run = run_spec,
  };
  return verb;
}

const RuntimeVerb& runtime_features_verb() {
  static const RuntimeVerb verb{
      .words = {.name = "runtime features",
                .operands = "",
                .summary = "Show what this runtime knows of config.json",
                .most_operands = 0},
      .run = run_features,
  };
  return verb;
}

}  // namespace ecrin::cli
