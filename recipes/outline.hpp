// What a recipe offers to whoever builds it: its targets, and what a target takes (docker's --call=targets
// and
// --call=outline). Nothing is built or asked for to know it.
#pragma once

#include <string>
#include <vector>

#include "recipes/recipe.hpp"

namespace ecrin::recipes {

struct OutlineTarget {
  std::string name;         // "" = the stage has none
  std::string description;  // from the comment above it
  std::string base;
  std::string platform;  // "" = the build's
  bool is_default = false;
  Location location;
};

struct OutlineArg {
  std::string name;
  std::string description;
  std::string value;  // in force: given, or the default; "" = none
  Location location;
};

/// A secret, an ssh-agent or a cache that a RUN mounts.
struct OutlineMount {
  std::string id;
  bool required = false;
  Location location;
};

struct Outline {
  OutlineTarget target;
  std::vector<OutlineArg> args;
  std::vector<OutlineMount> secrets;
  std::vector<OutlineMount> ssh;
  std::vector<OutlineMount> caches;
};

/// Mounts that take nothing from outside are left out.
void add_mount(Outline& outline, const Mount& mount, Location location);
/// Each id once, at its first place; required when one of its mounts says so.
void unite_mounts(Outline& outline);

}  // namespace ecrin::recipes
