#include "build/cache_key.hpp"

#include <algorithm>
#include <map>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "base/variables.hpp"
#include "build/image_state.hpp"

namespace ecrin::build {

namespace {

std::string words(const std::vector<std::string>& list) {
  std::vector<std::string> quoted;
  for (const std::string& word : list) quoted.push_back(shell_quote(word));
  return join(quoted, " ");
}

std::string octal(std::uint32_t mode) {
  return fmt::format("{:04o}", mode);
}

void add_environment(KeyInputs& inputs, std::vector<std::string> environment,
                     const std::vector<recipes::KeyValue>& more) {
  for (const auto& [name, value] : more) set_variable(environment, name, value);
  std::sort(environment.begin(), environment.end());
  for (const std::string& variable : environment) {
    const std::size_t equals = variable.find('=');
    const std::string_view value =
        equals == std::string::npos ? std::string_view() : std::string_view(variable).substr(equals + 1);
    inputs.push_back({"env " + variable.substr(0, equals), value});
  }
}

std::string mount_options(const recipes::Mount& mount) {
  static constexpr const char* k_types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
  static constexpr const char* k_sharing[] = {"shared", "private", "locked"};
  // Neither the content of a cache nor that of a secret is part of a key.
  return fmt::format(
      "type={} source={} from={} id={} env={} {} required={} mode={} owner={}:{} size={} sharing={}",
      k_types[static_cast<int>(mount.type)], shell_quote(mount.source), shell_quote(mount.from),
      shell_quote(mount.id), shell_quote(mount.environment), mount.read_only ? "ro" : "rw", mount.required,
      octal(mount.mode), mount.uid, mount.gid, mount.size, k_sharing[static_cast<int>(mount.sharing)]);
}

struct KindInputs {
  KeyInputs& inputs;
  const oci::ImageConfig& before;
  const KeySettings& settings;

  void add(std::string_view name, std::string_view value) { inputs.push_back({name, value}); }
  void add_target(const std::string& destination, const std::string& owner,
                  const std::optional<std::uint32_t>& mode, const std::string& mode_change = "") {
    add("destination", absolute_path(before, destination));
    add("owner", owner);
    add("mode", mode ? octal(*mode) : mode_change);
  }
  void add_files(const std::vector<recipes::InlineFile>& files) {
    for (const recipes::InlineFile& file : files) add("inline " + file.name, file.content);
  }
  static std::string yes_or_no(bool value) { return value ? "yes" : "no"; }

  void operator()(const recipes::RunStep& run) {
    add("kind", "run");
    // What runs, however it was said.
    add("command", words(run_arguments(run, settings.shell)));
    if (const auto* file = std::get_if<recipes::InlineFile>(&run.command)) add_files({*file});
    add("user", run.user.empty() ? before.user : run.user);
    add("workdir", before.working_dir);
    static constexpr const char* k_networks[] = {"", "none", "host", "private"};
    add("network", run.network == recipes::StepNetwork::inherit ? settings.default_network
                                                                : k_networks[static_cast<int>(run.network)]);
    add_environment(inputs, before.env, run.env);
    for (const recipes::Mount& mount : run.mounts) add("mount " + mount.target, mount_options(mount));
    inputs.append(settings.run);
  }
  void operator()(const recipes::CopyStep& copy) {
    add("kind", "copy");
    add("from", copy.from);
    add("sources", words(copy.sources));
    add_files(copy.files);
    add_target(copy.destination, copy.owner, copy.mode, copy.mode_change);
    add("exclude", words(copy.exclude));
    add("parents", yes_or_no(copy.parents));
    add("link", yes_or_no(copy.link));
  }
  void operator()(const recipes::AddStep& step) {
    add("kind", "add");
    add("sources", words(step.sources));
    add_files(step.files);
    add_target(step.destination, step.owner, step.mode, step.mode_change);
    add("checksum", step.checksum);
    add("exclude", words(step.exclude));
    add("link", yes_or_no(step.link));
    add("keep-git-dir", yes_or_no(step.keep_git_directory));
    add("unpack", step.unpack ? yes_or_no(*step.unpack) : "");
  }
  void operator()(const recipes::WriteStep& write) {
    add("kind", "write");
    add("content", write.content);
    add_target(write.destination, write.owner, write.mode);
  }
  void operator()(const recipes::WorkdirStep& workdir) {
    add("kind", "workdir");
    add("path", absolute_path(before, workdir.path));
    add("owner", before.user);  // of directories that have to be made
  }
  void operator()(const recipes::EnvStep& env) {
    add("kind", "env");
    for (const auto& [name, value] : env.variables) add("env " + name, value);
  }
  void operator()(const recipes::UserStep& user) {
    add("kind", "user");
    add("user", user.user);
  }
  void operator()(const recipes::LabelStep& label) {
    add("kind", "label");
    for (const auto& [name, value] : label.labels) add("label " + name, value);
  }

