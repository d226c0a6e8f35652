#include "oci/registry/image_endpoints.hpp"

#include "base/text.hpp"
#include "oci/registry/registry_name.hpp"

namespace ecrin::oci {
namespace {

// How many characters of the name "host[:port]/path[:tag][@digest]" the prefix covers; 0: it does not match.
std::size_t match(std::string_view name, std::string_view prefix) {
  const std::size_t slash = name.find('/');
  if (prefix.starts_with("*.")) {
    std::string_view host = name.substr(0, slash);
    const std::string_view domain = prefix.substr(1);  // with its dot
    if (!domain.contains(':') && !host.ends_with(']')) host = host.substr(0, host.find(':'));
    return host.size() > domain.size() && host.ends_with(domain) ? slash : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  if (name.size() == prefix.size()) return prefix.size();
  const char next = name[prefix.size()];
  // A colon after a host is a port: another registry.
  const bool whole = next == '/' || (prefix.contains('/') && (next == ':' || next == '@'));
  return whole ? prefix.size() : 0;
}

const RegistryRule* find_rule(const RegistriesConf& conf, const std::string& name) {
  const RegistryRule* best = nullptr;
  for (const RegistryRule& rule : conf.rules) {
    if (match(name, rule.prefix) > 0 && (best == nullptr || rule.prefix.size() > best->prefix.size()))
      best = &rule;
  }
  return best;
}

Endpoint make_endpoint(Reference reference, bool insecure) {
  Endpoint endpoint;
  endpoint.host = api_host(reference.registry);
  endpoint.insecure = insecure || is_loopback_registry(reference.registry);
  endpoint.reference = std::move(reference);
  return endpoint;
}

Result<Reference> rewrite(const std::string& name, const RegistryRule& rule, const std::string& location) {
  const std::string text = location + name.substr(match(name, rule.prefix));
  auto reference = Reference::parse(text);
  if (!reference || reference->registry.empty()) {
    return fail(ErrorKind::invalid, "'{}' sends '{}' to '{}', which is no full name of an image",
                printable(rule.file), name, printable(text, 300));
  }
  return std::move(*reference);
}

Result<> check_blocked(const RegistryRule* rule, const Reference& reference) {
  if (rule == nullptr || !rule->blocked) return {};
  return std::unexpected(
      Error(ErrorKind::denied, fmt::format("the registry of '{}' is blocked: prefix '{}' in '{}'",
                                           reference.to_string(), rule->prefix, printable(rule->file)))
          .hint("ask who wrote that file"));
}

bool is_used(const RegistryMirror& mirror, const Reference& reference) {
  switch (mirror.use) {
    case RegistryMirror::Use::all:
      return true;
    case RegistryMirror::Use::digest_only:
      return reference.digest.has_value();
    case RegistryMirror::Use::tag_only:
      return !reference.digest.has_value();
  }
  return false;
}

Result<Reference> require_full(const Reference& reference) {
  if (!reference.registry.empty()) return reference;
  return fail(ErrorKind::invalid, "'{}' names no registry", reference.to_string());
}

std::string tail_of(const Reference& reference) {
  std::string text;
  if (!reference.tag.empty()) text += ":" + reference.tag;
  if (reference.digest) text += "@" + reference.digest->to_string();
  return text;
}

}  // namespace

Result<std::vector<Reference>> remote_candidates(const RegistriesConf& conf, const Reference& reference) {
  if (!reference.registry.empty()) return std::vector{reference};
  if (conf.short_name_mode != ShortNameMode::disabled) {
    if (const auto alias = conf.aliases.find(reference.repository); alias != conf.aliases.end())
      return std::vector{TRY(Reference::parse(alias->second + tail_of(reference)))};
  }
  const std::string name = reference.to_string();
  if (conf.search.empty()) {
    return std::unexpected(
        Error(
            ErrorKind::not_found,
            fmt::format("the short name '{}' has no alias, and no registries to search are configured", name))
            .hint(
                fmt::format("give the full name, as 'docker.io/{}'; or set unqualified-search-registries or "
                            "an alias in registries.conf",
                            reference.repository.contains('/') ? name : "library/" + name)));
  }
  std::vector<Reference> candidates;
  std::vector<std::string> names;
  for (const std::string& registry : conf.search) {
    candidates.push_back(
        TRY_WHILE(Reference::parse(registry + "/" + name), "completing the name '{}'", name));
    names.push_back(candidates.back().to_string());
  }
  if (conf.short_name_mode == ShortNameMode::enforcing && candidates.size() > 1) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("the short name '{}' may mean {}", name, join(names, " or ")))
            .hint(
                "give the full name, or set an alias in registries.conf: its short-name-mode is enforcing"));
  }
  return candidates;
}

Result<std::vector<Endpoint>> pull_endpoints(const RegistriesConf& conf, const Reference& reference) {
  const std::string name = TRY(require_full(reference)).to_string();
  const RegistryRule* rule = find_rule(conf, name);
  TRY(check_blocked(rule, reference));
  std::vector<Endpoint> endpoints;
  if (rule == nullptr) {
    endpoints.push_back(make_endpoint(reference, false));
    return endpoints;
  }
  for (const RegistryMirror& mirror : rule->mirrors) {
    if (!is_used(mirror, reference)) continue;
    endpoints.push_back(make_endpoint(TRY(rewrite(name, *rule, mirror.location)), mirror.insecure));
    endpoints.back().mirror = true;
    endpoints.back().by_digest_only = mirror.use == RegistryMirror::Use::digest_only;
  }
  const Reference own = rule->location.empty() ? reference : TRY(rewrite(name, *rule, rule->location));
  endpoints.push_back(make_endpoint(own, rule->insecure));
  return endpoints;
}

Result<Endpoint> push_endpoint(const RegistriesConf& conf, const Reference& reference) {
  const RegistryRule* rule = find_rule(conf, TRY(require_full(reference)).to_string());
  TRY(check_blocked(rule, reference));
  return make_endpoint(reference, rule != nullptr && rule->insecure);
}

}  // namespace ecrin::oci
