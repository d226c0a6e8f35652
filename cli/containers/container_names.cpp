#include "cli/containers/container_names.hpp"

#include <array>
#include <string_view>

namespace ecrin::cli {
namespace {

constexpr auto k_adjectives = std::to_array<std::string_view>(
    {"able",   "amber",  "apt",   "azure",  "blithe",  "bold",    "brave",  "brisk",  "bright", "calm",
     "candid", "clever", "cosy",  "crisp",  "curious", "deft",    "eager",  "early",  "fair",   "fleet",
     "fond",   "frank",  "fresh", "gentle", "gilded",  "glad",    "golden", "grand",  "hale",   "happy",
     "hardy",  "honest", "jolly", "keen",   "kind",    "lively",  "loyal",  "lucid",  "lucky",  "mellow",
     "merry",  "mild",   "neat",  "nimble", "noble",   "patient", "placid", "plucky", "polite", "proud",
     "quick",  "quiet",  "rapid", "rosy",   "serene",  "sharp",   "silver", "smart",  "snug",   "sober",
     "spry",   "steady", "sunny", "swift",  "tidy",    "upbeat",  "vivid",  "warm",   "wise",   "witty"});

constexpr auto k_nouns = std::to_array<std::string_view>(
    {"alder",  "anchor",  "badger",  "beacon", "birch",   "bridge",  "brook",  "canoe",   "cedar",  "comet",
     "coral",  "cove",    "crane",   "delta",  "dune",    "eagle",   "ember",  "falcon",  "fern",   "finch",
     "fjord",  "garnet",  "glacier", "grove",  "harbour", "hazel",   "heron",  "hollow",  "island", "ivy",
     "jasper", "juniper", "kestrel", "lagoon", "lantern", "larch",   "lark",   "lichen",  "linden", "lynx",
     "maple",  "marsh",   "meadow",  "meteor", "moss",    "oak",     "opal",   "orchard", "osprey", "otter",
     "pebble", "petrel",  "pine",    "plover", "quartz",  "raven",   "reef",   "ridge",   "river",  "robin",
     "rowan",  "sparrow", "spruce",  "summit", "swallow", "thistle", "tundra", "valley",  "willow", "wren"});

}  // namespace

std::string container_name(std::uint64_t number) {
  std::string name(k_adjectives[number % k_adjectives.size()]);
  name += '_';
  name += k_nouns[number / k_adjectives.size() % k_nouns.size()];
  return name;
}

}  // namespace ecrin::cli
