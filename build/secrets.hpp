// The secrets of one build: read when the first step asks for one, and known to those who must not let them
// out: the pass that writes a layer, the config, the output of steps.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "base/stream.hpp"
#include "build/build.hpp"
#include "fs/tar.hpp"

namespace ecrin::build {

/// Shorter ones occur by chance.
inline constexpr std::size_t k_shortest_guarded_secret = 8;

/// Finds one text in a stream that comes in pieces (Knuth, Morris and Pratt): each byte is looked at once,
/// whatever the text is.
class StreamSearch {
public:
  /// `text` is not empty and outlives this.
  explicit StreamSearch(std::string_view text);
  /// Goes on; the position in `bytes` behind the first match, or npos. Matches may overlap.
  std::size_t find(std::string_view bytes);
  /// How many bytes at the end of what was seen may begin a match.
  std::size_t pending() const { return m_matched; }
  void reset() { m_matched = 0; }

private:
  std::string_view m_text;
  std::vector<std::uint32_t> m_border;  // of each prefix
  std::size_t m_matched = 0;
};

/// One secret as it may turn up: without the line break at its end.
struct GuardedSecret {
  std::string id;
  std::shared_ptr<const ecrin::Secret> bytes;
};
using GuardedSecrets = std::vector<GuardedSecret>;

/// Does this text hold one of them? Its id.
std::optional<std::string> secret_in(std::string_view text, const GuardedSecrets& secrets);
/// With "***" in place of each of them.
std::string without_secrets(const std::string& text, const GuardedSecrets& secrets);

/// An error about files that a step made: their names may hold one.
Error without_secrets(const Error& error, const GuardedSecrets& secrets);

/// A tar on its way to `next`: fails as soon as an entry holds a secret, in its data, name, link or
/// attributes.
class SecretGuardSink final : public Sink {
public:
  SecretGuardSink(Sink& next, const GuardedSecrets& secrets);
  /// Before the entry's bytes.
  void begin(const fs::TarEntry& entry);
  Result<> write(std::span<const std::byte> bytes) override;
  Result<> finish() override { return m_next.finish(); }

private:
  std::unexpected<Error> refuse(const std::string& id) const;
  Sink& m_next;
  const GuardedSecrets& m_secrets;
  std::vector<StreamSearch> m_searches;
  std::string m_path;
  std::optional<std::string> m_in_header;  // id of a secret that the entry itself holds
};

/// The output of a step: secrets in it become "***", those that overlap one "***". What may be the beginning
/// of one waits for the rest.
class SecretMask {
public:
  explicit SecretMask(GuardedSecrets secrets);
  std::string add(std::string_view bytes);
  /// What still waits.
  std::string finish();

private:
  enum class Rest { waits, ends };
  std::string give_out(Rest rest);
  GuardedSecrets m_secrets;
  std::vector<StreamSearch> m_searches;
  std::string m_held;
  std::size_t m_told = 0;  // bytes at its beginning that belong to a "***" that was given out
};

class Secrets {
public:
  explicit Secrets(const std::vector<Secret>& given) : m_given(given) {}
  bool has(const std::string& id) const;
  Result<std::shared_ptr<const ecrin::Secret>> read(const std::string& id);
  /// Those of these ids that were read, without the short ones.
  GuardedSecrets guarded(const std::vector<std::string>& ids);
  /// All that were read in this build.
  GuardedSecrets guarded();

private:
  const std::vector<Secret>& m_given;
  std::mutex m_mutex;
  std::map<std::string, std::shared_ptr<const ecrin::Secret>> m_read;
};

}  // namespace ecrin::build
