// BlobStore: content by digest under <store>/blobs/<algorithm>/<hex>. Nothing unverified comes out of oci/:
// put checks digest and size before the blob gets its name, and what `open` returns reports its end only when
// both hold.
//
// Layers that a build made exist as directories and are not kept a second time as tar files: a provider (set
// by build/, which knows both sides) makes their bytes again on demand. They are blobs like all others here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "base/store.hpp"
#include "base/stream.hpp"
#include "oci/descriptor.hpp"

namespace ecrin::oci {

/// Wraps a source: fails (ErrorKind::invalid; short, long and wrong digest are three different messages)
/// unless exactly these bytes come.
std::unique_ptr<Source> verified_source(std::unique_ptr<Source> source, Digest digest, std::uint64_t size);

class BlobStore {
public:
  static Result<std::unique_ptr<BlobStore>> open(Store& store);

  /// Where else a blob's bytes may come from: empty when this provider has none.
  using Provider = std::function<Result<std::optional<std::unique_ptr<Source>>>(const Digest&)>;
  void set_provider(Provider provider) { m_provider = std::move(provider); }

  /// Stores `source` as this blob; a blob that is there already is not written again (its source is still
  /// checked when it must be read). The process holds ("blob", digest) in the store.
  Result<> put(const Descriptor& descriptor, Source& source);
  /// Gives a file without a name (base/nameless_file.hpp), whose bytes the caller has hashed, its place.
  /// False when the file system cannot: then it is put as others are.
  Result<bool> adopt(const Descriptor& descriptor, const Fd& file);
  /// A small blob of our own making.
  Result<Descriptor> put_bytes(std::string_view media_type, std::string_view bytes);
  /// Fetches a blob into <store>/downloads/<algorithm>-<hex> and moves it into place when its digest holds.
  /// One process at a time downloads a blob: the others wait for its lock and then find it. What an
  /// interrupted download left is kept and not asked for again. `open` gives the bytes from an offset on.
  /// `also` (nullptr: none) gets all bytes as they come, those that were there first; what it got is the blob
  /// only when this returns `downloaded`: with `present` it got nothing.
  enum class Download { present, downloaded };
  using Opener = std::function<Result<std::unique_ptr<Source>>(std::uint64_t offset)>;
  Result<Download> download(const Descriptor& descriptor, const Opener& open, Sink* also,
                            const CancelToken* cancel);
  /// Removes what interrupted downloads left, except where one is going on; with `until` (seconds since
  /// 1970), only what was last written before.
  struct Removed {
    std::size_t count = 0;
    std::uint64_t bytes = 0;  // on the disk
  };
  Result<Removed> remove_partial_downloads(std::optional<std::int64_t> until);
  /// Holds it for this process when it can be opened: as a file of the right size, or from the provider.
  Result<bool> has(const Descriptor& descriptor);
  /// Verified bytes; not_found when neither the store nor the provider has it.
  Result<std::unique_ptr<Source>> open_blob(const Descriptor& descriptor);
  /// A whole small blob (manifest, config), verified, at most `limit` bytes.
  Result<std::string> read(const Descriptor& descriptor, std::uint64_t limit);
  /// Is it there as a file?
  Result<std::optional<std::uint64_t>> size_of(const Digest& digest);
  Result<std::vector<Digest>> list();
  /// Removes the file; one that is not there is fine.
  Result<> remove(const Digest& digest);
  /// Everything put so far is on the disk when this returns: one syncfs. Call before names are recorded.
  Result<> sync();
  Store& store() { return m_store; }

private:
  BlobStore(Store& store, Fd directory);
  Result<> write(const Descriptor& descriptor, Source& source);
  Result<bool> hold_if_there(const Descriptor& descriptor);
  Store& m_store;
  Fd m_directory;
  Provider m_provider;
};

}  // namespace ecrin::oci
