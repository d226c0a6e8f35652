// The only file that knows toml++.
#include "oci/registry/registries_conf.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/reference.hpp"
#include "oci/registry/small_file.hpp"

namespace ecrin::oci {
namespace {

constexpr std::uint64_t k_file_limit = 1u << 20;
constexpr std::size_t k_most_drop_ins = 1000;

// One file, with what its errors need.
struct Document {
  std::string path;
  toml::table root;
};

std::unexpected<Error> refuse(const Document& document, const toml::node& node, std::string_view why) {
  return fail(ErrorKind::invalid, "{}:{}: {}", printable(document.path), node.source().begin.line, why);
}

Result<Document> parse_document(const std::string& path, const std::string& text) {
  try {
    return Document{.path = path, .root = toml::parse(std::string_view(text), std::string_view(path))};
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::invalid, "{}:{}:{}: {}", printable(path), error.source().begin.line,
                error.source().begin.column, printable(error.description(), 300));
  } catch (const std::exception& error) {
    return fail(ErrorKind::invalid, "cannot read '{}': {}", printable(path), printable(error.what(), 300));
  }
}

// ---- members of a table -----------------------------------------------------------------------------------

Result<std::string> text_of(const Document& document, const toml::table& table, const char* key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return "";
  const auto* text = node->as_string();
  if (text == nullptr) return refuse(document, *node, fmt::format("'{}' is not a string", key));
  return text->get();
}

Result<bool> flag_of(const Document& document, const toml::table& table, const char* key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return false;
  const auto* flag = node->as_boolean();
  if (flag == nullptr) return refuse(document, *node, fmt::format("'{}' is neither true nor false", key));
  return flag->get();
}

Result<std::vector<std::string>> texts_of(const Document& document, const toml::node& node, const char* key) {
  const auto* list = node.as_array();
  std::vector<std::string> result;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const auto* text = list->get(i)->as_string();
    if (text == nullptr) return refuse(document, node, fmt::format("'{}' is not a list of strings", key));
    result.push_back(text->get());
  }
  if (list == nullptr) return refuse(document, node, fmt::format("'{}' is not a list of strings", key));
  return result;
}

// The tables of [[key]]; an empty list when there are none.
Result<std::vector<const toml::table*>> tables_of(const Document& document, const toml::table& table,
                                                  const char* key) {
  std::vector<const toml::table*> result;
  const toml::node* node = table.get(key);
  if (node == nullptr) return result;
  const auto* list = node->as_array();
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i)
    result.push_back(list->get(i)->as_table());
  if (list == nullptr || std::ranges::find(result, nullptr) != result.end())
    return refuse(document, *node, fmt::format("'{}' is not a list of tables: write [[{}]]", key, key));
  return result;
}

void warn_unknown(const Document& document, const toml::table& table,
                  const std::set<std::string_view>& known) {
  for (const auto& [key, node] : table) {
    if (!known.contains(key.str())) {
      log::warning("{}:{}: unknown key '{}' is ignored", printable(document.path), node.source().begin.line,
                   printable(key.str(), 100));
    }
  }
}

// ---- what the tables mean ---------------------------------------------------------------------------------

// "host[:port][/path]"
Result<std::string> location_of(const Document& document, const toml::table& table, const char* key) {
  std::string text = TRY(text_of(document, table, key));
  while (text.ends_with('/')) text.pop_back();
  if (text.empty()) return text;
  if (text.contains("://"))
    return refuse(document, *table.get(key), fmt::format("'{}' takes no 'https://' or 'http://'", key));
  std::string_view host = std::string_view(text).substr(0, text.find('/'));
  if (std::string_view(key) == "prefix" && host.starts_with("*.")) {
    if (text.size() != host.size())
      return refuse(document, *table.get(key), "a prefix with '*.' is a domain, without a path");
    host.remove_prefix(2);
  }
  if (!is_registry_name(host)) {
    return refuse(document, *table.get(key),
                  fmt::format("'{}' is not a registry's host: '{}'", key, printable(text, 300)));
  }
  return text;
}

Result<RegistryMirror> parse_mirror(const Document& document, const toml::table& table) {
  warn_unknown(document, table, {"location", "insecure", "pull-from-mirror"});
  RegistryMirror mirror;
  mirror.location = TRY(location_of(document, table, "location"));
  if (mirror.location.empty()) return refuse(document, table, "the mirror has no location");
  mirror.insecure = TRY(flag_of(document, table, "insecure"));
  const std::string use = TRY(text_of(document, table, "pull-from-mirror"));
  if (use == "digest-only") {
    mirror.use = RegistryMirror::Use::digest_only;
  } else if (use == "tag-only") {
    mirror.use = RegistryMirror::Use::tag_only;
  } else if (!use.empty() && use != "all") {
    return refuse(document, table, "'pull-from-mirror' is one of all, digest-only, tag-only");
  }
  return mirror;
}

