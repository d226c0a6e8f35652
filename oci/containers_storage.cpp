#include "oci/containers_storage.hpp"

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/file_destinations.hpp"
#include "oci/file_sources.hpp"
#include "oci/image_files.hpp"
#include "oci/reference.hpp"

namespace ecrin::oci {

namespace {

// Image directories are three levels deep. Errors have no reader here: prune removes what stays.
void remove_directory(const Fd& parent, const std::string& name, int levels) {
  const auto directory = posix::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (directory && levels > 0)
    if (const auto entries = posix::list_directory(*directory))
      for (const posix::DirectoryEntry& entry : *entries) {
        if (entry.type == DT_DIR)
          remove_directory(*directory, entry.name, levels - 1);
        else
          (void)posix::unlink_at(*directory, entry.name);
      }
  (void)posix::unlink_at(parent, name, AT_REMOVEDIR);
}

/// A directory on the way between two stores.
class Exchange {
public:
  static Result<std::unique_ptr<Exchange>> create(Store& store) {
    std::unique_ptr<Exchange> exchange(new Exchange);
    exchange->m_parent = TRY(store.temporary());
    exchange->m_name = Store::unique_name();
    exchange->m_path = store.temporary_path() + "/" + exchange->m_name;
    return exchange;
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() { remove_directory(m_parent, m_name, 4); }
  const std::string& path() const { return m_path; }

private:
  Exchange() = default;
  Fd m_parent;
  std::string m_name;
  std::string m_path;
};

std::string archive_in(const Exchange& exchange) {
  return exchange.path() + "/image.tar";
}

struct Tool {
  bool is_skopeo = false;
  Command command;
  std::string name() const { return is_skopeo ? "skopeo" : "podman"; }
};

Result<Tool> find_tool(const ContainersTools& tools) {
  Tool tool;
  tool.is_skopeo = !find_program("skopeo", tools.search_path).empty();
  if (!tool.is_skopeo && find_program("podman", tools.search_path).empty())
    return std::unexpected(
        Error(ErrorKind::unsupported,
              "containers-storage is reached through skopeo or podman, and neither is here")
            .hint("install the package skopeo"));
  tool.command.search_path = tools.search_path;
  tool.command.argv = tools.prefix;
  tool.command.argv.push_back(tool.name());
  return tool;
}

// The last line is the error; those before it tell what went well. A log's line has the words in msg="...".
std::string told(std::string_view output) {
  std::string line = split(trim(output), '\n').back();
  if (const std::size_t message = line.find("msg=\""); message != std::string::npos) {
    line = line.substr(message + 5);
    if (line.ends_with('"')) line.pop_back();
  }
  return printable(line, 1000);
}

Result<> run(const Tool& tool, std::vector<std::string> arguments) {
  Command command = tool.command;
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const Output output = TRY(run_command(std::move(command)));
  if (output.status.success()) return {};
  return fail(ErrorKind::invalid, "{} failed with {}: {}", tool.name(), output.status.to_string(),
              told(output.standard_error));
}

Result<std::string> checked_name(const Tool& tool, const std::string& name) {
  if (tool.is_skopeo || !name.starts_with('[')) return name;
  return std::unexpected(Error(ErrorKind::unsupported, "podman cannot be told which store to use in '[...]'")
                             .hint("install the package skopeo, which can"));
}

class ContainersStorageSource final : public ImageSource {
public:
  ContainersStorageSource(std::unique_ptr<Exchange> exchange, std::unique_ptr<ImageSource> directory,
                          std::string name)
      : m_exchange(std::move(exchange)), m_directory(std::move(directory)), m_name(std::move(name)) {}

  std::string name() const override { return "containers-storage:" + m_name; }
  Result<RawManifest> manifest(const std::optional<Descriptor>& instance,
                               const CancelToken* cancel) override {
    return m_directory->manifest(instance, cancel);
  }
  Result<std::unique_ptr<Source>> blob(const Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken* cancel) override {
    return m_directory->blob(descriptor, offset, cancel);
  }

private:
  std::unique_ptr<Exchange> m_exchange;
  std::unique_ptr<ImageSource> m_directory;
  std::string m_name;
};

class ContainersStorageDestination final : public ImageDestination {
public:
  ContainersStorageDestination(std::unique_ptr<Exchange> exchange, std::unique_ptr<ImageDestination> layout,
                               Tool tool, std::string name)
      : m_exchange(std::move(exchange)),
        m_layout(std::move(layout)),
        m_tool(std::move(tool)),
        m_name(std::move(name)) {}

  std::string name() const override { return "containers-storage:" + m_name; }
  bool takes_several() const override { return m_layout->takes_several(); }
  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken* cancel) override {
    return m_layout->find_blob(descriptor, cancel);
  }
  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext& context,
                    const CancelToken* cancel) override {
    return m_layout->put_blob(descriptor, open, context, cancel);
  }
  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken* cancel) override {
    if (place == Place::child || media_type::is_index(manifest.media_type))
      return std::unexpected(Error(ErrorKind::unsupported, "containers-storage takes one image, not an index")
                                 .hint("choose one image with --platform"));
    return m_layout->put_manifest(manifest, place, cancel);
  }
  Result<> commit(const CancelToken* cancel) override {
    TRY(m_layout->commit(cancel));
    m_layout.reset();  // and with it its lock
    if (m_tool.is_skopeo)
      return run(m_tool, {"--insecure-policy", "copy", "--quiet", "oci:" + m_exchange->path(),
                          "containers-storage:" + m_name});
    return run(m_tool, {"load", "--quiet", "--input", archive_in(*m_exchange)});
  }

private:
  std::unique_ptr<Exchange> m_exchange;
  std::unique_ptr<ImageDestination> m_layout;
  Tool m_tool;
  std::string m_name;
};

}  // namespace

Result<std::unique_ptr<ImageSource>> open_containers_storage_source(Store& store,
                                                                    const ContainersTools& tools,
                                                                    const std::string& name) {
  const Tool tool = TRY(find_tool(tools));
  const std::string image = TRY(checked_name(tool, name));
  auto exchange = TRY(Exchange::create(store));
  const std::string target = "dir:" + exchange->path();
  if (tool.is_skopeo)
    TRY(run(tool, {"--insecure-policy", "copy", "--quiet", "containers-storage:" + image, target}));
  else
    TRY(run(tool, {"push", "--quiet", image, target}));
  auto directory = TRY(open_directory_source(TRY(open_image_files(store, exchange->path()))));
  return std::make_unique<ContainersStorageSource>(std::move(exchange), std::move(directory), image);
}

Result<std::unique_ptr<ImageDestination>> open_containers_storage_destination(Store& store,
                                                                              const ContainersTools& tools,
                                                                              const std::string& name) {
  Tool tool = TRY(find_tool(tools));
  std::string image = TRY(checked_name(tool, name));
  // A name without a registry means the same as in our store.
  if (!image.starts_with('['))
    image = TRY(Reference::parse(image)).with_local_registry().with_default_tag().to_string();
  auto exchange = TRY(Exchange::create(store));
  // podman takes the name from the index, but only of an archive; skopeo is told it.
  TRY(posix::make_directories(exchange->path(), 0700));
  auto layout = TRY(tool.is_skopeo ? open_layout_destination(exchange->path(), RefName::as_given)
                                   : open_layout_archive_destination(archive_in(*exchange)));
  if (!tool.is_skopeo) TRY(layout->call_next({image}));
  return std::make_unique<ContainersStorageDestination>(std::move(exchange), std::move(layout),
                                                        std::move(tool), std::move(image));
}

}  // namespace ecrin::oci
