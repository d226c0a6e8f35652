#include "fs/archive_library.hpp"

#include <archive.h>
#include <archive_entry.h>

#include "base/late_library.hpp"

namespace {
ecrin::LateLibrary g_archive("libarchive.so.13", "libarchive13");
}  // namespace

namespace ecrin::fs {

Result<> load_libarchive() {
  return g_archive.load();
}

}  // namespace ecrin::fs

extern "C" {

// Ours are texts without values.
void archive_set_error(archive* handle, int code, const char* text, ...) {
  static const auto real =
      reinterpret_cast<decltype(&::archive_set_error)>(g_archive.function("archive_set_error"));
  real(handle, code, "%s", text);
}

LATE_FUNCTION(g_archive, archive*, archive_read_new, (void), ())
LATE_FUNCTION(g_archive, int, archive_read_free, (archive * handle), (handle))
LATE_FUNCTION(g_archive, int, archive_read_support_format_tar, (archive * handle), (handle))
LATE_FUNCTION(g_archive, int, archive_read_support_format_empty, (archive * handle), (handle))
LATE_FUNCTION(g_archive, int, archive_read_open,
              (archive * handle, void* data, archive_open_callback* open, archive_read_callback* read,
               archive_close_callback* close),
              (handle, data, open, read, close))
LATE_FUNCTION(g_archive, int, archive_read_next_header, (archive * handle, archive_entry** entry),
              (handle, entry))
LATE_FUNCTION(g_archive, int, archive_read_data_block,
              (archive * handle, const void** block, size_t* size, la_int64_t* offset),
              (handle, block, size, offset))
LATE_FUNCTION(g_archive, const char*, archive_error_string, (archive * handle), (handle))
LATE_FUNCTION(g_archive, la_int64_t, archive_filter_bytes, (archive * handle, int number), (handle, number))
LATE_FUNCTION(g_archive, mode_t, archive_entry_filetype, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, mode_t, archive_entry_perm, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, la_int64_t, archive_entry_uid, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, la_int64_t, archive_entry_gid, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, time_t, archive_entry_mtime, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, la_int64_t, archive_entry_size, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, dev_t, archive_entry_rdevmajor, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, dev_t, archive_entry_rdevminor, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, const char*, archive_entry_pathname, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, const char*, archive_entry_hardlink, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, const char*, archive_entry_symlink, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, int, archive_entry_xattr_reset, (archive_entry * entry), (entry))
LATE_FUNCTION(g_archive, int, archive_entry_xattr_next,
              (archive_entry * entry, const char** name, const void** value, size_t* size),
              (entry, name, value, size))
}
