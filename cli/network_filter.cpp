#include "cli/network_filter.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/image_filter.hpp"

namespace ecrin::cli {

Result<NetworkFilter> NetworkFilter::parse(const std::vector<std::string>& values, std::int64_t now) {
  NetworkFilter filter;
  for (const std::string& text : values) {
    const std::size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (value.empty() && equals == std::string::npos)
      return fail(ErrorKind::invalid, "--filter is KEY=VALUE, not '{}'", printable(text, 200));
    if (key == "name") {
      filter.m_names.push_back(value);
    } else if (key == "id") {
      filter.m_ids.push_back(value);
    } else if (key == "driver") {
      filter.m_drivers.push_back(value);
    } else if (key == "label" || key == "label!") {
      filter.m_labels.push_back(parse_label_filter(value, key == "label"));
    } else if (key == "until") {
      filter.m_before = std::min(filter.m_before.value_or(INT64_MAX), TRY(parse_moment(value, now)));
    } else {
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("there is no --filter '{}' here", printable(text, 200)))
              .hint("known are name=, id=, driver=, label=, label!= and until="));
    }
  }
  return filter;
}

bool NetworkFilter::accepts(const run::NetworkConfig& config) const {
  const auto any = [](const std::vector<std::string>& values, const auto& fits) {
    return values.empty() || std::ranges::any_of(values, fits);
  };
  if (!any(m_names, [&](const std::string& part) { return config.name.contains(part); })) return false;
  if (!any(m_ids, [&](const std::string& start) { return config.id.starts_with(start); })) return false;
  if (!any(m_drivers, [&](const std::string& driver) { return config.driver == driver; })) return false;
  for (const build::LabelFilter& label : m_labels) {
    const auto found = config.labels.find(label.key);
    const bool fits = found != config.labels.end() && (!label.value || *label.value == found->second);
    if (fits != label.present) return false;
  }
  // The network that is always there has no time.
  return !m_before || parse_time(config.created).value_or(0) < *m_before;
}

}  // namespace ecrin::cli
