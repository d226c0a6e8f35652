#include "oci/config_compare.hpp"

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

using Text = std::optional<std::string>;
using Map = std::map<std::string, std::string>;

Text text(const std::string& value) {
  return value.empty() ? std::nullopt : Text(value);
}

Text words(const std::optional<std::vector<std::string>>& list) {
  if (!list) return std::nullopt;
  std::vector<std::string> quoted;
  for (const std::string& word : *list) quoted.push_back(shell_quote(word));
  return join(quoted, " ");
}

Text filled_words(const std::vector<std::string>& list) {
  return list.empty() ? std::nullopt : words(list);
}

Map variables(const std::vector<std::string>& env) {
  Map map;
  for (const std::string& line : env) {
    const std::size_t equals = line.find('=');
    map[line.substr(0, equals)] = equals == std::string::npos ? "" : line.substr(equals + 1);
  }
  return map;
}

Map names(const std::vector<std::string>& list) {
  Map map;
  for (const std::string& name : list) map[name] = "";
  return map;
}

Text healthcheck(const std::optional<Healthcheck>& check) {
  if (!check) return std::nullopt;
  std::string result = words(check->test).value_or("");
  const std::pair<const char*, std::int64_t> numbers[] = {{"interval", check->interval},
                                                          {"timeout", check->timeout},
                                                          {"start-period", check->start_period},
                                                          {"start-interval", check->start_interval}};
  for (const auto& [name, nanoseconds] : numbers) {
    if (nanoseconds != 0)
      result += fmt::format(" {}={}", name, human_duration(static_cast<double>(nanoseconds) / 1e9));
  }
  if (check->retries != 0) result += fmt::format(" retries={}", check->retries);
  return result;
}

class Differences {
public:
  void add(const char* setting, Text before, Text after, const std::string& name = "") {
    if (before != after) m_list.push_back({setting, name, std::move(before), std::move(after)});
  }
  void add_maps(const char* setting, const Map& before, const Map& after) {
    Map keys = before;
    keys.insert(after.begin(), after.end());
    const auto value = [](const Map& map, const std::string& key) -> Text {
      const auto found = map.find(key);
      return found == map.end() ? std::nullopt : Text(found->second);
    };
    for (const auto& [key, ignored] : keys) add(setting, value(before, key), value(after, key), key);
  }
  std::vector<ConfigDifference> take() { return std::move(m_list); }

private:
  std::vector<ConfigDifference> m_list;
};

}  // namespace

std::vector<ConfigDifference> compare_configs(const Image& first, const Image& second) {
  const ImageConfig& before = first.config;
  const ImageConfig& after = second.config;
  Differences differences;
  differences.add("platform", before.platform.to_string(), after.platform.to_string());
  differences.add("entrypoint", words(before.entrypoint), words(after.entrypoint));
  differences.add("cmd", words(before.cmd), words(after.cmd));
  differences.add_maps("env", variables(before.env), variables(after.env));
  differences.add("user", text(before.user), text(after.user));
  differences.add("workdir", text(before.working_dir), text(after.working_dir));
  differences.add_maps("label", before.labels, after.labels);
  differences.add_maps("port", names(before.exposed_ports), names(after.exposed_ports));
  differences.add_maps("volume", names(before.volumes), names(after.volumes));
  differences.add("stop-signal", text(before.stop_signal), text(after.stop_signal));
  differences.add("healthcheck", healthcheck(before.healthcheck), healthcheck(after.healthcheck));
  differences.add("shell", filled_words(before.shell), filled_words(after.shell));
  differences.add("onbuild", filled_words(before.on_build), filled_words(after.on_build));
  differences.add("author", text(before.author), text(after.author));
  differences.add("created", text(before.created), text(after.created));
  differences.add_maps("annotation", first.manifest.annotations, second.manifest.annotations);
  return differences.take();
}

}  // namespace ecrin::oci
