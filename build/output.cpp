#include "build/output.hpp"

#include <unistd.h>

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/upper_tree.hpp"
#include "fs/changeset.hpp"
#include "oci/transport.hpp"

namespace ecrin::build {

namespace {

Result<OutputSpec::Type> parse_type(const std::string& name) {
  using Type = OutputSpec::Type;
  static constexpr std::pair<std::string_view, Type> k_types[] = {
      {"store", Type::store},
      {"image", Type::store},
      {"oci", Type::oci_archive},
      {"oci-archive", Type::oci_archive},
      {"oci-dir", Type::oci_directory},
      {"docker", Type::docker_archive},
      {"docker-archive", Type::docker_archive},
      {"tar", Type::tar},
      {"local", Type::local},
  };
  std::vector<std::string_view> names;
  for (const auto& [known, type] : k_types) {
    if (known == name) return type;
    names.push_back(known);
  }
  auto error = Error(ErrorKind::invalid, fmt::format("unknown output type '{}'", printable(name)));
  const std::string meant = nearest(name, names);
  if (!meant.empty()) return std::unexpected(std::move(error).hint("did you mean '" + meant + "'?"));
  return std::unexpected(std::move(error).hint("types are store, oci, oci-dir, docker, tar and local"));
}

/// A directory with the files of the tree, all owned by the caller: in our user namespace that is root.
Result<> write_directory(const Fd& tree, const std::string& destination, const CancelToken& cancel) {
  TRY(posix::make_directories(destination, 0755));
  const Fd target = TRY(posix::open(destination, O_RDONLY | O_DIRECTORY));
  const SourceTree source{&tree, nullptr, "the image", ""};
  const Selection selection = TRY(select_sources(source, {"/"}, {}, &cancel));
  CopyOptions options;
  options.owner = std::pair<uid_t, gid_t>{0, 0};
  options.skip_devices = true;
  UpperTree upper(target, nullptr, TRY(posix::stat_fd(tree)).st_mtim);
  TRY(copy_selection(source, selection.items, "/", options, upper, &cancel));
  return upper.finish();
}

Result<> write_tar_to(const Fd& tree, const Fd& file, const CancelToken& cancel) {
  FdSink sink(file);
  BufferedSink buffered(sink);
  TRY(fs::write_tree(tree, buffered, &cancel));
  return buffered.finish();
}

Result<> write_tar(const Fd& tree, const std::string& destination, const CancelToken& cancel) {
  if (destination == "-") {
    Fd standard(STDOUT_FILENO);
    auto output = standard.duplicate();
    (void)standard.release();  // it was never ours to close
    return write_tar_to(tree, TRY(std::move(output)), cancel);
  }
  const std::size_t slash = destination.rfind('/');
  const std::string parent = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : destination.substr(0, slash);
  const Fd directory = TRY(posix::open(parent, O_PATH | O_DIRECTORY));
  AtomicFile file = TRY(AtomicFile::create(directory, destination.substr(slash + 1), 0644));
  TRY(write_tar_to(tree, file.file(), cancel));
  return file.commit(AtomicFile::Sync::no);
}

}  // namespace

Result<OutputSpec> parse_output(std::string_view text) {
  OutputSpec output;
  if (text.empty()) return fail(ErrorKind::invalid, "the output is empty");
  if (text.find('=') == std::string_view::npos) {
    // Docker's short forms.
    output.type = text == "-" ? OutputSpec::Type::tar : OutputSpec::Type::local;
    output.destination = text;
    return output;
  }
  bool has_type = false;
  bool as_directory = false;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) {
      return fail(ErrorKind::invalid, "'{}' in the output is not KEY=VALUE", printable(part));
    }
    const std::string key = part.substr(0, equals);
    const std::string value = part.substr(equals + 1);
    if (key == "type") {
      output.type = TRY(parse_type(value));
      has_type = true;
    } else if (key == "dest" || key == "destination") {
      output.destination = value;
    } else if (key == "tar" && (value == "true" || value == "false")) {
      as_directory = value == "false";
    } else {
      auto error =
          Error(ErrorKind::invalid, fmt::format("unknown setting '{}' in the output", printable(part)));
      return std::unexpected(
          std::move(error).hint("settings are type=, dest= and, for type=oci, tar=true|false"));
    }
  }
  using Type = OutputSpec::Type;
  if (!has_type) return fail(ErrorKind::invalid, "the output '{}' has no type=", printable(text));
  const bool ends_with_slash = output.destination.size() > 1 && output.destination.ends_with('/');
  if (output.type == Type::oci_archive && (as_directory || ends_with_slash))
    output.type = Type::oci_directory;
  if (output.type == Type::store) return output;
  if (output.destination.empty()) {
    if (output.type == Type::local || output.type == Type::oci_directory) {
      return fail(ErrorKind::invalid, "the output '{}' needs dest=DIRECTORY", printable(text));
    }
    output.destination = "-";
  }
  if (output.destination == "-" && (output.type == Type::local || output.type == Type::oci_directory)) {
    return fail(ErrorKind::invalid, "a directory cannot be written to standard output");
  }
  return output;
}

Result<> write_output(Workshop& workshop, const oci::Digest& manifest,
                      const std::vector<oci::Reference>& names, const OutputSpec& output,
                      const CancelToken& cancel) {
  using Type = OutputSpec::Type;
  switch (output.type) {
    case Type::store:
      return {};
    case Type::oci_directory:
    case Type::oci_archive:
    case Type::docker_archive: {
      const auto format = output.type == Type::oci_directory ? oci::ArchiveFormat::oci_directory
                          : output.type == Type::oci_archive ? oci::ArchiveFormat::oci_archive
                                                             : oci::ArchiveFormat::docker_archive;
      return oci::export_images(workshop.images(), {{manifest, names}}, format, output.destination);
    }
    case Type::tar:
    case Type::local:
      break;
  }
  const oci::Image image = TRY(workshop.images().load(manifest));
  const auto layers = TRY(workshop.unpack(image, &cancel));
  const TreeMount mount = TRY(mount_layers(workshop, layers, Access::looking));
  const Fd tree = TRY(posix::open(mount.tree->path(), O_RDONLY | O_DIRECTORY));
  if (output.type == Type::tar) return write_tar(tree, output.destination, cancel);
  TRY_WHILE(write_directory(tree, output.destination, cancel), "writing the image's files to '{}'",
            printable(output.destination));
  return {};
}

}  // namespace ecrin::build
