// Cache keys: the digest of everything that a step's result depends on, and nothing else. The inputs are kept
// beside the key, so that a later build can say which of them changed. Pure.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"
#include "base/stream.hpp"
#include "build/plan.hpp"
#include "oci/image_config.hpp"

namespace ecrin::build {

/// Raised whenever the meaning of an input or the bytes of a result change: old entries then never match.
inline constexpr std::uint64_t k_cache_key_version = 6;

/// One named thing that a key depends on: "command", "env PATH", "file src/main.c", "parent". Names are
/// unique within a key, except that the order of equal names counts.
struct KeyInput {
  std::string_view name;
  std::string_view value;
  bool operator==(const KeyInput&) const = default;
};

/// A list of inputs, kept as the bytes that are hashed and stored: a COPY has one for each file, and there
/// may be a million. What is read from it stays as long as the list is not changed.
class KeyInputs {
public:
  class Iterator {
  public:
    using value_type = KeyInput;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(std::string_view rest) : m_rest(rest) {}
    KeyInput operator*() const;
    Iterator& operator++();
    Iterator operator++(int);
    bool operator==(const Iterator& other) const { return m_rest.size() == other.m_rest.size(); }

  private:
    std::string_view m_rest;
  };

  KeyInputs() = default;
  KeyInputs(std::initializer_list<KeyInput> inputs);
  void push_back(const KeyInput& input);
  void append(const KeyInputs& more);
  /// Gives every input of this name another value.
  void replace(std::string_view name, std::string_view value);

  std::size_t size() const { return m_count; }
  bool empty() const { return m_count == 0; }
  Iterator begin() const { return Iterator(m_encoded.bytes()); }
  Iterator end() const { return {}; }
  /// The value of the first input of this name.
  std::optional<std::string_view> find(std::string_view name) const;
  bool operator==(const KeyInputs& other) const { return bytes() == other.bytes(); }
  const std::string& bytes() const { return m_encoded.bytes(); }

private:
  Encoder m_encoded;
  std::size_t m_count = 0;
};

/// Hex SHA-256 over a length-framed encoding of version and inputs, in their order.
std::string key_digest(const KeyInputs& inputs);

/// Of an image, as an input: its diff IDs, bottom first.
std::string diff_ids_input(const oci::ImageConfig& config);

/// Bytes for the database, and back.
Result<> write_inputs(const KeyInputs& inputs, Sink& sink);
std::optional<KeyInputs> decode_inputs(std::string_view bytes);

/// What of the build as a whole goes into keys.
struct KeySettings {
  std::string platform;
  std::string epoch;                    // seconds, or "kept" when times stay as they are
  std::string default_network;          // of RUN steps that do not say
  std::vector<std::string> shell = {};  // in force
  KeyInputs run = {};                   // of all RUN steps
};

/// The inputs of a step that the recipe's text alone determines (with the config in force before it). Inputs
/// with a content (files of the context, stages, images) are added by the caller.
KeyInputs step_inputs(const PlanStep& step, const oci::ImageConfig& before, const KeySettings& settings,
                      const std::string& parent_key);

/// May this step make a layer? Others only change the config; they pass their parent's key on.
bool makes_layer(const PlanStep& step);

/// Is the step's layer independent of the tree below it (COPY and ADD with `link`)? As docker has it, not
/// with a mode.
bool is_independent(const PlanStep& step);

/// Why the key differs from an earlier one: one line a reason, at most `limit` and a line that counts the
/// rest. Values are shown for what people wrote, not for digests. `parent_ran` is the text of the step before
/// when that one ran too ("" otherwise).
std::vector<std::string> explain_difference(const KeyInputs& earlier, const KeyInputs& now,
                                            std::string_view parent_ran, std::size_t limit = 10);

}  // namespace ecrin::build
