// verb: runtime
#include "cli/runtime/runtime.hpp"
#include "cli/commands/commands.hpp"

namespace ecrin::cli {
namespace {

// Called when it did not stand first on the command line: flags of ecrin itself mean nothing to it.
Outcome run(Session&, const Arguments&) {
  return std::unexpected(Failure(Error(ErrorKind::invalid, "'runtime' has no use for flags before it")
                                     .hint("its own come after it: ecrin runtime --root DIR ...")));
}

}  // namespace

const Verb& runtime_verb() {
  static const Verb verb{
      .name = "runtime",
      .operands = "VERB ...",
      .summary = "Run containers out of OCI bundles, for podman, containerd and others",
      .details =
          "This is the command line that runc and crun share. The same program is installed as "
          "ecrin-runtime, for engines that are told a path. 'ecrin runtime --help' lists its verbs.",
      .flags = runtime_flags(),
      .order = Order::flags_first,
      .completion = Completion::word,
      .words = runtime_words(),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
