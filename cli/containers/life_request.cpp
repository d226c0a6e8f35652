#include "cli/containers/life_request.hpp"

#include <algorithm>

#include "base/posix.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "cli/import_changes.hpp"
#include "cli/key_values.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_default_log_size = 64u << 20;
constexpr std::uint64_t k_least_log_size = 4096;
constexpr std::chrono::milliseconds k_least_interval{100};
constexpr std::chrono::seconds k_year{365 * 24 * 3600};

Result<KeyValues> parse_labels(const Arguments& arguments) {
  KeyValues labels;
  for (const std::string& file : arguments.values("label-file")) {
    for (const std::string& raw : split(TRY(posix::read_file(file)), '\n')) {
      const std::string line(trim(raw));
      if (!line.empty() && !line.starts_with('#')) TRY(add_key_value(labels, line, "label-file"));
    }
  }
  for (const std::string& text : arguments.values("label")) TRY(add_key_value(labels, text, "label"));
  return labels;
}

Result<std::uint64_t> parse_log(const Arguments& arguments) {
  std::uint64_t size = k_default_log_size;
  for (const std::string& option : arguments.values("log-opt")) {
    if (!option.starts_with("max-size="))
      return std::unexpected(
          Error(ErrorKind::unsupported, fmt::format("unknown --log-opt '{}'", printable(option)))
              .hint("known is max-size=SIZE"));
    const auto parsed = parse_size(std::string_view(option).substr(9));
    if (!parsed || *parsed < k_least_log_size)
      return fail(ErrorKind::invalid, "--log-opt max-size is a size like 10m, at least 4k, not '{}'",
                  printable(option.substr(9)));
    size = *parsed;
  }
  return arguments.value("log-driver", "k8s-file") == "none" ? 0 : size;
}

Result<std::optional<std::chrono::milliseconds>> parse_health_time(const Arguments& arguments,
                                                                   std::string_view flag) {
  const auto text = arguments.find(flag);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  if (!duration || *duration < 0)
    return fail(ErrorKind::invalid, "--{} is a time like 30s, not '{}'", flag, printable(*text, 60));
  return std::chrono::milliseconds(*duration / 1'000'000);
}

Result<> parse_health(const Arguments& arguments, LifeRequest& life) {
  life.no_health_check = arguments.on("no-healthcheck");
  if (const auto command = arguments.find("health-cmd")) {
    if (*command == "none") {
      life.no_health_check = true;
    } else if (!trim(*command).empty()) {
      life.health_command = TRY(parse_command(*command));
    }
  }
  if (arguments.value("health-interval") == "disable") {
    life.no_health_check = true;
  } else {
    life.health_interval = TRY(parse_health_time(arguments, "health-interval"));
    if (life.health_interval && *life.health_interval < k_least_interval)
      return fail(ErrorKind::invalid, "--health-interval is at least {} ms", k_least_interval.count());
  }
  life.health_timeout = TRY(parse_health_time(arguments, "health-timeout"));
  life.health_start_period = TRY(parse_health_time(arguments, "health-start-period"));
  if (const auto text = arguments.find("health-retries")) {
    const auto retries = parse_unsigned(*text, 1000);
    if (!retries || *retries == 0)
      return fail(ErrorKind::invalid, "--health-retries is a number from 1 to 1000, not '{}'",
                  printable(*text, 60));
    life.health_retries = static_cast<unsigned>(*retries);
  }
  return {};
}

}  // namespace

run::HealthCheck health_check(const LifeRequest& life, const oci::ImageConfig& image) {
  run::HealthCheck check;
  if (life.no_health_check) return check;
  if (image.healthcheck) {
    const oci::Healthcheck& own = *image.healthcheck;
    const auto milliseconds = [](std::int64_t time) { return std::chrono::milliseconds(time / 1'000'000); };
    if (own.test.size() > 1 && own.test.front() == "CMD")
      check.args.assign(own.test.begin() + 1, own.test.end());
    if (own.test.size() > 1 && own.test.front() == "CMD-SHELL") {
      check.args = image.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : image.shell;
      check.args.push_back(own.test[1]);
    }
    if (own.interval > 0) check.interval = std::max(milliseconds(own.interval), k_least_interval);
    if (own.timeout > 0) check.timeout = milliseconds(own.timeout);
    if (own.start_period > 0) check.start_period = milliseconds(own.start_period);
    if (own.retries > 0) check.retries = static_cast<unsigned>(own.retries);
  }
  if (life.health_command) check.args = *life.health_command;
  check.interval = life.health_interval.value_or(check.interval);
  check.timeout = life.health_timeout.value_or(check.timeout);
  check.start_period = life.health_start_period.value_or(check.start_period);
  check.retries = life.health_retries.value_or(check.retries);
  return check;
}

