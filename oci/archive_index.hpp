// ArchiveIndex: where the members of a plain tar file are. Image archives are read through it in place;
// nothing is ever extracted by name, so a name is only a key here and can lead nowhere.
//
// Knows ustar, PAX (path, linkpath, size) and GNU long names; regular files and links. Bounded: members,
// headers, and bytes of names.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/stream.hpp"

namespace ecrin::oci {

class ArchiveIndex {
public:
  struct Member {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  /// `what` names the file in errors.
  static Result<ArchiveIndex> read(std::shared_ptr<const Fd> file, std::uint64_t file_size,
                                   const std::string& what);

  /// The regular file of this name, also through links inside the archive (docker's older archives have
  /// symbolic links for layers that are equal). Empty when there is none.
  std::optional<Member> find(std::string_view name) const;
  std::unique_ptr<Source> open(const Member& member) const;

private:
  struct Entry {
    Member member;
    std::string target;  // of a link: the name it leads to, already resolved against its directory
  };
  friend class ArchiveIndexReader;
  std::shared_ptr<const Fd> m_file;
  std::map<std::string, Entry, std::less<>> m_entries;
};

}  // namespace ecrin::oci
