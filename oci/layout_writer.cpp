#include "oci/layout_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "oci/image_files.hpp"
#include "oci/layout_index.hpp"
#include "oci/layout_names.hpp"

namespace ecrin::oci {

namespace {

std::string ref_name_of(const Json& entry) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return "";
  return annotations->value(k_ref_name, "");
}

// Keeps what others wrote, member by member; an entry of the same name makes room.
Result<Json> merge_index(const Fd& directory, const Json& added) {
  Result<Fd> file = posix::open_at(directory, k_index_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) {
    if (file.error().kind() != ErrorKind::not_found) return std::unexpected(std::move(file).error());
    return Json{{"schemaVersion", 2}, {"mediaType", media_type::k_index}, {"manifests", added}};
  }
  const std::string bytes = TRY(posix::read_fd(*file, k_image_file_limit));
  TRY(ImageIndex::parse(bytes, "the existing index.json",
                        k_layout_entry_limit));  // so that the members below have their types
  Json index = TRY(parse_json(bytes, "the existing index.json"));
  Json& manifests = index["manifests"];
  for (const Json& entry : added) {
    const std::string name = ref_name_of(entry);
    for (std::size_t i = manifests.size(); i-- > 0;) {
      const bool same = name.empty() ? manifests[i] == entry : ref_name_of(manifests[i]) == name;
      if (same) manifests.erase(i);
    }
    manifests.push_back(entry);
  }
  return index;
}

// A new or empty directory, or a layout; never somebody's home directory.
Result<> check_destination(const Fd& directory, const std::string& path) {
  if (TRY(posix::exists_at(directory, k_layout_file)) == posix::Exists::yes) return {};
  // A first copy that was killed leaves blobs, and maybe a file that was on its way to a name.
  const auto entries = TRY(posix::list_directory(directory));
  if (std::all_of(entries.begin(), entries.end(), [](const posix::DirectoryEntry& entry) {
        return entry.name == "blobs" || entry.name.starts_with(".oci-layout.");
      }))
    return {};
  return std::unexpected(Error(ErrorKind::conflict, fmt::format("'{}' exists and is not an OCI layout", path))
                             .hint("give an empty or new directory"));
}

}  // namespace

Result<std::unique_ptr<LayoutWriter>> LayoutWriter::open(const std::string& path) {
  auto directory = TRY(DirectoryWriter::open(path));
  TRY(check_destination(directory->directory(), path));
  return std::unique_ptr<LayoutWriter>(new LayoutWriter(std::move(directory)));
}

Result<bool> LayoutWriter::has(const Descriptor& blob) {
  return m_directory->has(layout_blob_name(blob.digest), blob.size);
}

Result<> LayoutWriter::put(const Descriptor& blob, std::unique_ptr<Source> source) {
  TRY(m_directory->make_directory("blobs"));
  TRY(m_directory->make_directory("blobs/" + blob.digest.algorithm_name()));
  return m_directory->put(layout_blob_name(blob.digest), blob, std::move(source));
}

Result<> LayoutWriter::commit(const Json& entries) {
  const Json index = TRY(merge_index(m_directory->directory(), entries));
  // A reader wants this one first; without an index it has nothing to read yet.
  TRY(m_directory->replace(k_layout_file, k_layout_version));
  TRY(m_directory->replace(k_index_file, dump_json(index)));
  m_directory->commit();
  return {};
}

}  // namespace ecrin::oci