Result<RegistryRule> parse_rule(const Document& document, const toml::table& table) {
  warn_unknown(document, table,
               {"prefix", "location", "insecure", "blocked", "mirror", "mirror-by-digest-only"});
  RegistryRule rule;
  rule.file = document.path;
  rule.prefix = TRY(location_of(document, table, "prefix"));
  rule.location = TRY(location_of(document, table, "location"));
  if (rule.prefix.empty()) rule.prefix = rule.location;
  if (rule.prefix.empty()) return refuse(document, table, "the registry has neither a prefix nor a location");
  if (rule.location.empty() && !rule.prefix.starts_with("*.")) rule.location = rule.prefix;
  rule.insecure = TRY(flag_of(document, table, "insecure"));
  rule.blocked = TRY(flag_of(document, table, "blocked"));
  const bool digest_only = TRY(flag_of(document, table, "mirror-by-digest-only"));
  for (const toml::table* mirror : TRY(tables_of(document, table, "mirror"))) {
    if (digest_only && mirror->contains("pull-from-mirror")) {
      return refuse(document, *mirror,
                    "'pull-from-mirror' of a mirror and 'mirror-by-digest-only' of its registry exclude each "
                    "other");
    }
    rule.mirrors.push_back(TRY(parse_mirror(document, *mirror)));
    if (digest_only) rule.mirrors.back().use = RegistryMirror::Use::digest_only;
  }
  return rule;
}

Result<> read_aliases(const Document& document, RegistriesConf& conf) {
  const toml::node* node = document.root.get("aliases");
  if (node == nullptr) return {};
  const auto* table = node->as_table();
  if (table == nullptr) return refuse(document, *node, "'aliases' is not a table");
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    const auto* target = value.as_string();
    const auto plain = [](const Result<Reference>& reference) {
      return reference && reference->tag.empty() && !reference->digest;
    };
    const auto reference = Reference::parse(name);
    if (!plain(reference) || !reference->registry.empty())
      return refuse(document, value, fmt::format("'{}' is not a short name", printable(name, 300)));
    if (target != nullptr && target->get().empty()) {  // takes an earlier file's away
      conf.aliases.erase(name);
      continue;
    }
    const auto full = Reference::parse(target == nullptr ? "" : target->get());
    if (!plain(full) || full->registry.empty()) {
      return refuse(
          document, value,
          fmt::format("the alias '{}' is not a full name HOST/NAME without a tag", printable(name, 300)));
    }
    conf.aliases[name] = full->to_string();
  }
  return {};
}

std::unexpected<Error> refuse_version_1(const Document& document) {
  return std::unexpected(
      Error(ErrorKind::unsupported,
            fmt::format("'{}' is in the old format, version 1, of registries.conf", printable(document.path)))
          .hint("write version 2: unqualified-search-registries = [...] instead of [registries.search], and "
                "[[registry]] tables with location, insecure and blocked"));
}

Result<> read_search(const Document& document, RegistriesConf& conf) {
  const toml::node* node = document.root.get("unqualified-search-registries");
  if (node == nullptr) return {};
  conf.search.clear();
  for (std::string& name : TRY(texts_of(document, *node, "unqualified-search-registries"))) {
    while (name.ends_with('/')) name.pop_back();
    // "registry/debian" would be a short name again: a host has a dot or a port, or is localhost.
    const auto full = Reference::parse(name + "/image");
    if (!full || full->registry.empty())
      return refuse(document, *node, fmt::format("'{}' is not a registry", printable(name, 300)));
    conf.search.push_back(std::move(name));
  }
  return {};
}

Result<> read_mode(const Document& document, RegistriesConf& conf) {
  const std::string mode = TRY(text_of(document, document.root, "short-name-mode"));
  if (mode.empty()) return {};
  if (mode == "permissive") {
    conf.short_name_mode = ShortNameMode::permissive;
  } else if (mode == "enforcing") {
    conf.short_name_mode = ShortNameMode::enforcing;
  } else if (mode == "disabled") {
    conf.short_name_mode = ShortNameMode::disabled;
  } else {
    return refuse(document, *document.root.get("short-name-mode"),
                  "'short-name-mode' is one of permissive, enforcing, disabled");
  }
  return {};
}

