// The only user of yaml-cpp: its parser sends events, and the tree is made here. Its own tree is not used, as
// it hides duplicate keys and the difference between 'yes' and yes.
#include "recipes/yaml_document.hpp"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "base/text.hpp"
#include "recipes/yaml_text.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::size_t k_depth_limit = 100;
constexpr std::size_t k_node_limit = 100'000;
constexpr std::size_t k_text_limit = std::size_t{16} << 20;  // with what aliases repeat

/// Leaves the library's parser from inside an event. Caught in this file only.
struct Refusal {
  Span span;
  std::string message;
  ErrorKind kind = ErrorKind::invalid;
};

class TreeBuilder final : public YAML::EventHandler {
public:
  explicit TreeBuilder(const SourceText& source) : m_source(source) {}

  YamlNodePtr take_root() { return std::move(m_root); }
  /// Where the innermost '[' or '{' that is still open stands.
  std::optional<Span> open_bracket() const;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (m_documents++ == 0) return;
    // The library also begins a new document where something follows a value that is complete: `"a" "b"`.
    const std::size_t begin = offset(mark);
    const std::string_view above = trim(m_source.text().substr(0, begin));
    if (m_source.text().substr(begin).starts_with("---") || above.ends_with("...")) {
      throw Refusal{{begin, 3}, "a recipe is one YAML document, and a second one begins here"};
    }
    throw Refusal{{begin, 1}, "nothing can follow here: what stands above is complete"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::mapping, mark, tag, anchor);
  }
  void OnMapEnd() override {
    merge();
    close();
  }

private:
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // the next node is the value of `key`
    std::string key;
    Span key_span;
    std::unordered_map<std::string, Span> keys;
    std::vector<YamlNodePtr> merged;
  };

  std::size_t offset(const YAML::Mark& mark) const {
    return m_source.offset(static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column));
  }
  void check_tag(const YAML::Mark& mark, const std::string& tag) const;
  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void close();
  void add(YamlNodePtr node, bool is_plain_key);
  void set_key(const YamlNode& node, bool is_plain);
  void merge();
  void count(const YamlNode& node, std::size_t nodes);

  const SourceText& m_source;
  int m_documents = 0;
  std::size_t m_node_count = 0;
  std::size_t m_text_size = 0;
  std::vector<Open> m_open;
  std::map<YAML::anchor_t, YamlNodePtr> m_anchors;
  YamlNodePtr m_root;
};

std::optional<Span> TreeBuilder::open_bracket() const {
  for (auto open = m_open.rbegin(); open != m_open.rend(); ++open) {
    const std::size_t begin = skip_yaml_properties(m_source, open->node->span.begin);
    const std::string_view first = m_source.text().substr(begin, 1);
    if (first == "[" || first == "{") return Span{begin, 1};
  }
  return std::nullopt;
}

void TreeBuilder::check_tag(const YAML::Mark& mark, const std::string& tag) const {
  if (tag.empty() || tag == "?" || tag == "!") return;  // the library's words for plain and for quoted
  throw Refusal{{offset(mark), 1}, "YAML tags ('!...') have no meaning in a recipe"};
}

void TreeBuilder::count(const YamlNode& node, std::size_t nodes) {
  m_node_count += nodes;
  if (m_node_count > k_node_limit) {
    throw Refusal{node.span, fmt::format("more than {} nodes (aliases counted each time)", k_node_limit),
                  ErrorKind::limit};
  }
}

void TreeBuilder::open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor) {
  check_tag(mark, tag);
  auto node = std::make_shared<YamlNode>();
  node->kind = kind;
  node->span = {skip_yaml_properties(m_source, offset(mark)), 1};
  count(*node, 1);
  if (m_open.size() >= k_depth_limit) {
    throw Refusal{node->span, fmt::format("nested deeper than {} levels", k_depth_limit), ErrorKind::limit};
  }
  m_open.push_back({.node = std::move(node), .anchor = anchor});
}

void TreeBuilder::close() {
  Open done = std::move(m_open.back());
  m_open.pop_back();
  if (done.anchor != 0) m_anchors[done.anchor] = done.node;
  add(std::move(done.node), false);
}

