#include "cli/volume_filter.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/image_filter.hpp"

namespace ecrin::cli {
namespace {

Result<bool> parse_switch(const std::string& key, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return fail(ErrorKind::invalid, "--filter {} is true or false, not '{}'", key, printable(value));
}

}  // namespace

Result<VolumeFilter> VolumeFilter::parse(const std::vector<std::string>& values, std::int64_t now) {
  VolumeFilter filter;
  for (const std::string& text : values) {
    const std::size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (value.empty()) {
      return fail(ErrorKind::invalid, "--filter is KEY=VALUE, not '{}'", printable(text));
    } else if (key == "name") {
      filter.m_names.push_back(value);
    } else if (key == "label" || key == "label!") {
      filter.m_labels.push_back(parse_label_filter(value, key == "label"));
    } else if (key == "dangling") {
      filter.m_dangling = TRY(parse_switch(key, value));
    } else if (key == "anonymous") {
      filter.m_anonymous = TRY(parse_switch(key, value));
    } else if (key == "until") {
      filter.m_before = std::min(filter.m_before.value_or(INT64_MAX), TRY(parse_moment(value, now)));
    } else if (key == "driver") {
      filter.m_none = filter.m_none || value != "local";
    } else if (key == "scope") {
      filter.m_none = filter.m_none || value != "local";
    } else {
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("there is no --filter '{}' for volumes", printable(key)))
              .hint("known are name, label, label!, dangling, anonymous, until, driver and scope"));
    }
  }
  return filter;
}

bool VolumeFilter::accepts(const build::Volume& volume, const std::set<std::string>& used) const {
  if (m_none) return false;
  if (m_dangling && *m_dangling == used.contains(volume.name)) return false;
  if (m_anonymous && *m_anonymous != volume.anonymous) return false;
  if (m_before && volume.created >= *m_before) return false;
  if (!build::has_labels(volume.labels, m_labels)) return false;
  return m_names.empty() ||
         std::ranges::any_of(m_names, [&](const std::string& part) { return volume.name.contains(part); });
}

}  // namespace ecrin::cli
