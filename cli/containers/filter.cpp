#include "cli/containers/filter.hpp"

#include <algorithm>
#include <regex>

#include "base/text.hpp"
#include "cli/containers/stored_request.hpp"
#include "cli/image_filter.hpp"

namespace ecrin::cli {
namespace {

constexpr std::int64_t k_second = 1'000'000'000;
constexpr std::size_t k_longest_pattern = 200;

// Names are short, so no pattern of this length can take long over one.
Result<bool> matches(const std::string& name, const std::string& pattern) {
  try {
    return std::regex_search(name, std::regex(pattern));
  } catch (const std::regex_error&) {
    return fail(ErrorKind::invalid, "'{}' is no regular expression", printable(pattern, 100));
  }
}

bool is_state(const std::string& word) {
  return word == "stopped" || word == "up" || run::parse_status(word).has_value();
}

bool has_state(const run::ContainerState& state, const std::string& word) {
  if (word == "stopped") return state.status == run::LifeStatus::exited;
  if (word == "up") return state.status == run::LifeStatus::running;
  return run::to_string(state.status) == word;
}

template <class Fits>
bool any_or_none(const auto& list, Fits fits) {
  return list.empty() || std::ranges::any_of(list, fits);
}

const run::StoredContainer* find_record(const std::vector<run::StoredContainer>& all,
                                        const std::string& words) {
  for (const run::StoredContainer& record : all)
    if (record.name == words || (!words.empty() && record.id.starts_with(words))) return &record;
  return nullptr;
}

// By name as it was given, by another form of that name, or by ID.
bool is_from(const run::StoredContainer& record, const std::string& image) {
  if (record.image == image || (!record.image.empty() && matches_reference(record.image, image))) return true;
  const std::string hex = image.starts_with("sha256:") ? image.substr(7) : image;
  const std::string digest = "sha256:" + hex;
  return hex.size() >= 6 && (record.image_id.starts_with(digest) || record.manifest.starts_with(digest));
}

bool has_mount(const StoredRequest& stored, const std::string& words) {
  return std::ranges::any_of(stored.request.mounts, [&](const MountSpec& mount) {
    return mount.source == words || mount.destination == words;
  });
}

}  // namespace

Result<ContainerFilter> ContainerFilter::parse(const std::vector<std::string>& values, std::int64_t now) {
  ContainerFilter filter;
  for (const std::string& text : values) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
      return fail(ErrorKind::invalid, "--filter is KEY=VALUE, not '{}'", printable(text, 100));
    const std::string key = text.substr(0, equals);
    const std::string value = text.substr(equals + 1);
    if (key == "id") {
      filter.m_ids.push_back(value);
    } else if (key == "name") {
      if (value.size() > k_longest_pattern)
        return fail(ErrorKind::limit, "a name in --filter has at most {} bytes", k_longest_pattern);
      TRY(matches("", value));
      filter.m_names.push_back(value);
    } else if (key == "label" || key == "label!") {
      filter.m_labels.push_back(parse_label_filter(value, key == "label"));
    } else if (key == "status") {
      if (!is_state(value))
        return fail(ErrorKind::invalid, "'{}' is no state of a container", printable(value, 60));
      filter.m_states.push_back(value);
    } else if (key == "health") {
      filter.m_health.push_back(value);
    } else if (key == "ancestor") {
      filter.m_ancestors.push_back(value);
    } else if (key == "volume") {
      filter.m_volumes.push_back(value);
    } else if (key == "network") {
      filter.m_networks.push_back(value);
    } else if (key == "restart-policy") {
      filter.m_restart_policies.push_back(value);
    } else if (key == "exited") {
      const auto code = parse_unsigned(value, 255);
      if (!code) return fail(ErrorKind::invalid, "'{}' is no exit code", printable(value, 60));
      filter.m_exit_codes.push_back(static_cast<int>(*code));
    } else if (key == "before") {
      filter.m_before.push_back(value);
    } else if (key == "since") {
      filter.m_since.push_back(value);
    } else if (key == "until") {
      filter.m_until = TRY(parse_moment(value, now));
    } else {
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("unknown filter '{}'", printable(key, 60)))
              .hint("known are ancestor, before, exited, health, id, label, name, network, restart-policy, "
                    "since, status, until and volume"));
    }
  }
  return filter;
}

Result<bool> ContainerFilter::accepts(const run::StoredContainer& record,
                                      const std::vector<run::StoredContainer>& all) const {
  for (const std::string& name : m_before) {
    const auto* other = find_record(all, name);
    if (!other) return fail(ErrorKind::not_found, "there is no container '{}'", printable(name, 100));
    if (record.created >= other->created) return false;
  }
  for (const std::string& name : m_since) {
    const auto* other = find_record(all, name);
    if (!other) return fail(ErrorKind::not_found, "there is no container '{}'", printable(name, 100));
    if (record.created <= other->created) return false;
  }
  if (m_until && record.created / k_second >= *m_until) return false;
  if (!any_or_none(m_ids, [&](const std::string& id) { return record.id.starts_with(id); })) return false;
  bool named = m_names.empty();
  for (const std::string& pattern : m_names) named = named || TRY(matches(record.name, pattern));
  if (!named) return false;
  if (!build::has_labels(record.labels, m_labels)) return false;
  if (!any_or_none(m_states, [&](const std::string& word) { return has_state(record.state, word); }))
    return false;
  if (!any_or_none(m_health, [&](const std::string& word) {
        return record.state.health == word || (word == "none" && record.state.health.empty());
      }))
    return false;
  if (!any_or_none(m_exit_codes, [&](int code) {
        return record.state.status == run::LifeStatus::exited && record.state.exit_code == code;
      }))
    return false;
  if (!any_or_none(m_ancestors, [&](const std::string& image) { return is_from(record, image); }))
    return false;
  if (m_volumes.empty() && m_networks.empty() && m_restart_policies.empty()) return true;
  const StoredRequest stored = TRY(decode_request(record.request));
  return any_or_none(m_volumes, [&](const std::string& words) { return has_mount(stored, words); }) &&
         any_or_none(m_networks,
                     [&](const std::string& name) {
                       return std::ranges::find(stored.networks, name) != stored.networks.end();
                     }) &&
         any_or_none(m_restart_policies, [&](const std::string& policy) {
           const std::string whole = run::to_string(stored.request.life.restart);
           return whole == policy || whole.substr(0, whole.find(':')) == policy;
         });
}

}  // namespace ecrin::cli