void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  auto node = std::make_shared<YamlNode>();
  const std::string_view rest = m_source.text().substr(offset(mark));
  const bool written = rest.starts_with('~') || to_lower(rest.substr(0, 4)) == "null";
  // A value that is left out is marked by the library at the next token, which may be lines below.
  if (!written && !m_open.empty() && m_open.back().has_key) {
    node->span = m_open.back().key_span;
  } else {
    node->span = {offset(mark), rest.starts_with('~') || !written ? 1U : 4U};
  }
  count(*node, 1);
  if (anchor != 0) m_anchors[anchor] = node;
  add(std::move(node), false);
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto found = m_anchors.find(anchor);
  const std::string_view rest = m_source.text().substr(offset(mark));
  const Span span{offset(mark), std::min(rest.find_first_of(" \t\r\n,]}"), rest.size())};
  if (found == m_anchors.end()) throw Refusal{span, "this alias is inside the node that it names"};
  const YamlNode& node = *found->second;
  m_node_count += node.node_count;  // both are below the limit: no overflow
  if (m_node_count > k_node_limit) {
    throw Refusal{span, fmt::format("with this alias the recipe has more than {} nodes", k_node_limit),
                  ErrorKind::limit};
  }
  m_text_size += node.text_size;
  if (m_text_size > k_text_limit)
    throw Refusal{span, "with this alias the recipe has more than 16 MiB of text", ErrorKind::limit};
  if (m_open.size() + node.height > k_depth_limit) {
    throw Refusal{span,
                  fmt::format("with this alias the recipe is nested deeper than {} levels", k_depth_limit),
                  ErrorKind::limit};
  }
  add(found->second, false);
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  check_tag(mark, tag);
  auto node = std::make_shared<YamlNode>();
  node->kind = YamlNode::Kind::scalar;
  node->plain = tag != "!";
  node->text = value;
  node->text_size = value.size();
  m_text_size += value.size();
  const std::size_t begin = skip_yaml_properties(m_source, offset(mark));
  node->span = yaml_scalar_span(m_source, begin, value, node->plain);
  // The library takes the end of the text for a quote when a line break stands before it.
  if (!node->plain && !is_yaml_quote_closed(m_source, begin))
    throw Refusal{{begin, 1}, "this quote is not closed"};
  count(*node, 1);
  if (anchor != 0) m_anchors[anchor] = node;
  const bool plain = node->plain;
  add(std::move(node), plain);
}

void TreeBuilder::add(YamlNodePtr node, bool is_plain_key) {
  if (m_open.empty()) {
    m_root = std::move(node);
    return;
  }
  Open& parent = m_open.back();
  if (parent.node->kind == YamlNode::Kind::mapping && !parent.has_key) {
    parent.node->text_size += node->text_size;
    set_key(*node, is_plain_key);
    return;
  }
  parent.node->node_count += node->node_count;
  parent.node->text_size += node->text_size;
  parent.node->height = std::max(parent.node->height, node->height + 1);
  if (parent.node->kind == YamlNode::Kind::sequence) {
    parent.node->items.push_back(std::move(node));
    return;
  }
  parent.has_key = false;
  if (parent.key == "<<") {
    const auto add_merged = [&](const YamlNodePtr& from) {
      if (from->kind != YamlNode::Kind::mapping) {
        throw Refusal{from->span, "'<<' takes a mapping or a list of mappings"};
      }
      parent.merged.push_back(from);
    };
    if (node->kind == YamlNode::Kind::sequence) {
      for (const YamlNodePtr& item : node->items) add_merged(item);
    } else {
      add_merged(node);
    }
    return;
  }
  parent.node->members.push_back({std::move(parent.key), parent.key_span, std::move(node)});
}

