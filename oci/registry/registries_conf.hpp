// RegistriesConf: what registries.conf (version 2, containers-registries.conf(5)) says about registries:
// other places and mirrors of images, which registries are blocked or speak plain http, and what short names
// mean. Values only; what follows from them for an image is in image_endpoints.hpp.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace ecrin::oci {

struct RegistryMirror {
  enum class Use { all, digest_only, tag_only };
  std::string location;
  bool insecure = false;
  Use use = Use::all;
};

struct RegistryRule {
  std::string prefix;    // "host[:port][/path]", or "*.domain"
  std::string location;  // instead of the prefix; "" (with "*." only): as it is
  bool insecure = false;
  bool blocked = false;
  std::vector<RegistryMirror> mirrors;
  std::string file;  // that said so
};

/// Without a terminal nobody can be asked, and ecrin never asks: in the mode `enforcing` a short name must
/// have one meaning, in the two others all that are possible are tried in order. `disabled` has no aliases.
enum class ShortNameMode { permissive, enforcing, disabled };

struct RegistriesConf {
  std::vector<RegistryRule> rules;             // one for a prefix
  std::vector<std::string> search;             // unqualified-search-registries
  std::map<std::string, std::string> aliases;  // "debian" -> "docker.io/library/debian"
  ShortNameMode short_name_mode = ShortNameMode::permissive;
  std::vector<std::string> credential_helpers;
  std::vector<std::string> files;  // that were read
};

struct RegistriesConfPlaces {
  std::string chosen;                    // $CONTAINERS_REGISTRIES_CONF: instead of `usual`; "" = not set
  std::vector<std::string> usual;        // the first that is there
  std::vector<std::string> directories;  // drop-ins: all *.conf, the later ones change what earlier ones said
  std::string aliases;                   // the user's own short names, as podman records them
};
/// `config_directory`: $XDG_CONFIG_HOME or ~/.config; `cache_directory`: $XDG_CACHE_HOME or ~/.cache; "" =
/// none.
RegistriesConfPlaces registries_conf_places(const std::string& chosen, const std::string& config_directory,
                                            const std::string& cache_directory);

/// With no file at all, short names are looked for at docker.io, as docker does.
Result<RegistriesConf> load_registries_conf(const RegistriesConfPlaces& places);

}  // namespace ecrin::oci
