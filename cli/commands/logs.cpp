// verb: logs
#include <stdio.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"
#include "cli/image_filter.hpp"
#include "cli/table.hpp"
#include "run/monitor/container_log.hpp"

namespace ecrin::cli {
namespace {

constexpr std::int64_t k_second = 1'000'000'000;
constexpr std::chrono::milliseconds k_look_again{250};

struct LogOptions {
  bool follow = false;
  bool timestamps = false;
  std::optional<std::int64_t> since, until;  // nanoseconds
  std::optional<std::uint64_t> tail;         // lines
};

Result<LogOptions> log_options(const Arguments& arguments, std::int64_t now) {
  LogOptions options{.follow = arguments.on("follow"), .timestamps = arguments.on("timestamps")};
  if (const auto text = arguments.find("since")) options.since = TRY(parse_moment(*text, now)) * k_second;
  if (const auto text = arguments.find("until")) options.until = TRY(parse_moment(*text, now)) * k_second;
  if (const auto text = arguments.find("tail"); text && *text != "all" && *text != "-1") {
    const auto lines = parse_unsigned(*text);
    if (!lines)
      return fail(ErrorKind::invalid, "--tail is a number of lines, or all, not '{}'", printable(*text, 60));
    options.tail = *lines;
  }
  return options;
}

class LogPrinter {
public:
  explicit LogPrinter(const LogOptions& options) : m_options(options) {}

  bool is_wanted(const run::LogEntry& entry) const {
    return (!m_options.since || entry.time >= *m_options.since) &&
           (!m_options.until || entry.time <= *m_options.until);
  }
  void print_entry(const run::LogEntry& entry) {
    std::string text;
    bool& in_line = m_in_line[static_cast<std::size_t>(entry.stream)];
    if (m_options.timestamps && !in_line) text = run::format_log_time(entry.time) + " ";
    in_line = !entry.ends_line;
    text += entry.text;
    if (entry.ends_line) text += '\n';
    if (entry.stream == run::LogStream::output) {
      print(text);
    } else {
      (void)::fwrite(text.data(), 1, text.size(), stderr);
    }
  }

private:
  const LogOptions& m_options;
  bool m_in_line[2] = {false, false};
};

// Tells where lines begin; those of the two streams may be mixed.
class LineBeginnings {
public:
  bool is_one(const run::LogEntry& entry) {
    bool& in_line = m_in_line[static_cast<std::size_t>(entry.stream)];
    const bool begins = !in_line;
    in_line = !entry.ends_line;
    return begins;
  }

private:
  bool m_in_line[2] = {false, false};
};

// How many lines there are, of those that are wanted.
Result<std::uint64_t> count_lines(const Fd& directory, const LogPrinter& printer) {
  run::LogReader reader = TRY(run::LogReader::open(directory));
  std::uint64_t lines = 0;
  LineBeginnings beginnings;
  while (const auto entry = TRY(reader.next()))
    if (printer.is_wanted(*entry) && beginnings.is_one(*entry)) ++lines;
  return lines;
}

Result<> show_log(Containers& containers, run::StoredContainer record, const LogOptions& options) {
  const run::ContainerPlace place = TRY(containers.place(record));
  LogPrinter printer(options);
  std::uint64_t skipped = 0;
  if (options.tail) {
    const std::uint64_t lines = TRY(count_lines(place.directory(), printer));
    skipped = lines - std::min(lines, *options.tail);
  }
  run::LogReader reader = TRY(run::LogReader::open(place.directory()));
  LineBeginnings beginnings;
  bool is_skipped[2] = {false, false};  // the line that a stream is in
  const auto print_all = [&]() -> Result<> {
    while (const auto entry = TRY(reader.next())) {
      if (!printer.is_wanted(*entry)) continue;
      bool& skips = is_skipped[static_cast<std::size_t>(entry->stream)];
      if (beginnings.is_one(*entry)) {
        skips = skipped > 0;
        if (skips) --skipped;
      }
      if (skips) continue;
      printer.print_entry(*entry);
    }
    return finish_output();
  };
  for (;;) {
    TRY(print_all());
    if (!options.follow || !is_active(record.state)) return {};
    TRY(reader.wait(k_look_again));
    auto now = containers.find(record.id);
    if (!now && now.error().kind() == ErrorKind::not_found) return print_all();
    record = TRY(std::move(now));
  }
}

Outcome run(Session& session, const Arguments& arguments) {
  const LogOptions options = TRY(log_options(arguments, session.now()));
  Containers containers = TRY(Containers::open(session));
  FirstError errors(session.console());
  const auto records = TRY(selected_containers(containers, arguments, errors));
  for (const run::StoredContainer& record : records) {
    const auto request = decode_request(record.request);
    if (request && request->request.life.log_size == 0)
      errors.done(fail(ErrorKind::unsupported,
                       "container '{}' has no log: it was made with --log-driver none", record.name));
    else
      errors.done(show_log(containers, record, options));
  }
  return std::move(errors).outcome({});
}

}  // namespace

const Verb& logs_verb() {
  static const Verb verb{
      .name = "logs",
      .operands = "CONTAINER...",
      .summary = "Show what a container's program wrote",
      .details =
          "Its standard output on standard output, its standard error on standard error. Of several "
          "containers "
          "one after the other. Times are RFC 3339, seconds since 1970, or how long ago ('90s', '2h').",
      .flags =
          {
              {.name = "follow", .letter = 'f', .value = "", .help = "go on until the container ends"},
              {.name = "latest", .letter = 'l', .value = "", .help = "the container that was made last"},
              {.name = "since", .value = "TIME", .help = "only what was written since then"},
              {.name = "tail",
               .letter = 'n',
               .value = "LINES",
               .help = "only the last lines; all (default) for all"},
              {.name = "timestamps", .letter = 't', .value = "", .help = "with the time of each line"},
              {.name = "until", .value = "TIME", .help = "only what was written until then"},
          },
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