// What this file says, over what the files before it said.
Result<> merge(const Document& document, RegistriesConf& conf) {
  const toml::table& root = document.root;
  if (root.contains("registries")) return refuse_version_1(document);
  warn_unknown(document, root,
               {"unqualified-search-registries", "short-name-mode", "aliases", "registry",
                "credential-helpers", "additional-layer-store-auth-helper"});
  TRY(read_search(document, conf));
  TRY(read_mode(document, conf));
  TRY(read_aliases(document, conf));
  if (const toml::node* node = root.get("credential-helpers"))
    conf.credential_helpers = TRY(texts_of(document, *node, "credential-helpers"));
  std::vector<RegistryRule> rules;
  for (const toml::table* table : TRY(tables_of(document, root, "registry"))) {
    RegistryRule rule = TRY(parse_rule(document, *table));
    if (std::ranges::find(rules, rule.prefix, &RegistryRule::prefix) != rules.end()) {
      log::warning("{}:{}: the prefix '{}' is there twice: the first counts", printable(document.path),
                   table->source().begin.line, rule.prefix);
      continue;
    }
    rules.push_back(std::move(rule));
  }
  for (RegistryRule& rule : rules) {
    std::erase_if(conf.rules, [&](const RegistryRule& before) { return before.prefix == rule.prefix; });
    conf.rules.push_back(std::move(rule));
  }
  conf.files.push_back(document.path);
  return {};
}

// False: there is no such file.
Result<bool> merge_file(const std::string& path, RegistriesConf& conf) {
  const auto file = TRY(read_small_file(path, k_file_limit));
  if (!file) return false;
  const Document document = TRY(parse_document(path, file->text));
  TRY(merge(document, conf));
  return true;
}

Result<> merge_directory(const std::string& path, RegistriesConf& conf) {
  auto directory = posix::open(path, O_RDONLY | O_DIRECTORY);
  if (!directory &&
      (directory.error().kind() == ErrorKind::not_found || directory.error().code() == ENOTDIR)) {
    return {};
  }
  if (!directory) return std::unexpected(std::move(directory).error());
  const auto entries = TRY(posix::list_directory(*directory));
  if (entries.size() > k_most_drop_ins)
    return fail(ErrorKind::limit, "'{}' has more than {} files", printable(path), k_most_drop_ins);
  for (const posix::DirectoryEntry& entry : entries) {
    if (entry.name.ends_with(".conf")) TRY(merge_file(path + "/" + entry.name, conf));
  }
  return {};
}

Result<> load(const RegistriesConfPlaces& places, RegistriesConf& conf) {
  if (!places.chosen.empty()) {
    if (!TRY(merge_file(places.chosen, conf)))
      return fail(ErrorKind::not_found, "there is no file '{}'", printable(places.chosen));
  } else {
    for (const std::string& path : places.usual) {
      if (TRY(merge_file(path, conf))) break;
    }
  }
  for (const std::string& path : places.directories) TRY(merge_directory(path, conf));
  if (!places.aliases.empty()) {
    RegistriesConf own;
    TRY(merge_file(places.aliases, own));
    for (const auto& [name, target] : own.aliases) conf.aliases[name] = target;
  }
  return {};
}

}  // namespace

RegistriesConfPlaces registries_conf_places(const std::string& chosen, const std::string& config_directory,
                                            const std::string& cache_directory) {
  RegistriesConfPlaces places{.chosen = chosen,
                              .usual = {"/etc/containers/registries.conf"},
                              .directories = {"/etc/containers/registries.conf.d"},
                              .aliases = {}};
  if (config_directory.starts_with('/')) {
    places.usual.insert(places.usual.begin(), config_directory + "/containers/registries.conf");
    places.directories.push_back(config_directory + "/containers/registries.conf.d");
  }
  if (cache_directory.starts_with('/'))
    places.aliases = cache_directory + "/containers/short-name-aliases.conf";
  return places;
}

Result<RegistriesConf> load_registries_conf(const RegistriesConfPlaces& places) {
  RegistriesConf conf;
  auto loaded = load(places, conf);
  if (!loaded) {
    return std::unexpected(std::move(loaded)
                               .error()
                               .context("reading the configuration of registries")
                               .hint("correct it, or name another file with CONTAINERS_REGISTRIES_CONF"));
  }
  if (conf.files.empty()) conf.search = {"docker.io"};
  if (conf.credential_helpers.empty()) conf.credential_helpers = {"containers-auth.json"};
  return conf;
}

}  // namespace ecrin::oci
