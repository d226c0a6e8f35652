// MemoryRegistry: a whole registry (distribution-spec v1.1, token service included) as one function from
// request to answer, with faults to order. Behind MemoryTransport it needs no network; behind RegistryServer
// it is a server on 127.0.0.1. It counts what it is asked and what it sends, so that tests can say how often
// a blob was fetched. Safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ecrin::tests {

using Headers = std::vector<std::pair<std::string, std::string>>;
/// The first one, case-insensitive; "" = none.
std::string find_header(const Headers& headers, const std::string& name);

struct RegistryRequest {
  std::string method = "GET";
  std::string target;           // "/v2/name/tags/list?n=5"
  std::string scheme = "http";  // by which it came, for URLs in answers
  Headers headers;              // with Host
  std::string body;

  std::string path() const;                                         // decoded, without the query
  std::optional<std::string> query(const std::string& name) const;  // decoded
  std::vector<std::string> queries(const std::string& name) const;
};

struct RegistryAnswer {
  int status = 200;
  Headers headers;
  std::string body;
  // How it goes over the wire, where that is not as it should be:
  bool lost = false;                       // the connection ends without an answer
  std::optional<std::uint64_t> cut_after;  // the connection ends after so many bytes of the body
  std::optional<std::uint64_t> length;     // Content-Length, when it is not the body's (HEAD; lies)
  bool without_length = false;
  bool endless = false;  // the body begins again and again
  bool drip = false;     // a few bytes at a time
};

enum class Fault {
  too_many,             // 429 with Retry-After in seconds
  too_many_date,        // 429 with Retry-After as a date
  too_long_wait,        // 429 that asks for a day
  internal_error,       // 500
  bad_gateway,          // 502
  unavailable,          // 503
  forbidden,            // 403
  too_large,            // 413
  reset,                // the connection ends before anything is done
  lost_answer,          // it is done, but the connection ends without an answer
  cut,                  // the answer's body ends in the middle
  cut_upload,           // the request's body ends in the middle; what came is kept
  wrong_bytes,          // right length, another digest
  too_short,            // fewer bytes than there are, and that many are announced
  too_long,             // more bytes than there are, and that many are announced
  short_silent,         // fewer bytes, no Content-Length
  long_silent,          // more bytes, no Content-Length
  no_length,            // the right bytes, without Content-Length
  endless,              // a body without an end
  drip,                 // a few bytes at a time
  ignored_range,        // 200 and the whole blob
  wrong_range,          // 206 with another part than was asked for
  expired_token,        // 401: the token has just ended
  redirect_loop,        // each place leads to the next
  huge_header,          // a header of a megabyte
  wrong_header_digest,  // Docker-Content-Digest of something else
  refused_commit,       // the upload's last request is refused
};
/// Names as in the enumeration, for command lines and control URLs.
std::optional<Fault> parse_fault(const std::string& name);
std::string fault_name(Fault fault);

struct MemoryRegistryOptions {
  enum class Authentication { none, basic, token };
  Authentication authentication = Authentication::none;
  bool anonymous_pull = true;  // tokens for nobody, which allow to pull
  std::string username = "ada";
  std::string password = "lovelace";
  std::string identity_token = "identity-of-ada";
  std::string realm;        // of the token service; "" = /token of the registry's own host
  int token_seconds = 300;  // how long tokens live
  bool referrers = true;    // the API; without it there is the tag
  bool mounts = true;
  bool deletes = true;
  std::string blob_host;  // "http://other.test": blobs are redirected there; "" = not
  std::uint64_t chunk_minimum = 0;
  std::uint64_t page = 1000;          // entries of a list, at most
  std::function<std::int64_t()> now;  // seconds since 1970; empty: the system's
};

class MemoryRegistry {
public:
  explicit MemoryRegistry(MemoryRegistryOptions options = {});

  RegistryAnswer answer(const RegistryRequest& request);

  /// The next `times` requests that the fault can happen to, and whose "METHOD /path" contains `where`.
  void order(Fault fault, int times = 1, const std::string& where = "");
  void clear_orders();
  int happened(Fault fault) const;
  void change(const std::function<void(MemoryRegistryOptions&)>& change);

