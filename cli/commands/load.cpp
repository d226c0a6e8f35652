// verb: load
#include <unistd.h>

#include "base/defer.hpp"
#include "base/posix.hpp"
#include "base/stream.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/standard_streams.hpp"
#include "cli/table.hpp"
#include "oci/transport.hpp"

namespace ecrin::cli {
namespace {

// An archive is read more than once (its index is at no fixed place), so a pipe goes to a file first.
constexpr const char* k_spool = "load";

Result<std::string> spool_input(Store& store) {
  if (::isatty(0) == 1) {
    return std::unexpected(Error(ErrorKind::invalid, "an archive cannot come from a terminal")
                               .hint("give -i FILE, or redirect the input"));
  }
  FdSource source(TRY(standard_stream(0)));
  const Fd directory = TRY(store.temporary());
  const Fd file = TRY(posix::open_at(directory, k_spool, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  FdSink sink(file);
  TRY_WHILE(copy_stream(source, sink), "copying standard input to the store");
  return store.temporary_path() + "/" + k_spool;
}

Outcome run(Session& session, const Arguments& arguments) {
  std::string input = arguments.value("input", "-");
  if (!arguments.operands().empty()) input = arguments.operands().front();
  if (input != "-") {
    input = TRY(absolute_path(input));
    TRY(posix::open(input, O_PATH));  // a wrong name is told before the store is opened
  }
  oci::ImportOptions options{.all = true, .indexes = oci::Indexes::whole};
  if (const auto platform = arguments.find("platform")) {
    options.indexes = oci::Indexes::platform;
    options.platform = TRY(oci::Platform::parse(*platform));
  }
  build::Workshop* workshop = TRY(session.workshop());
  const Defer remove_spool([workshop, &input] {
    if (input != "-") return;
    if (const auto directory = workshop->store().temporary()) (void)posix::unlink_at(*directory, k_spool);
  });
  const std::string path = input == "-" ? TRY(spool_input(workshop->store())) : input;
  const auto records = TRY_WHILE(oci::import_images(workshop->images(), path, options), "loading {}",
                                 input == "-" ? "standard input" : "'" + input + "'");
  for (const oci::ImageRecord& record : records) {
    if (record.names.empty()) print_line("Loaded image: " + record.id.digest.to_string());
    for (const std::string& name : record.names) print_line("Loaded image: " + name);
  }
  return 0;
}

}  // namespace

const Verb& load_verb() {
  static const Verb verb{
      .name = "load",
      .operands = "[FILE]",
      .summary = "Read images from an archive or a layout directory",
      .details =
          "OCI archives, OCI layout directories and docker archives, plain or compressed with gzip or zstd; "
          "which "
          "one it is is found by looking at it.",
      .flags =
          {
              {.name = "input",
               .letter = 'i',
               .value = "FILE",
               .help = "what to read; default: standard input",
               .completion = Completion::file},
              {.name = "platform",
               .value = "OS/ARCH",
               .help = "take only this platform's image out of an index; default: keep indexes whole"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "accepted: only the names are printed"},
          },
      .most_operands = 1,
      .completion = Completion::file,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
