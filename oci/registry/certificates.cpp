#include "oci/registry/certificates.hpp"

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/reference.hpp"

namespace ecrin::oci {
namespace {

constexpr std::size_t k_most_files = 1000;

bool is_absent(const Error& error) {
  return error.kind() == ErrorKind::not_found || error.code() == ENOTDIR;
}

// Empty: there is no such directory.
Result<std::optional<std::vector<std::string>>> list_names(const std::string& path) {
  auto directory = posix::open(path, O_RDONLY | O_DIRECTORY);
  if (!directory && is_absent(directory.error())) return std::nullopt;
  if (!directory) return std::unexpected(std::move(directory).error());
  std::vector<std::string> names;
  for (posix::DirectoryEntry& entry : TRY(posix::list_directory(*directory))) {
    if (names.size() == k_most_files)
      return fail(ErrorKind::limit, "'{}' has more than {} files", printable(path), k_most_files);
    names.push_back(std::move(entry.name));
  }
  return names;
}

// A regular file that we can read; a dangling symlink counts as not there.
Result<bool> is_file(const std::string& path) {
  auto fd = posix::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && is_absent(fd.error())) return false;
  if (!fd) return std::unexpected(std::move(fd).error());
  if (!S_ISREG(TRY(posix::stat_fd(*fd)).st_mode))
    return fail(ErrorKind::invalid, "'{}' is not a regular file", printable(path));
  return true;
}

Result<TlsSettings> read_directory(const std::string& path, const std::vector<std::string>& names) {
  TlsSettings tls;
  const auto has = [&names](const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  for (const std::string& name : names) {
    const std::string file = path + "/" + name;
    const std::string stem = name.substr(0, name.rfind('.'));
    if (name.ends_with(".crt")) {
      if (TRY(is_file(file))) tls.authorities.push_back(file);
    } else if (name.ends_with(".cert")) {
      if (!has(stem + ".key")) {
        return std::unexpected(
            Error(ErrorKind::not_found,
                  fmt::format("the client certificate '{}' has no key", printable(file)))
                .hint(fmt::format("its key is '{}.key'; a CA's certificate ends in .crt", printable(stem))));
      }
      if (!tls.certificate.empty() || !TRY(is_file(file)) || !TRY(is_file(path + "/" + stem + ".key")))
        continue;
      tls.certificate = file;
      tls.key = path + "/" + stem + ".key";
    } else if (name.ends_with(".key") && !has(stem + ".cert")) {
      return std::unexpected(
          Error(ErrorKind::not_found, fmt::format("the client key '{}' has no certificate", printable(file)))
              .hint(fmt::format("its certificate is '{}.cert'", printable(stem))));
    }
  }
  return tls;
}

}  // namespace

CertificatePlaces certificate_places(const std::string& chosen, const std::string& config_directory) {
  CertificatePlaces places{.chosen = chosen,
                           .directories = {"/etc/containers/certs.d", "/etc/docker/certs.d"}};
  if (config_directory.starts_with('/'))
    places.directories.insert(places.directories.begin(), config_directory + "/containers/certs.d");
  return places;
}

Result<TlsSettings> find_certificates(const CertificatePlaces& places, const std::string& registry) {
  if (!places.chosen.empty()) {
    const auto names = TRY_WHILE(list_names(places.chosen), "reading certificates");
    if (!names) {
      return std::unexpected(
          Error(ErrorKind::not_found, fmt::format("there is no directory '{}'", printable(places.chosen)))
              .hint("--cert-dir names a directory with *.crt, *.cert and *.key files"));
    }
    return TRY_WHILE(read_directory(places.chosen, *names), "reading certificates");
  }
  // It becomes a part of a path: only what can be a host gets there.
  if (!is_registry_name(registry))
    return fail(ErrorKind::invalid, "'{}' is not a registry", printable(registry, 300));
  for (const std::string& parent : places.directories) {
    const std::string path = parent + "/" + registry;
    auto names = list_names(path);
    if (!names && names.error().kind() == ErrorKind::denied) {
      log::debug("{}: it is passed over", names.error().message());
      continue;
    }
    const auto found = TRY(std::move(names));
    if (found) return TRY_WHILE(read_directory(path, *found), "reading certificates of {}", registry);
  }
  return TlsSettings{};
}

}  // namespace ecrin::oci