  // ---- content, as if it had been pushed ----
  /// All of these return the digest.
  std::string add_blob(const std::string& repository, const std::string& bytes);
  std::string add_manifest(const std::string& repository, const std::string& tag, const std::string& type,
                           const std::string& bytes);
  /// Served for this digest, whatever its own is.
  void add_false_manifest(const std::string& repository, const std::string& digest, const std::string& type,
                          const std::string& bytes);
  bool has_blob(const std::string& repository, const std::string& digest) const;
  std::string blob(const std::string& repository, const std::string& digest) const;
  /// By tag or digest; "" = none.
  std::string manifest(const std::string& repository, const std::string& name) const;
  std::size_t open_uploads() const;

  // ---- what happened ----
  struct Counts {
    int requests = 0;
    std::uint64_t bytes = 0;  // of bodies
  };
  std::vector<std::string> requests() const;  // "GET /v2/name/manifests/latest", in order
  int count(const std::string& part) const;   // of requests that contain it
  Counts downloads(const std::string& digest) const;
  Counts uploads() const;          // PATCH and PUT of blobs
  int leaked_credentials() const;  // requests to the blob host that had an Authorization header
  std::string counts_json() const;
  void forget_counts();

private:
  struct Manifest {
    std::string type;
    std::string bytes;
  };
  struct Repository {
    std::set<std::string> blobs;                // digests
    std::map<std::string, Manifest> manifests;  // by digest
    std::map<std::string, std::string> tags;
  };
  struct Upload {
    std::string repository;
    std::string bytes;
  };
  struct Order {
    Fault fault;
    int times;
    std::string where;
  };
  struct GrantedToken {
    std::set<std::string> access;  // "name:pull"
    std::int64_t ends = 0;
  };

  // memory_registry.cpp
  RegistryAnswer route(const RegistryRequest& request);
  RegistryAnswer answer_registry(const RegistryRequest& request, const std::string& repository,
                                 const std::string& kind, const std::string& name);
  RegistryAnswer control(const RegistryRequest& request);
  void keep_counts(const RegistryRequest& request);
  // memory_registry_manifests.cpp
  RegistryAnswer manifests(const RegistryRequest& request, Repository& repository, const std::string& name);
  RegistryAnswer put_manifest(const RegistryRequest& request, Repository& repository,
                              const std::string& name);
  RegistryAnswer tags(const RegistryRequest& request, Repository& repository, const std::string& name);
  RegistryAnswer referrers(const RegistryRequest& request, Repository& repository, const std::string& digest);
  // memory_registry_blobs.cpp
  RegistryAnswer blobs(const RegistryRequest& request, Repository& repository, const std::string& digest);
  RegistryAnswer serve_blob(const RegistryRequest& request, const std::string& digest);
  RegistryAnswer start_upload(const RegistryRequest& request, Repository& repository,
                              const std::string& name);
  RegistryAnswer uploads(const RegistryRequest& request, Repository& repository, const std::string& id);
  RegistryAnswer upload_status(const std::string& id, int status) const;
  RegistryAnswer finish_upload(const RegistryRequest& request, Repository& repository, const std::string& id);
  // memory_registry_access.cpp
  std::optional<RegistryAnswer> refuse_access(const RegistryRequest& request, const std::string& repository);
  RegistryAnswer token_service(const RegistryRequest& request);
  RegistryAnswer grant(const std::vector<std::string>& scopes, bool known_user);
  std::string realm(const RegistryRequest& request) const;
  std::int64_t now() const;
  // memory_registry_faults.cpp
  bool take(Fault fault, const RegistryRequest& request);
  std::optional<RegistryAnswer> fail_early(const RegistryRequest& request);
  void spoil(const RegistryRequest& request, RegistryAnswer& answer);

  mutable std::mutex m_mutex;
  MemoryRegistryOptions m_options;
  std::map<std::string, Repository> m_repositories;
  std::map<std::string, std::string> m_blobs;  // bytes by digest
  std::map<std::string, Upload> m_uploads;     // by id
  std::map<std::string, GrantedToken> m_tokens;
  std::vector<Order> m_orders;
  std::map<Fault, int> m_happened;
  std::vector<std::string> m_requests;
  std::map<std::string, Counts> m_downloads;
  Counts m_uploaded;
  int m_leaked = 0;
  int m_next = 0;
};

/// An answer with the spec's error document.
RegistryAnswer error_answer(int status, const std::string& code, const std::string& message);
std::string digest_of(const std::string& bytes);  // "sha256:..."

}  // namespace ecrin::tests
