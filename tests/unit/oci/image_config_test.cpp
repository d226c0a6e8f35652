#include "oci/image_config.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using ecrin::tests::contains;
using ecrin::tests::error_of;

namespace {

const std::string k_diff_id = "sha256:" + std::string(64, '1');

ImageConfig full_config() {
  ImageConfig config;
  config.platform = {.os = "linux", .architecture = "arm64", .variant = "v8"};
  config.created = "2024-05-06T07:08:09Z";
  config.author = "Ada <ada@example.org>";
  config.user = "app:app";
  config.exposed_ports = {"443/tcp", "80/tcp"};
  config.env = {"PATH=/bin", "GREETING=gr\u00fc\u00df dich"};
  config.entrypoint = std::vector<std::string>{"/bin/app"};
  config.cmd = std::vector<std::string>{"--help"};
  config.volumes = {"/data"};
  config.working_dir = "/srv";
  config.labels = {{"b", "2"}, {"a", "1"}};
  config.stop_signal = "SIGQUIT";
  config.healthcheck = Healthcheck{.test = {"CMD", "true"},
                                   .interval = 5'000'000'000,
                                   .timeout = 1,
                                   .start_period = 2,
                                   .start_interval = 3,
                                   .retries = 4};
  config.shell = {"/bin/bash", "-c"};
  config.on_build = {"RUN true"};
  config.diff_ids = {{Digest::parse(k_diff_id).value()}};
  config.history = {
      {.created = "2024-05-06T07:08:09Z", .created_by = "COPY", .author = "Ada", .comment = "c"},
      {.created_by = "ENV", .empty_layer = true}};
  return config;
}

std::string minimal(const std::string& members) {
  return R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]})" + members + "}";
}

}  // namespace

TEST_CASE("the canonical bytes of a config do not change") {
  CHECK(full_config().to_bytes() ==
        R"({"architecture":"arm64","author":"Ada <ada@example.org>","config":{"Cmd":["--help"],)"
        R"("Entrypoint":["/bin/app"],"Env":["PATH=/bin","GREETING=grüß dich"],"ExposedPorts":{"443/tcp":{},)"
        R"("80/tcp":{}},"Healthcheck":{"Interval":5000000000,"Retries":4,"StartInterval":3,"StartPeriod":2,)"
        R"("Test":["CMD","true"],"Timeout":1},"Labels":{"a":"1","b":"2"},"OnBuild":["RUN true"],)"
        R"("Shell":["/bin/bash","-c"],"StopSignal":"SIGQUIT","User":"app:app","Volumes":{"/data":{}},)"
        R"("WorkingDir":"/srv"},"created":"2024-05-06T07:08:09Z","history":[{"author":"Ada","comment":"c",)"
        R"("created":"2024-05-06T07:08:09Z","created_by":"COPY"},{"created_by":"ENV","empty_layer":true}],)"
        R"("os":"linux","rootfs":{"diff_ids":["sha256:)" +
            std::string(64, '1') + R"("],"type":"layers"},"variant":"v8"})");
}

TEST_CASE("an empty config keeps only what every config has") {
  ImageConfig config;
  config.platform.architecture = "amd64";
  CHECK(config.to_bytes() ==
        R"({"architecture":"amd64","config":{},"os":"linux","rootfs":{"diff_ids":[],"type":"layers"}})");
}

TEST_CASE("parsing the bytes of a config gives equal bytes again") {
  const std::string bytes = full_config().to_bytes();
  const Result<ImageConfig> parsed = ImageConfig::parse(bytes, "config");
  REQUIRE(parsed);
  CHECK(parsed->to_bytes() == bytes);
  CHECK(parsed->healthcheck == full_config().healthcheck);
  ImageConfig reset = full_config();
  reset.cmd = std::vector<std::string>();
  reset.entrypoint.reset();
  const Result<ImageConfig> again = ImageConfig::parse(reset.to_bytes(), "config");
  REQUIRE(again);
  CHECK(again->cmd == std::vector<std::string>());
  CHECK_FALSE(again->entrypoint);
}

