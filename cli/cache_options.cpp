#include "cli/cache_options.hpp"

#include "base/text.hpp"
#include "oci/endpoints.hpp"

namespace ecrin::cli {

namespace {

// An image's own name must not become a cache by a forgotten tag.
constexpr const char* k_default_tag = "build-cache";

std::string_view flag_name(CacheFlag flag) {
  return flag == CacheFlag::from ? "--cache-from" : "--cache-to";
}

Result<std::string> parse_cache_reference(const std::string& text) {
  oci::Reference reference = TRY(parse_registry_name(text));
  if (reference.registry.empty())
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("the cache '{}' names no registry", printable(text)))
            .hint("give the full name, as in registry.example/team/app:build-cache"));
  if (reference.tag.empty() && !reference.digest) reference.tag = k_default_tag;
  return reference.to_string();
}

Result<bool> parse_yes(std::string_view key, std::string_view value) {
  if (value == "true" || value == "1" || value.empty()) return true;
  if (value == "false" || value == "0") return false;
  return fail(ErrorKind::invalid, "'{}' is true or false, not '{}'", key, printable(value));
}

/// Parts whose meaning depends on other parts.
struct Others {
  std::string type;
  std::string level;
};

// The part KEY=VALUE of a list.
Result<> read_part(CacheWords& words, Others& others, CacheFlag flag, const std::string& key,
                   const std::string& value) {
  const bool to = flag == CacheFlag::to;
  if (key == "type") {
    others.type = value;
    if (value == "registry" || value == "local") return {};
    return std::unexpected(Error(ErrorKind::unsupported,
                                 fmt::format("caches of the type '{}' are not supported", printable(value)))
                               .hint("the types are registry and local"));
  }
  if (key == "ref") {
    words.reference = TRY(parse_cache_reference(value));
  } else if (key == (to ? "dest" : "src")) {
    words.directory = TRY(absolute_path(value));
  } else if (key == "tag") {
    words.tag = value;
  } else if (to && key == "mode" && (value == "min" || value == "max")) {
    words.all_steps = value == "max";
  } else if (to && key == "mounts") {
    words.mounts = TRY(parse_yes(key, value));
  } else if (to && key == "ignore-error") {
    words.ignore_error = TRY(parse_yes(key, value));
  } else if (to && key == "compression") {
    words.compression = TRY(oci::LayerCompression::parse(value == "uncompressed" ? "none" : value));
  } else if (to && key == "compression-level") {
    others.level = value;
  } else if (to && (key == "oci-mediatypes" || key == "image-manifest" || key == "force-compression")) {
    TRY(parse_yes(key, value));  // of buildx; there is nothing to choose here
  } else {
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("{} does not know '{}={}'", flag_name(flag), printable(key), printable(value)))
            .hint(to ? "as in type=registry,ref=HOST/NAME:TAG,mode=max or type=local,dest=DIR"
                     : "as in type=registry,ref=HOST/NAME:TAG or type=local,src=DIR"));
  }
  return {};
}

build::CachePlace place_of(const CacheWords& words, build::Workshop& workshop,
                           oci::RegistryImages& registries, CacheFlag flag) {
  build::CachePlace place{.name = words.name(), .open_source = {}};
  if (words.reference.empty()) {
    place.open_source = [words, &workshop](const CancelToken*) {
      return oci::open_source({oci::Transport::layout, words.directory, words.tag},
                              {.images = workshop.images()});
    };
    return place;
  }
  place.open_source = [words, &registries,
                       flag](const CancelToken* cancel) -> Result<std::unique_ptr<oci::ImageSource>> {
    const oci::Reference name = TRY(oci::Reference::parse(words.reference));
    // What a mirror remembers is good enough to read, but not to be merged with.
    if (flag == CacheFlag::from) return std::move(TRY(registries.find(name, cancel)).source);
    return std::move(TRY(registries.find_at_home(name, cancel)).source);
  };
  return place;
}