Result<std::chrono::seconds> parse_stop_timeout(const std::string& text) {
  if (text.starts_with('-') && parse_unsigned(std::string_view(text).substr(1))) return k_year;
  if (const auto seconds = parse_unsigned(text, static_cast<std::uint64_t>(k_year.count())))
    return std::chrono::seconds(*seconds);
  const auto duration = parse_duration(text);
  if (!duration)
    return fail(ErrorKind::invalid, "the time to stop is a number of seconds, not '{}'", printable(text, 80));
  return std::chrono::seconds(*duration / 1'000'000'000);
}

std::vector<Flag> life_flags() {
  return {
      {.name = "cidfile",
       .value = "FILE",
       .help = "write the container's ID to a new file",
       .completion = Completion::file},
      {.name = "conmon-pidfile",
       .value = "FILE",
       .help = "write the process number of the container's monitor to a file",
       .completion = Completion::file},
      {.name = "health-cmd",
       .value = "COMMAND",
       .help = "tells by its exit code whether the container is well; none for no check"},
      {.name = "health-interval",
       .value = "TIME",
       .help = "between two checks (default 30s); disable for none"},
      {.name = "health-retries",
       .value = "N",
       .help = "failures in a row that make it unhealthy (default 3)"},
      {.name = "health-start-period", .value = "TIME", .help = "in which failures do not count (default 0s)"},
      {.name = "health-timeout", .value = "TIME", .help = "how long a check may take (default 30s)"},
      {.name = "label",
       .letter = 'l',
       .value = "KEY=VALUE",
       .help = "a label of the container",
       .occurs = Occurs::often},
      {.name = "label-file",
       .value = "FILE",
       .help = "labels from lines of a file",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "log-driver",
       .value = "NAME",
       .help = "k8s-file (default), or none",
       .completion = Completion::word,
       .words = {"k8s-file", "json-file", "none"}},
      {.name = "log-opt",
       .value = "KEY=VALUE",
       .help = "max-size=SIZE: when a new log file is begun (default 64m)",
       .occurs = Occurs::often},
      {.name = "no-healthcheck", .value = "", .help = "do not check what the image says"},
      {.name = "pidfile",
       .value = "FILE",
       .help = "write the number of the container's first process to a file",
       .completion = Completion::file},
      {.name = "restart",
       .value = "POLICY",
       .help = "start it again: no (default), on-failure[:N], always or unless-stopped"},
      {.name = "stop-signal", .value = "SIGNAL", .help = "what stops it; default: the image's, or SIGTERM"},
      {.name = "stop-timeout",
       .value = "SECONDS",
       .help = "how long it may take to stop before it is killed (default 10)"},
  };
}

Result<LifeRequest> life_request(const Arguments& arguments) {
  LifeRequest life;
  life.remove = arguments.on("rm");
  life.restart = TRY(run::parse_restart_policy(arguments.value("restart", "no")));
  if (life.remove && life.restart.kind != run::RestartPolicy::Kind::no &&
      life.restart.kind != run::RestartPolicy::Kind::on_failure)
    return fail(ErrorKind::invalid, "--rm and --restart={} do not go together", run::to_string(life.restart));
  if (const auto text = arguments.find("stop-signal")) life.stop_signal = TRY(parse_signal(*text));
  if (const auto text = arguments.find("stop-timeout")) life.stop_timeout = TRY(parse_stop_timeout(*text));
  life.labels = TRY(parse_labels(arguments));
  life.pid_file = arguments.value("pidfile");
  life.monitor_pid_file = arguments.value("conmon-pidfile");
  life.log_size = TRY(parse_log(arguments));
  TRY(parse_health(arguments, life));
  return life;
}

}  // namespace ecrin::cli