TEST_CASE("docker's configs are understood: nulls and members of its own") {
  const std::string bytes = R"({"architecture":"amd64","os":"linux","os.version":"1","id":"x",
    "config":{"Hostname":"h","AttachStdin":false,"Env":["A=b"],"Cmd":null,"Volumes":null,"Labels":null,
              "OnBuild":null,"Entrypoint":null,"User":"","ExposedPorts":{"80/tcp":{}}},
    "container_config":{"Cmd":["x"]},"docker_version":"20.10","rootfs":{"type":"layers","diff_ids":null},
    "history":[{"created":"2020-01-01T00:00:00.123456789Z","created_by":"x"}]})";
  const Result<ImageConfig> config = ImageConfig::parse(bytes, "config");
  REQUIRE(config);
  CHECK(config->env == std::vector<std::string>{"A=b"});
  CHECK(config->exposed_ports == std::vector<std::string>{"80/tcp"});
  CHECK_FALSE(config->cmd);
  CHECK(config->platform.os_version == "1");
  CHECK(config->diff_ids.empty());
}

TEST_CASE("a wrong config is refused, and the error names the member") {
  const auto [bytes, why] = GENERATE(table<std::string, std::string>({
      {"[]", "must be an object"},
      {"{", "config"},
      {R"({"os":"linux","rootfs":{"type":"layers"}})", "config.architecture is missing"},
      {R"({"architecture":"a","rootfs":{"type":"layers"}})", "config.os is missing"},
      {R"({"architecture":"a","os":"linux"})", "config.rootfs is missing"},
      {R"({"architecture":"a","os":"linux","rootfs":{"type":"tree"}})", "config.rootfs.type"},
      {R"({"architecture":"a","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:../x"]}})",
       "diff_ids[0]"},
      {minimal(R"(,"config":[])"), "'config' of config"},
      {minimal(R"(,"config":{"Env":"A=b"})"), "Env"},
      {minimal(R"(,"config":{"Env":[1]})"), "Env"},
      {minimal(R"(,"config":{"Env":["A=b\u0000c"]})"), "NUL"},
      {minimal(R"(,"config":{"WorkingDir":"/a\u0000"})"), "NUL"},
      {minimal(R"(,"config":{"Labels":{"a":1}})"), "Labels"},
      {minimal(R"(,"config":{"Healthcheck":{"Interval":"5s"}})"), "Interval"},
      {minimal(R"(,"history":[1])"), "history[0]"},
      {minimal(R"(,"history":{})"), "history"},
  }));
  CAPTURE(bytes);
  const Result<ImageConfig> config = ImageConfig::parse(bytes, "config");
  REQUIRE_FALSE(config);
  CHECK_THAT(error_of(config), Catch::Matchers::Contains(why));
}

TEST_CASE("counts and depth of a config are bounded") {
  std::string many = "\"" + k_diff_id + "\"";
  for (int i = 0; i < 500; ++i) many += ",\"" + k_diff_id + "\"";
  const std::string layers =
      R"({"architecture":"a","os":"linux","rootfs":{"type":"layers","diff_ids":[)" + many + "]}}";
  CHECK(contains(error_of(ImageConfig::parse(layers, "config")), "more than 500"));
  std::string env = "\"A=b\"";
  for (int i = 0; i < 10'000; ++i) env += ",\"A=b\"";
  CHECK(contains(error_of(ImageConfig::parse(minimal(",\"config\":{\"Env\":[" + env + "]}"), "config")),
                 "Env"));
  const std::string deep = minimal(",\"x\":" + std::string(100'000, '[') + std::string(100'000, ']'));
  CHECK_FALSE(ImageConfig::parse(deep, "config"));
  CHECK(ImageConfig::parse(std::string(17u << 20, ' '), "config").error().kind() == ErrorKind::limit);
}
