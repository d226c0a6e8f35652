// verb: export
#include <unistd.h>

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "cli/standard_streams.hpp"
#include "fs/changeset.hpp"

namespace ecrin::cli {
namespace {

Result<> write_tree_of(build::Workshop& workshop, const oci::Image& image, const Fd& output,
                       const CancelToken& cancel) {
  const std::vector<fs::Layer> layers = TRY(workshop.unpack(image, &cancel));
  const build::TreeMount mount = TRY(build::mount_layers(workshop, layers, build::Access::read_only));
  const Fd root = TRY(posix::open(mount.tree->path(), O_RDONLY | O_DIRECTORY));
  FdSink file(output);
  BufferedSink sink(file);
  TRY(fs::write_tree(root, sink, &cancel));
  TRY(sink.finish());
  return {};
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::string path = arguments.value("output", "-");
  if (path == "-" && ::isatty(1) == 1) {
    return std::unexpected(Error(ErrorKind::invalid, "an archive is nothing for a terminal")
                               .hint("give -o FILE, or redirect the output"));
  }
  build::Workshop* workshop = TRY(session.workshop());
  const Interrupts interrupts;
  const oci::ImageRecord record = TRY(find_image(workshop->images(), arguments.operands().front()));
  const oci::Image image = TRY(workshop->images().load(record.manifest));
  const auto written = [&]() -> Result<> {
    if (path == "-") {
      const Fd output = TRY(standard_stream(1));
      return write_tree_of(*workshop, image, output, interrupts.token());
    }
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const Fd parent = TRY(posix::open(directory, O_RDONLY | O_DIRECTORY));
    AtomicFile file =
        TRY(AtomicFile::create(parent, path.substr(slash == std::string::npos ? 0 : slash + 1), 0644));
    TRY(write_tree_of(*workshop, image, file.file(), interrupts.token()));
    return file.commit(AtomicFile::Sync::no);
  }();
  if (!written) {
    return std::unexpected(
        Error(written.error()).context("exporting " + printable(arguments.operands().front())));
  }
  return 0;
}

}  // namespace

const Verb& export_verb() {
  static const Verb verb{
      .name = "export",
      .operands = "IMAGE",
      .summary = "Write an image's tree as one tar",
      .details =
          "The merged tree of all layers, without names, configuration and history; 'ecrin import' reads it "
          "back.",
      .flags = {{.name = "output",
                 .letter = 'o',
                 .value = "FILE",
                 .help = "where to; default: standard output",
                 .completion = Completion::file}},
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
