#include "build/step_spec.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

StepSpec example() {
  StepSpec spec;
  spec.run.command = std::vector<std::string>{"make", "a\xff\nb"};
  spec.run.user = "1:2";
  spec.run.network = recipes::StepNetwork::none;
  spec.run.has_pinned_network = true;
  spec.run.env = {{"A", "b"}, {"EMPTY", ""}};
  recipes::Mount mount;
  mount.type = recipes::Mount::Type::secret;
  mount.id = "token";
  mount.required = true;
  mount.mode = 0440;
  mount.sharing = recipes::Mount::Sharing::locked;
  spec.run.mounts = {mount, {}};
  spec.before.env = {"PATH=/bin"};
  spec.before.working_dir = "/work";
  spec.before.platform = oci::Platform::host();
  spec.platform = oci::Platform::host();
  spec.context_directory = "/context";
  spec.recipe_file = "/context/Containerfile";
  spec.ignore_file = "/ignored";
  spec.clamp = INT64_MAX;
  spec.network = run::NetworkMode::host;
  spec.settings = {.hosts = {{"db", "192.0.2.1"}, {"db", "2001:db8::1"}},
                   .nameservers = {"192.0.2.53"},
                   .search_domains = {"example"},
                   .resolver_options = {"ndots:2"},
                   .limits = {{.type = "RLIMIT_NOFILE", .soft = 10, .hard = UINT64_MAX}},
                   .shared_memory = 1 << 20,
                   .mounts = {{.destination = "/host", .type = "bind", .source = "/srv", .options = {"ro"}}},
                   .capabilities = std::vector<std::string>{},
                   .seccomp = false,
                   .masked_paths = false,
                   .no_new_privileges = true};
  spec.tree = {"one", "two"};
  spec.inputs = {{.name = "stage", .layers = {"three"}}};
  return spec;
}

}  // namespace

TEST_CASE("what a step got is written down and read again") {
  StepSpec spec = example();
  const std::string bytes = encode_step(spec);
  const auto read = decode_step(bytes);
  REQUIRE(read);
  CHECK(encode_step(*read) == bytes);
  CHECK(std::get<std::vector<std::string>>(read->run.command)[1] == "a\xff\nb");
  CHECK(read->run.has_pinned_network);
  CHECK(read->run.mounts[0].id == "token");
  CHECK(read->run.mounts[0].mode == 0440);
  CHECK(read->before.working_dir == "/work");
  CHECK(read->clamp == INT64_MAX);
  CHECK(read->context_directory == "/context");
  CHECK(read->recipe_file == spec.recipe_file);
  CHECK(read->ignore_file == spec.ignore_file);
  CHECK(read->tree == spec.tree);
  CHECK(read->settings.hosts == spec.settings.hosts);
  CHECK(read->settings.resolver_options == spec.settings.resolver_options);
  CHECK(read->settings.limits[0].hard == UINT64_MAX);
  CHECK(read->settings.shared_memory == spec.settings.shared_memory);
  CHECK(read->settings.mounts[0].source == "/srv");
  CHECK(read->settings.mounts[0].options == std::vector<std::string>{"ro"});
  CHECK(read->settings.capabilities == spec.settings.capabilities);
  CHECK_FALSE(read->settings.seccomp);
  CHECK_FALSE(read->settings.masked_paths);
  CHECK(read->settings.no_new_privileges);
  spec.settings = {};
  CHECK_FALSE(decode_step(encode_step(spec))->settings.capabilities);
  CHECK_FALSE(decode_step(encode_step(spec))->settings.shared_memory);
  CHECK(read->inputs[0].layers == spec.inputs[0].layers);
  spec.run.command = recipes::InlineFile{.name = "EOF", .content = "#!/bin/sh\n"};
  CHECK(decode_step(encode_step(spec)).has_value());
  spec.run.command = "make";
  CHECK(std::get<std::string>(decode_step(encode_step(spec))->run.command) == "make");
}

TEST_CASE("damaged bytes are no step") {
  const std::string bytes = encode_step(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_step(bytes.substr(0, size)));
  CHECK_FALSE(decode_step(bytes + "x"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    (void)decode_step(damaged);  // anything but a crash
  }
}