  // They pass their parent's key on, so their own only tells them apart.
  void operator()(const recipes::CmdStep& cmd) { add("cmd", words(cmd.arguments)); }
  void operator()(const recipes::EntrypointStep& entrypoint) {
    add("entrypoint", words(entrypoint.arguments));
  }
  void operator()(const recipes::ExposeStep& expose) { add("expose", words(expose.ports)); }
  void operator()(const recipes::VolumeStep& volume) { add("volume", words(volume.paths)); }
  void operator()(const recipes::StopSignalStep& signal) { add("stop-signal", signal.signal); }
  void operator()(const recipes::HealthcheckStep& step) { add("healthcheck", words(step.healthcheck.test)); }
  void operator()(const recipes::ShellStep& shell) { add("shell", words(shell.shell)); }
  void operator()(const recipes::OnBuildStep& step) { add("onbuild", step.trigger); }
  void operator()(const recipes::AuthorStep& step) { add("author", step.author); }

  void operator()(const recipes::FromScratch&) { add("kind", "from scratch"); }
  void operator()(const recipes::FromStage& stage) {
    add("kind", "from stage");
    add("stage", stage.name);
  }
  // The image that these name is an input with a content: its diff IDs.
  void operator()(const recipes::FromImage&) { add("kind", "from image"); }
  void operator()(const recipes::FromOciLayout&) { add("kind", "from image"); }
  void operator()(const recipes::FromArchive&) { add("kind", "from image"); }
  void operator()(const recipes::FromRootfs& rootfs) {
    add("kind", "from rootfs");
    add("sha256", rootfs.sha256);
  }
  void operator()(const recipes::FromBootstrap& bootstrap) {
    add("kind", "from bootstrap");
    add("distribution", bootstrap.distribution);
    add("suite", bootstrap.suite);
    add("variant", bootstrap.variant);
    add("include", words(bootstrap.include));
    add("snapshot", bootstrap.snapshot);
  }
};

// Values that say something to people; digests and keys do not.
bool is_readable(std::string_view name) {
  return !name.starts_with("file ") && name != "parent" && !name.starts_with("stage ") &&
         !name.starts_with("image") && name != "content";
}

std::string shown(std::string_view value) {
  return "'" + printable(value, 80) + "'";
}

}  // namespace

KeyInput KeyInputs::Iterator::operator*() const {
  Decoder decoder(m_rest);
  const std::string_view name = decoder.get_view();
  return {name, decoder.get_view()};
}

KeyInputs::Iterator& KeyInputs::Iterator::operator++() {
  Decoder decoder(m_rest);
  (void)decoder.get_view();
  (void)decoder.get_view();
  m_rest = m_rest.substr(m_rest.size() - decoder.left());
  return *this;
}

KeyInputs::Iterator KeyInputs::Iterator::operator++(int) {
  const Iterator here = *this;
  ++*this;
  return here;
}

KeyInputs::KeyInputs(std::initializer_list<KeyInput> inputs) {
  for (const KeyInput& input : inputs) push_back(input);
}

void KeyInputs::push_back(const KeyInput& input) {
  m_encoded.put(input.name).put(input.value);
  ++m_count;
}

void KeyInputs::append(const KeyInputs& more) {
  m_encoded.append(more.m_encoded);
  m_count += more.m_count;
}

void KeyInputs::replace(std::string_view name, std::string_view value) {
  KeyInputs others;
  for (const KeyInput& input : *this)
    others.push_back({input.name, input.name == name ? value : input.value});
  *this = std::move(others);
}

std::optional<std::string_view> KeyInputs::find(std::string_view name) const {
  const auto found = std::ranges::find(*this, name, &KeyInput::name);
  if (found == end()) return std::nullopt;
  return (*found).value;
}

std::string diff_ids_input(const oci::ImageConfig& config) {
  std::vector<std::string> ids;
  for (const oci::DiffId& id : config.diff_ids) ids.push_back(id.digest.to_string());
  return join(ids, " ");
}

std::string key_digest(const KeyInputs& inputs) {
  Encoder front;
  front.put(k_cache_key_version).put(std::uint64_t{inputs.size()});
  Hasher hasher;
  hasher.update(front.bytes());
  hasher.update(inputs.bytes());
  return hasher.finish_hex();
}

Result<> write_inputs(const KeyInputs& inputs, Sink& sink) {
  Encoder front;
  front.put(std::uint64_t{inputs.size()});
  TRY(sink.write(as_bytes(front.bytes())));
  return sink.write(as_bytes(inputs.bytes()));
}

std::optional<KeyInputs> decode_inputs(std::string_view bytes) {
  Decoder decoder(bytes);
  const std::uint64_t count = decoder.get_count(16);
  KeyInputs inputs;
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    const std::string_view name = decoder.get_view();
    inputs.push_back({name, decoder.get_view()});
  }
  if (!decoder.ok() || !decoder.at_end()) return std::nullopt;
  return inputs;
}

