// verb: export
#include <unistd.h>

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/container_files.hpp"
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
  const build::TreeMount mount = TRY(build::mount_layers(workshop, layers, build::Access::looking));
  const Fd root = TRY(posix::open(mount.tree->path(), O_RDONLY | O_DIRECTORY));
  FdSink file(output);
  BufferedSink sink(file);
  TRY(fs::write_tree(root, sink, &cancel));
  TRY(sink.finish());
  return {};
}

// Its tree alone, without what is mounted in it.
Result<> write_container(Session& session, const run::StoredContainer& record, const Fd& output,
                         const CancelToken& cancel) {
  build::Workshop& workshop = *TRY(session.workshop());
  Containers containers = TRY(Containers::open(workshop.store()));
  const ContainerChanges changes = TRY(container_changes(containers, workshop, record, INT64_MAX, cancel));
  fs::TreeRequest request{.lowers = changes.lowers};
  request.lowers.push_back(changes.draft.path() + "/diff");
  request.scratch = changes.draft.path() + "/scratch";
  TRY(posix::make_directories(request.scratch, 0700));
  const auto tree = TRY((*TRY(workshop.driver())).mount(request));
  {
    const Fd root = TRY(posix::open(tree->path(), O_RDONLY | O_DIRECTORY));
    FdSink file(output);
    BufferedSink sink(file);
    TRY(fs::write_tree(root, sink, &cancel));
    TRY(sink.finish());
  }
  return tree->finish();
}

// none: there is no such container, and it may be an image's name.
Result<std::optional<run::StoredContainer>> find_container(Session& session, const std::string& words) {
  auto record = TRY(Containers::open(session)).find(words);
  if (record) return std::move(*record);
  if (record.error().kind() == ErrorKind::not_found) return std::nullopt;
  return std::unexpected(record.error());
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::string path = arguments.value("output", "-");
  if (path == "-" && ::isatty(1) == 1) {
    return std::unexpected(Error(ErrorKind::invalid, "an archive is nothing for a terminal")
                               .hint("give -o FILE, or redirect the output"));
  }
  const Interrupts interrupts;
  const auto container = TRY(find_container(session, arguments.operands().front()));
  build::Workshop* workshop = TRY(session.workshop());
  const auto write = [&](const Fd& output) -> Result<> {
    if (container) return write_container(session, *container, output, interrupts.token());
    const oci::ImageRecord record = TRY(find_image(workshop->images(), arguments.operands().front()));
    const oci::Image image = TRY(workshop->images().load(record.manifest));
    return write_tree_of(*workshop, image, output, interrupts.token());
  };
  const auto written = [&]() -> Result<> {
    if (path == "-") {
      const Fd output = TRY(standard_stream(1));
      return write(output);
    }
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const Fd parent = TRY(posix::open(directory, O_RDONLY | O_DIRECTORY));
    AtomicFile file =
        TRY(AtomicFile::create(parent, path.substr(slash == std::string::npos ? 0 : slash + 1), 0644));
    TRY(write(file.file()));
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
      .operands = "CONTAINER|IMAGE",
      .summary = "Write the tree of a container or an image as one tar",
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
