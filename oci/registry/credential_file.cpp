#include "oci/registry/credential_file.hpp"

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/base64.hpp"
#include "base/defer.hpp"
#include "base/file_lock.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/registry/small_file.hpp"

namespace ecrin::oci {
namespace {

constexpr std::uint64_t k_file_limit = 4u << 20;
constexpr auto k_lock_wait = std::chrono::milliseconds(50);
constexpr int k_lock_tries = 200;  // ten seconds: a login writes one small file

std::string quoted(const std::string& path) {
  return "'" + printable(path) + "'";
}

Result<SecretJson> parse_document(std::string& text, const CredentialPlace& place) {
  const Defer wipe_text([&text] { wipe(text); });
  if (trim(text).empty()) return SecretJson(Json::object());
  auto document = SecretJson::parse(text, quoted(place.path));
  if (!document) {
    return std::unexpected(
        std::move(document).error().hint("it is a file with credentials: correct it, or choose another with "
                                         "--authfile"));
  }
  return std::move(*document);
}

const Json* entries_of(const Json& document, CredentialPlace::Format format) {
  if (format == CredentialPlace::Format::legacy) return &document;
  const auto found = document.find("auths");
  return found == document.end() || found->is_null() ? nullptr : &*found;
}

// "user:password" in base64.
Result<std::optional<Credentials>> decode_entry(const Json& entry, const std::string& what) {
  Credentials result;
  result.username = TRY(json_string(entry, "username", what)).value_or("");
  if (auto password = TRY(json_string(entry, "password", what))) {
    result.password = Secret(*password);
    wipe(*password);
  }
  if (auto token = TRY(json_string(entry, "identitytoken", what))) {
    result.identity_token = Secret(*token);
    wipe(*token);
  }
  if (auto encoded = TRY(json_string(entry, "auth", what)); encoded && !encoded->empty()) {
    const Defer wipe_encoded([&encoded] { wipe(*encoded); });
    auto decoded = decode_base64(*encoded);
    if (!decoded) return fail(ErrorKind::invalid, "the 'auth' of {} is not valid base64", what);
    const Defer wipe_decoded([&decoded] { wipe(*decoded); });
    const std::string_view pair = *decoded;
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) {
      log::warning("the 'auth' of {} is not 'user:password' in base64: it is ignored", what);
    } else {
      std::string_view password = pair.substr(colon + 1);
      while (password.ends_with('\0')) password.remove_suffix(1);  // docker of old padded with it
      result.username = pair.substr(0, colon);
      result.password = Secret(password);
    }
  }
  if (result.identity_token.empty() && (result.username.empty() || result.password.empty()))
    return std::nullopt;
  return result;
}

// Of a directory, so that nothing is left behind; the file itself is replaced by a rename.
Result<FileLock> lock_directory(const Fd& directory, const std::string& path) {
  for (int attempt = 0; attempt < k_lock_tries; ++attempt) {
    auto lock = TRY(FileLock::acquire_now(TRY(posix::open_at(directory, ".", O_RDONLY | O_DIRECTORY)),
                                          FileLock::Mode::exclusive));
    if (lock) return std::move(*lock);
    std::this_thread::sleep_for(k_lock_wait);
  }
  return fail(ErrorKind::conflict, "another program keeps the directory '{}' locked", printable(path));
}

// The file that a symlink leads to (people keep such files elsewhere): it stays a symlink.
std::string target_of(const std::string& path) {
  std::error_code code;
  const auto target = std::filesystem::weakly_canonical(path, code);
  return code ? path : target.string();
}

}  // namespace

std::vector<std::string> server_names(const std::string& registry) {
  if (registry != k_docker_hub) return {registry};
  return {std::string(k_docker_hub_key), "docker.io", "index.docker.io"};
}

Result<std::string> helper_for(const Json& document, const std::string& registry) {
  const Json* helpers = TRY(json_object(document, "credHelpers", "the file with credentials"));
  if (helpers == nullptr) return "";
  for (const auto& [key, name] : helpers->items()) {
    if (registry_of_key(key) != registry) continue;
    if (!name.is_string())
      return fail(ErrorKind::invalid, "the credential helper for '{}' is not a string", printable(key, 300));
    return name.get<std::string>();
  }
  return "";
}

Result<std::string> common_helper(const Json& document) {
  return TRY(json_string(document, "credsStore", "the file with credentials")).value_or("");
}

Result<std::optional<CredentialFile>> CredentialFile::read(const CredentialPlace& place) {
  const bool chosen = place.origin == CredentialPlace::Origin::chosen;
  auto file = read_small_file(place.path, k_file_limit);
  if (!file && file.error().kind() == ErrorKind::denied && !chosen) {
    // As after su(1), where XDG_RUNTIME_DIR may still be another user's. In a directory that is closed to us
    // nobody can have put our credentials.
    if (posix::lstat_at(Fd(), place.path))
      log::warning("{}: it is passed over", file.error().message());
    else
      log::debug("{}: it is passed over", file.error().message());
    return std::nullopt;
  }
  if (!file) {
    return std::unexpected(
        std::move(file).error().context("reading credentials").hint("choose another file with --authfile"));
  }
  if (!*file && chosen) {
    return std::unexpected(
        Error(ErrorKind::not_found, fmt::format("there is no file {} with credentials", quoted(place.path)))
            .hint("'ecrin login --authfile FILE REGISTRY' makes it"));
  }
  if (!*file) return std::nullopt;
  return CredentialFile(place, TRY(parse_document((*file)->text, place)), (*file)->mode);
}

