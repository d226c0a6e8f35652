#include "cli/containers/create.hpp"
#include "build/volumes.hpp"

#include <random>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/working_containers.hpp"
#include "cli/chosen_image.hpp"
#include "cli/containers/container_names.hpp"
#include "cli/containers/launch.hpp"
#include "cli/containers/removal.hpp"
#include "cli/containers/stored_request.hpp"

namespace ecrin::cli {
namespace {

constexpr int k_name_tries = 200;

// A name that is free, or the user's.
Result<> add_named(Store& store, run::StoredContainer& record, const std::string& wanted) {
  run::ContainerTable table(store.database());
  if (!wanted.empty()) {
    if (TRY(build::WorkingContainers(store).get(wanted)))
      return std::unexpected(
          Error(ErrorKind::conflict, fmt::format("there is a working container '{}' already", wanted))
              .hint(fmt::format("take another name, or remove that one: ecrin rm {}", wanted)));
    record.name = wanted;
    return table.add(record);
  }
  std::random_device random;
  for (int tries = 0;; ++tries) {
    record.name = container_name(random());
    // There are a few thousand names; a number makes more of them.
    if (tries > k_name_tries / 2) record.name += fmt::format("_{}", random() % 100'000);
    auto added = table.add(record);
    if (added || added.error().kind() != ErrorKind::conflict || tries == k_name_tries) return added;
  }
}

// --replace
Result<> remove_namesake(Store& store, const std::string& name) {
  if (name.empty()) return fail(ErrorKind::invalid, "--replace needs --name");
  Containers containers = TRY(Containers::open(store));
  for (const run::StoredContainer& record : TRY(containers.list())) {
    if (record.name != name) continue;
    TRY_WHILE(remove_container(containers, record, EndRunning::yes, std::chrono::seconds(10)),
              "removing the container that has the name");
  }
  return {};
}

Result<> write_cidfile(const Arguments& arguments, const std::string& id) {
  const auto path = arguments.find("cidfile");
  if (!path) return {};
  auto file = posix::open(*path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file && file.error().code() == EEXIST)
    return std::unexpected(Error(ErrorKind::conflict, fmt::format("'{}' exists already", printable(*path)))
                               .hint("--cidfile never overwrites a file: remove it first"));
  TRY(posix::write_full(TRY(std::move(file)), std::string_view(id)));
  return {};
}

std::map<std::string, std::string> all_labels(const oci::ImageConfig& image,
                                              const ContainerRequest& request) {
  std::map<std::string, std::string> labels = image.labels;
  for (const auto& [key, value] : request.life.labels) labels[key] = value;
  return labels;
}

// A shell of the image, or the command, in place of what the image runs.
ContainerRequest with_shell(ContainerRequest request, const oci::ImageConfig& image) {
  request.entrypoint.emplace();
  if (request.command.empty())
    request.entrypoint->push_back(image.shell.empty() ? "/bin/sh" : image.shell.front());
  return request;
}

}  // namespace

Result<NewContainer> create_container(Session& session, const ContainerRequest& asked,
                                      const Arguments& arguments, Program program) {
  ContainerRequest request = asked;
  if (const auto path = arguments.find("cidfile"); path && posix::open(*path, O_PATH))
    return std::unexpected(Error(ErrorKind::conflict, fmt::format("'{}' exists already", printable(*path)))
                               .hint("--cidfile never overwrites a file: remove it first"));
  if (request.trace) TRY(check_tracing(*TRY(session.workshop())));
  run::StoredContainer record;
  oci::ImageConfig config;
  if (request.is_rootfs) {
    TRY(posix::open(TRY(absolute_path(request.image)), O_PATH | O_DIRECTORY));
  } else {
    ChosenImage chosen = TRY(choose_image(session, request.image, request.platform, arguments));
    record.image = request.image;
    record.image_id = chosen.image.id().digest.to_string();
    record.manifest = chosen.manifest.to_string();
    for (const fs::Layer& layer : chosen.layers) record.layers.push_back(layer.id);
    config = std::move(chosen.image.config);
  }
  if (program == Program::shell) request = with_shell(std::move(request), config);
  // What is wrong with the command is told before anything is made.
  TRY(runtime_config(request, config));
  record.id = run::make_container_id();
  record.created = run::nanoseconds_now();
  record.labels = all_labels(config, request);
  record.request = encode_request(TRY(lasting_words(arguments, request)), config);
  Store& store = TRY(session.workshop())->store();
  run::ContainerPlace::Made made = TRY(run::ContainerPlace::make(store, record.id));
  const auto recorded = [&]() -> Result<> {
    if (arguments.on("replace")) TRY(remove_namesake(store, request.name));
    TRY(add_named(store, record, request.name));
    return write_cidfile(arguments, record.id);
  }();
  if (!recorded) {
    (void)remove_container(store, record.id);
    return std::unexpected(recorded.error());
  }
  return NewContainer{.record = std::move(record),
                      .request = std::move(request),
                      .image = std::move(config),
                      .place = std::move(made.place),
                      .lock = std::move(made.lock)};
}

Result<> remove_container(Store& store, const std::string& id) {
  build::Volumes volumes = TRY(build::Volumes::open(store));
  std::vector<std::string> made_for_it;
  {
    // Both or none: a use without its container would keep a volume for ever.
    auto transaction = TRY(store.database().begin());
    TRY(run::ContainerTable(store.database()).remove(id));
    made_for_it = TRY(volumes.detach(id));
    TRY(transaction.commit());
  }
  TRY(run::remove_container_place(store, id));
  for (const std::string& name : made_for_it) {
    // Somebody else may have taken it up by its name, or away.
    const auto removed = volumes.remove(name);
    if (!removed && removed.error().kind() != ErrorKind::conflict &&
        removed.error().kind() != ErrorKind::not_found)
      return removed;
  }
  return {};
}

}  // namespace ecrin::cli
