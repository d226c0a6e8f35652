#include "cli/image_filter.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "base/text.hpp"
#include "build/image_needs.hpp"
#include "cli/arguments.hpp"
#include "cli/image_names.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_keys[] = {"reference", "dangling", "label", "label!", "before",
                                       "since",     "after",    "until", "id",     "digest"};

std::optional<std::int64_t> unit_seconds(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    case 'w':
      return 7 * 86400;
    default:
      return std::nullopt;
  }
}

std::string without_algorithm(const std::string& text) {
  const std::size_t colon = text.find(':');
  return colon == std::string::npos ? text : text.substr(colon + 1);
}

void set_least(std::optional<std::int64_t>& moment, std::int64_t value) {
  moment = std::min(moment.value_or(value), value);
}

void set_most(std::optional<std::int64_t>& moment, std::int64_t value) {
  moment = std::max(moment.value_or(value), value);
}

}  // namespace

Result<std::int64_t> parse_age(const std::string& text) {
  constexpr std::int64_t k_most = 1'000'000'000'000;
  const auto wrong = [&] {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is no length of time", printable(text)))
            .hint("as in 90m, 24h, 7d or 1h30m"));
  };
  std::int64_t seconds = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t digits = at;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    if (digits == at || digits - at > 9 || digits == text.size()) return wrong();
    const auto unit = unit_seconds(text[digits]);
    if (!unit) return wrong();
    seconds += std::stoll(text.substr(at, digits - at)) * *unit;
    if (seconds > k_most) return wrong();
    at = digits + 1;
  }
  if (text.empty()) return wrong();
  return seconds;
}

Result<std::int64_t> parse_moment(const std::string& text, std::int64_t now) {
  if (const auto seconds = parse_unsigned(text, INT64_MAX)) return static_cast<std::int64_t>(*seconds);
  if (const auto age = parse_age(text)) return now - *age;
  if (const auto time = parse_time(text)) return *time;
  if (const auto date = parse_time(text + "T00:00:00Z")) return *date;
  return std::unexpected(
      Error(ErrorKind::invalid, fmt::format("'{}' is no time", printable(text)))
          .hint("as in 24h (ago), 2024-05-06, 2024-05-06T07:08:09Z, or seconds since 1970"));
}

build::LabelFilter parse_label_filter(const std::string& text, bool present) {
  build::LabelFilter filter{.key = text, .value = std::nullopt, .present = present};
  if (const std::size_t equals = text.find('='); equals != std::string::npos) {
    filter.key = text.substr(0, equals);
    filter.value = text.substr(equals + 1);
  }
  return filter;
}

bool matches_reference(const std::string& name, const std::string& pattern) {
  const auto reference = oci::Reference::parse(name);
  if (!reference) return false;
  const std::string repository = split_name(name).first;
  // Every form in which somebody may write the name, from the whole one to the last word.
  std::vector<std::string> forms = {name, repository};
  for (std::size_t slash = repository.find('/'); slash != std::string::npos;
       slash = repository.find('/', slash + 1)) {
    forms.push_back(repository.substr(slash + 1));
    forms.push_back(name.substr(slash + 1));
  }
  return std::ranges::any_of(forms, [&](const std::string& form) {
    return ::fnmatch(pattern.c_str(), form.c_str(), FNM_PATHNAME) == 0;
  });
}

Result<ImageFilter> ImageFilter::parse(const std::vector<std::string>& values, std::int64_t now) {
  ImageFilter filter;
  for (const std::string& text : values) {
    const std::size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    if (equals == std::string::npos)
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("--filter '{}' has no '='", printable(text)))
              .hint("as in --filter dangling=true"));
    const std::string value = text.substr(equals + 1);
    if (key == "reference") {
      filter.m_references.push_back(value);
    } else if (key == "dangling") {
      if (value != "true" && value != "false")
        return fail(ErrorKind::invalid, "--filter dangling= is true or false, not '{}'", printable(value));
      filter.m_dangling = value == "true";
    } else if (key == "label" || key == "label!") {
      filter.m_labels.push_back(parse_label_filter(value, key == "label"));
    } else if (key == "before") {
      filter.m_before_names.push_back(value);
    } else if (key == "since" || key == "after") {
      filter.m_since_names.push_back(value);
    } else if (key == "until") {
      set_least(filter.m_before, TRY(parse_moment(value, now)));
    } else if (key == "id") {
      filter.m_ids.push_back(without_algorithm(value));
    } else if (key == "digest") {
      filter.m_digests.push_back(value);
    } else {
      const std::string near = did_you_mean(key, k_keys);
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("there is no --filter '{}'", printable(key)))
              .hint(near.empty() ? "known are reference, dangling, label, before, since, until, id and digest"
                                 : near));
    }
  }
  return filter;
}

Result<> ImageFilter::resolve(oci::ImageStore& images) {
  for (const std::string& name : m_before_names)
    set_least(m_before, TRY_WHILE(find_any_image(images, name), "reading --filter before={}", name).created);
  for (const std::string& name : m_since_names)
    set_most(m_since, TRY_WHILE(find_any_image(images, name), "reading --filter since={}", name).created);
  return {};
}

bool ImageFilter::accepts(const oci::ImageRecord& record, oci::BlobStore& blobs) const {
  const bool dangling = record.names.empty() && !record.listed && !record.subject;
  if (m_dangling && *m_dangling != dangling) return false;
  if (m_before && record.created >= *m_before) return false;
  if (m_since && record.created <= *m_since) return false;
  const auto begins = [](const std::string& text) {
    return [&text](const std::string& prefix) { return text.starts_with(prefix); };
  };
  const std::string hex = record.id.digest.hex();
  if (!m_ids.empty() && !std::ranges::any_of(m_ids, begins(hex))) return false;
  const std::string digest = record.manifest.to_string();
  if (!m_digests.empty() && !std::ranges::any_of(m_digests, begins(digest))) return false;
  const auto is_meant = [&](const std::string& name) {
    return std::ranges::any_of(m_references,
                               [&](const auto& pattern) { return matches_reference(name, pattern); });
  };
  if (!m_references.empty() && std::ranges::none_of(record.names, is_meant)) return false;
  if (m_labels.empty()) return true;
  return build::has_labels(build::labels_of(blobs, record), m_labels);
}

}  // namespace ecrin::cli