const Json* CredentialFile::entries() const {
  return entries_of(m_document.value(), m_place.format);
}

bool CredentialFile::exposed() const {
  const Json* all = entries();
  if ((m_mode & 077) == 0 || all == nullptr || !all->is_object()) return false;
  for (const Json& entry : *all) {
    for (const char* key : {"auth", "identitytoken", "password"}) {
      if (entry.is_object() && entry.contains(key) && !entry[key].empty() && entry[key] != "") return true;
    }
  }
  return false;
}

Result<std::optional<Credentials>> CredentialFile::find(const CredentialKey& key,
                                                        const HelperSettings& helpers) const {
  const std::string where = quoted(m_place.path);
  if (m_place.format == CredentialPlace::Format::object) {
    const std::string name = TRY_WHILE(helper_for(m_document.value(), key.registry), "reading {}", where);
    if (!name.empty()) {
      const CredentialHelper helper = TRY_WHILE(CredentialHelper::create(name, helpers), "reading {}", where);
      for (const std::string& server : server_names(key.registry)) {
        if (auto found = TRY_WHILE(helper.get(server), "getting the credentials that {} names", where))
          return found;
      }
      return std::nullopt;
    }
  }
  if (auto found = TRY(find_entry(key))) return found;
  if (m_place.format == CredentialPlace::Format::legacy) return std::nullopt;
  return find_in_store(key, helpers);
}

Result<std::optional<Credentials>> CredentialFile::find_entry(const CredentialKey& key) const {
  const Json* all = entries();
  if (all == nullptr) return std::nullopt;
  if (!all->is_object())
    return fail(ErrorKind::invalid, "'auths' in {} is not an object", quoted(m_place.path));
  const auto decode = [&](const std::string& name, const Json& entry) -> Result<std::optional<Credentials>> {
    const std::string what = fmt::format("the entry '{}' in {}", printable(name, 300), quoted(m_place.path));
    if (!entry.is_object()) return fail(ErrorKind::invalid, "{} is not an object", what);
    return decode_entry(entry, what);
  };
  for (const std::string& name : key.candidates()) {
    const auto entry = all->find(name);
    if (entry == all->end()) continue;
    if (auto found = TRY(decode(name, *entry))) return found;
  }
  for (const auto& [name, entry] : all->items()) {
    if (registry_of_key(name) != key.registry) continue;
    if (auto found = TRY(decode(name, entry))) return found;
  }
  return std::nullopt;
}

Result<std::optional<Credentials>> CredentialFile::find_in_store(const CredentialKey& key,
                                                                 const HelperSettings& helpers) const {
  const std::string where = quoted(m_place.path);
  const std::string name = TRY_WHILE(common_helper(m_document.value()), "reading {}", where);
  if (name.empty()) return std::nullopt;
  const CredentialHelper helper = TRY_WHILE(CredentialHelper::create(name, helpers), "reading {}", where);
  if (!helper.installed()) {
    // Files travel between machines, and this one names a helper for all registries, also for those that need
    // no credentials.
    log::warning("the credential helper '{}' that {} names is not installed: it is not asked",
                 helper.program(), where);
    return std::nullopt;
  }
  for (const std::string& server : server_names(key.registry)) {
    if (auto found = TRY_WHILE(helper.get(server), "getting the credentials that {} names", where))
      return found;
  }
  return std::nullopt;
}

Result<> CredentialFile::update(const CredentialPlace& place,
                                const std::function<Result<Write>(Json&)>& change) {
  const std::string path = target_of(place.path);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size())
    return fail(ErrorKind::invalid, "{} is not the path of a file", quoted(path));
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  TRY_WHILE(posix::make_directories(parent, 0700), "making a place for credentials");
  const Fd directory = TRY(posix::open(parent, O_RDONLY | O_DIRECTORY));
  const FileLock lock = TRY(lock_directory(directory, parent));
  auto before = TRY_WHILE(read_small_file(path, k_file_limit), "reading credentials");
  std::string text = before ? std::move(before->text) : std::string();
  SecretJson document = TRY(parse_document(text, place));
  if (TRY(change(document.value())) == Write::no) return {};
  std::string after = dump_json_pretty(document.value());
  const Defer wipe_after([&after] { wipe(after); });
  AtomicFile file = TRY(AtomicFile::create(directory, path.substr(slash + 1), 0600));
  TRY_WHILE(posix::write_full(file.file(), after), "writing {}", quoted(path));
  return file.commit(AtomicFile::Sync::yes);
}

}  // namespace ecrin::oci