bool makes_layer(const PlanStep& step) {
  if (step.is_from()) {
    return step.from_as<recipes::FromRootfs>() != nullptr ||
           step.from_as<recipes::FromBootstrap>() != nullptr;
  }
  return step.as<recipes::RunStep>() || step.as<recipes::CopyStep>() || step.as<recipes::AddStep>() ||
         step.as<recipes::WriteStep>() || step.as<recipes::WorkdirStep>();
}

bool is_independent(const PlanStep& step) {
  if (const auto* copy = step.as<recipes::CopyStep>())
    return copy->link && !copy->mode && copy->mode_change.empty();
  if (const auto* add = step.as<recipes::AddStep>())
    return add->link && !add->mode && add->mode_change.empty();
  return false;
}

KeyInputs step_inputs(const PlanStep& step, const oci::ImageConfig& before, const KeySettings& settings,
                      const std::string& parent_key) {
  KeyInputs inputs;
  KindInputs kind{inputs, before, settings};
  if (const auto* from = std::get_if<recipes::From>(&step.what)) {
    std::visit(kind, *from);
  } else {
    std::visit(kind, std::get<recipes::StepKind>(step.what));
  }
  inputs.push_back({"platform", settings.platform});
  inputs.push_back({"epoch", settings.epoch});
  inputs.push_back({"parent", is_independent(step) ? "" : parent_key});
  return inputs;
}

std::vector<std::string> explain_difference(const KeyInputs& earlier, const KeyInputs& now,
                                            std::string_view parent_ran, std::size_t limit) {
  std::map<std::string_view, std::string_view> before;
  for (const KeyInput& input : earlier) before[input.name] = input.value;
  std::map<std::string_view, std::string_view> after;
  for (const KeyInput& input : now) after[input.name] = input.value;

  std::vector<std::string> reasons;
  const auto thing = [](std::string_view name) {
    const std::size_t space = name.find(' ');
    return space == std::string_view::npos
               ? std::string(name)
               : fmt::format("{} '{}'", name.substr(0, space), printable(name.substr(space + 1)));
  };
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    if (old != before.end() && old->second == value) continue;
    if (name == "parent") {
      reasons.push_back(parent_ran.empty()
                            ? "the steps before it changed"
                            : fmt::format("the step before it ran: {}", printable(parent_ran, 120)));
    } else if (old == before.end()) {
      reasons.push_back(thing(name) + " is new");
    } else if (is_readable(name)) {
      reasons.push_back(fmt::format("{} changed: {} -> {}", thing(name), shown(old->second), shown(value)));
    } else {
      reasons.push_back(thing(name) + " changed");
    }
  }
  for (const auto& [name, value] : before) {
    if (!after.contains(name)) reasons.push_back(thing(name) + " is gone");
  }
  if (reasons.size() > limit) {
    const std::size_t more = reasons.size() - limit;
    reasons.resize(limit);
    reasons.push_back(fmt::format("and {} more", more));
  }
  return reasons;
}

}  // namespace ecrin::build
