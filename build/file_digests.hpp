// FileDigests: the digests of files in layers, which never change: computed once, then kept in the store
// (table build_digests). For traces (fs/fuse/image_trace.hpp). Safe from any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "fs/fuse/image_trace.hpp"

namespace ecrin::build {

class FileDigests {
public:
  static Result<> migrate(Database& database);
  /// Of a layer that is removed.
  static Result<> forget(Database& database, const std::string& layer);
  explicit FileDigests(Database& database) : m_database(database) {}

  /// As fs::content_digest. The view's layers are those of the layer store.
  Result<std::string> of(const fs::ImageView& view, fs::NodeId file);
  fs::ContentDigest function() {
    return [this](const fs::ImageView& view, fs::NodeId file) { return of(view, file); };
  }
  /// Writes down what is new.
  Result<> keep();

private:
  using Paths = std::map<std::string, std::string, std::less<>>;
  Result<> load(const std::string& layer, Paths& paths);

  Database& m_database;
  std::mutex m_mutex;
  std::map<std::string, Paths, std::less<>> m_layers;  // by directory id
  struct New {
    std::string layer;
    std::string path;
    std::string digest;
  };
  std::vector<New> m_new;
};

}  // namespace ecrin::build