void TreeBuilder::set_key(const YamlNode& node, bool is_plain) {
  Open& parent = m_open.back();
  if (node.kind != YamlNode::Kind::scalar) throw Refusal{node.span, "a key must be text"};
  if (parent.node->members.empty() && m_source.text(parent.node->span) != "{") parent.node->span = node.span;
  const auto [first, is_new] = parent.keys.try_emplace(node.text, node.span);
  if (!is_new) {
    throw Refusal{node.span, fmt::format("duplicate key '{}' (first in line {}){}", printable(node.text, 80),
                                         m_source.location(first->second.begin).line,
                                         node.text == "<<" ? "; one '<<' can take a list of mappings" : "")};
  }
  if (node.text == "<<" && !is_plain) throw Refusal{node.span, "a key cannot be called '<<'"};
  parent.key = node.text;
  parent.key_span = node.span;
  parent.has_key = true;
}

void TreeBuilder::merge() {
  Open& done = m_open.back();
  for (const YamlNodePtr& from : done.merged) {
    for (const YamlMember& member : from->members) {
      if (done.keys.try_emplace(member.key, member.key_span).second) done.node->members.push_back(member);
    }
  }
}

// ---- errors ----------------------------------------------------------------------------------------------

/// The library's messages name its own insides; these are the usual mistakes in a recipe writer's words.
std::string in_plain_words(const std::string& message) {
  static const std::map<std::string_view, std::string_view> k_words = {
      {"illegal map value", "no ':' can stand here: check the indentation, or quote a text that holds ': '"},
      {"illegal block entry", "no '- ' can stand here: check the indentation"},
      {"end of map not found", "this line's indentation fits nothing above it"},
      {"end of sequence not found", "this line's indentation fits nothing above it: a '- ' is expected"},
      {"end of map flow not found", "this '{' has no '}'"},
      {"end of sequence flow not found", "this '[' has no ']'"},
      {"illegal flow end", "this bracket closes nothing"},
      {"illegal EOF in scalar", "a quoted text has no end"},
      {"illegal document indicator in scalar", "a quoted text has no end"},
      {"illegal tab when looking for indentation", "YAML is indented with spaces, not with tabs"},
      {"unknown token", "no value can begin with this character: quote the text"},
      {"the referenced anchor is not defined", "no anchor ('&...') of this name stands above"},
      {"bad file", "nested too deeply"},
  };
  const auto found = k_words.find(message);
  return found == k_words.end() ? "not valid YAML: " + printable(message, 200) : std::string(found->second);
}

Error parser_error(const SourceText& source, const TreeBuilder& builder, const YAML::Exception& error) {
  Span span{error.mark.is_null() ? 0
                                 : source.offset(static_cast<std::size_t>(error.mark.line),
                                                 static_cast<std::size_t>(error.mark.column)),
            1};
  std::string message = in_plain_words(error.msg);
  if (error.msg.ends_with("flow not found")) {
    // The library marks the end of the text (or its beginning); the bracket says more.
    if (const std::optional<Span> bracket = builder.open_bracket()) {
      span = *bracket;
      message = fmt::format("this '{}' is not closed", source.text(*bracket));
    }
  } else {
    // A tab in the indentation is read as part of the text, and the complaint comes later in the line.
    const std::string_view line = source.line(source.location(span.begin).line);
    const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
    if (tab != std::string_view::npos) {
      span = {static_cast<std::size_t>(line.data() - source.text().data()) + tab, 1};
      message = "YAML is indented with spaces, and this is a tab";
    }
  }
  return diagnose(source, span, message);
}

}  // namespace

Result<YamlNodePtr> parse_yaml_document(const SourceText& source) {
  TRY(check_yaml_characters(source));
  TreeBuilder builder(source);
  try {
    std::istringstream stream{std::string(source.text())};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    return std::unexpected(diagnose(source, refusal.span, refusal.message, refusal.kind));
  } catch (const YAML::Exception& error) {
    return std::unexpected(parser_error(source, builder, error));
  }
  YamlNodePtr root = builder.take_root();
  if (root == nullptr || root->kind == YamlNode::Kind::null) {
    return fail(ErrorKind::invalid, "recipe '{}' is empty", printable(source.file()));
  }
  return root;
}

}  // namespace ecrin::recipes
