// The YAML text as a tree of our own with a place for every node, so that nothing above sees the library, and
// nothing that the library lets pass reaches the recipe: duplicate keys, tags, several documents, nodes that
// refer to themselves, aliases that multiply without end.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes {

struct YamlNode;
using YamlNodePtr = std::shared_ptr<const YamlNode>;  // shared: an alias is the node that it names

struct YamlMember {
  std::string key;
  Span key_span;
  YamlNodePtr value;
};

struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  Span span;           // where it begins; of a scalar, its first line
  bool plain = false;  // a scalar without quotes, not a block (`|`, `>`)
  std::string text;    // of a scalar, as written: `yes` stays "yes", `0644` stays "0644"
  std::vector<YamlNodePtr> items;
  std::vector<YamlMember> members;  // in the text's order; merged ones (`<<`) last
  std::size_t node_count = 1;       // with everything below it, aliases counted each time
  std::size_t text_size = 0;        // of scalars and keys in it, likewise
  std::size_t height = 1;

  const YamlNode* find(std::string_view key) const {
    for (const YamlMember& member : members) {
      if (member.key == key) return member.value.get();
    }
    return nullptr;
  }
};

/// One document. Refused: more than 1 MiB, text that is not UTF-8, control characters, and what is named
/// above.
/// `<<` merges a mapping or a list of mappings; keys written out win, then the earlier mapping.
Result<YamlNodePtr> parse_yaml_document(const SourceText& source);

}  // namespace ecrin::recipes