build::CacheTarget target_of(const CacheWords& words, build::Workshop& workshop,
                             oci::RegistryImages& registries) {
  build::CacheTarget target{.place = place_of(words, workshop, registries, CacheFlag::to),
                            .open_destination = {},
                            .exclusive = words.reference.empty(),
                            .all_steps = words.all_steps,
                            .mounts = words.mounts,
                            .ignore_error = words.ignore_error,
                            .compression = words.compression};
  if (target.exclusive) {
    target.open_destination = [words, &workshop](const CancelToken*) {
      return oci::open_destination({oci::Transport::layout, words.directory, words.tag},
                                   {.images = workshop.images()});
    };
  } else {
    target.open_destination =
        [words, &registries](const CancelToken* cancel) -> Result<std::unique_ptr<oci::ImageDestination>> {
      return registries.destination(TRY(oci::Reference::parse(words.reference)), {}, cancel);
    };
  }
  return target;
}

}  // namespace

std::string CacheWords::name() const {
  if (!reference.empty()) return reference;
  return tag == k_default_tag ? directory : directory + ":" + tag;
}

Result<CacheWords> parse_cache(std::string_view text, CacheFlag flag) {
  CacheWords words;
  words.tag = k_default_tag;
  if (!text.contains('=')) {
    words.reference = TRY_WHILE(parse_cache_reference(std::string(text)), "reading {}", flag_name(flag));
    return words;
  }
  Others others;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    TRY_WHILE(read_part(words, others, flag, to_lower(part.substr(0, equals)), value), "reading {} '{}'",
              flag_name(flag), printable(text, 200));
  }
  const bool local = others.type == "local";
  if (local ? words.directory.empty() || !words.reference.empty()
            : words.reference.empty() || !words.directory.empty())
    return fail(ErrorKind::invalid, "{} needs {}, not '{}'", flag_name(flag),
                !local                    ? "type=registry,ref=HOST/NAME:TAG"
                : flag == CacheFlag::from ? "type=local,src=DIR"
                                          : "type=local,dest=DIR",
                printable(text, 200));
  if (words.tag.empty()) words.tag = k_default_tag;
  if (!others.level.empty())
    words.compression = TRY(oci::LayerCompression::parse(words.compression.to_string() + ":" + others.level));
  return words;
}

Result<CacheRequests> parse_caches(const Arguments& arguments) {
  CacheRequests requests;
  for (const std::string& text : arguments.values("cache-from"))
    requests.from.push_back(TRY(parse_cache(text, CacheFlag::from)));
  for (const std::string& text : arguments.values("cache-to")) {
    requests.to.push_back(TRY(parse_cache(text, CacheFlag::to)));
    if (requests.to.back().reference.contains('@'))
      return fail(ErrorKind::invalid, "--cache-to needs a tag, not the digest in '{}'", printable(text, 200));
  }
  return requests;
}

std::vector<Flag> cache_flags() {
  return {
      {.name = "cache-from",
       .value = "SPEC",
       .help = "also take steps from this shared cache: HOST/NAME:TAG, type=registry,ref=... or "
               "type=local,src=DIR",
       .occurs = Occurs::often},
      {.name = "cache-to",
       .value = "SPEC",
       .help = "add what was built to a shared cache: HOST/NAME:TAG, type=registry,ref=... or "
               "type=local,dest=DIR; "
               "with ,mode=max (all stages) ,mounts=true (cache mounts) ,ignore-error=true",
       .occurs = Occurs::often},
  };
}

void add_caches(build::BuildOptions& options, const CacheRequests& requests, Session& session,
                build::Workshop& workshop, oci::RegistryImages& registries, ProgressKind progress) {
  for (const CacheWords& words : requests.from)
    options.cache_from.push_back(place_of(words, workshop, registries, CacheFlag::from));
  for (const CacheWords& words : requests.to)
    options.cache_to.push_back(target_of(words, workshop, registries));
  options.watch_transfers = [&session, progress]() -> std::shared_ptr<oci::CopyObserver> {
    std::shared_ptr<TransferProgress> shown =
        make_transfer_progress(progress, session.console(), session.style(), steady_clock());
    TransferProgress& ends = *shown;
    return {&ends, [shown = std::move(shown)](oci::CopyObserver*) { shown->end(); }};
  };
}

}  // namespace ecrin::cli
