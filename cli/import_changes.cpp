#include "cli/import_changes.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"

namespace ecrin::cli {
namespace {

void insert_sorted(std::vector<std::string>& list, std::string item) {
  const auto place = std::ranges::lower_bound(list, item);
  if (place == list.end() || *place != item) list.insert(place, std::move(item));
}

Result<std::pair<std::string, std::string>> key_value(const std::string& text, std::string_view instruction) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(ErrorKind::invalid, "{} needs NAME=VALUE, not '{}'", instruction, printable(text));
  }
  std::string value = text.substr(equals + 1);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return std::pair(text.substr(0, equals), std::move(value));
}

Result<std::string> absolute(const std::string& path, std::string_view instruction) {
  if (path.starts_with('/')) return path;
  return fail(ErrorKind::invalid, "{} needs an absolute path, not '{}'", instruction, printable(path));
}

}  // namespace

Result<std::vector<std::string>> parse_command(const std::string& text) {
  if (!trim(text).starts_with('[')) return std::vector<std::string>{"/bin/sh", "-c", text};
  const Json json = TRY(parse_json(text, "the command"));
  std::vector<std::string> words;
  for (const Json& word : json) {
    if (!word.is_string())
      return fail(ErrorKind::invalid, "a command is a list of strings: {}", printable(text));
    words.push_back(word.get<std::string>());
  }
  return words;
}

Result<> apply_change(oci::ImageConfig& config, const std::string& change) {
  const std::string text(trim(change));
  const std::size_t end = text.find_first_of(" =\t");
  std::string instruction = to_lower(std::string_view(text).substr(0, end));
  const std::string value(end == std::string::npos ? "" : trim(std::string_view(text).substr(end + 1)));
  if (value.empty())
    return fail(ErrorKind::invalid, "a change is INSTRUCTION=VALUE, not '{}'", printable(change));
  if (instruction == "cmd") {
    config.cmd = TRY(parse_command(value));
  } else if (instruction == "entrypoint") {
    config.entrypoint = TRY(parse_command(value));
  } else if (instruction == "env") {
    const auto [name, content] = TRY(key_value(value, "ENV"));
    std::erase_if(config.env,
                  [&name = name](const std::string& line) { return line.starts_with(name + "="); });
    config.env.push_back(name + "=" + content);
  } else if (instruction == "label") {
    auto [name, content] = TRY(key_value(value, "LABEL"));
    config.labels.insert_or_assign(std::move(name), std::move(content));
  } else if (instruction == "workdir") {
    config.working_dir = TRY(absolute(value, "WORKDIR"));
  } else if (instruction == "user") {
    config.user = value;
  } else if (instruction == "expose") {
    insert_sorted(config.exposed_ports, value.contains('/') ? value : value + "/tcp");
  } else if (instruction == "volume") {
    insert_sorted(config.volumes, TRY(absolute(value, "VOLUME")));
  } else if (instruction == "stopsignal") {
    config.stop_signal = value;
  } else {
    static constexpr std::string_view k_known[] = {"cmd",  "entrypoint", "env",    "label",     "workdir",
                                                   "user", "expose",     "volume", "stopsignal"};
    const std::string near = nearest(instruction, k_known);
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("unknown instruction in '{}'", printable(change)))
            .hint(near.empty() ? "known are CMD, ENTRYPOINT, ENV, LABEL, WORKDIR, USER, EXPOSE, VOLUME "
                                 "and STOPSIGNAL"
                               : fmt::format("did you mean '{}'?", near)));
  }
  return {};
}

}  // namespace ecrin::cli
