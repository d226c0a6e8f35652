#include "oci/image_files.hpp"

#include <algorithm>
#include <array>

#include "base/compression.hpp"
#include "base/defer.hpp"
#include "base/posix.hpp"
#include "base/range_source.hpp"
#include "base/text.hpp"
#include "oci/archive_index.hpp"

namespace ecrin::oci {

namespace {

// A name that is a FIFO must not make us wait, nor a device be read.
Result<Fd> open_regular(Fd file, const std::string& name, std::uint64_t& size) {
  const struct stat status = TRY(posix::stat_fd(file));
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::invalid, "'{}' is not a regular file", printable(name));
  size = static_cast<std::uint64_t>(status.st_size);
  return file;
}

class DirectoryFiles final : public ImageFiles {
public:
  DirectoryFiles(std::string path, Fd directory)
      : ImageFiles(std::move(path)), m_directory(std::move(directory)) {}

  Result<std::optional<File>> open(const std::string& name, std::uint64_t offset) override {
    Result<Fd> opened = posix::open_at(m_directory, name, O_RDONLY | O_NONBLOCK);
    if (!opened) {
      if (opened.error().kind() == ErrorKind::not_found) return std::nullopt;
      return std::unexpected(std::move(opened).error());
    }
    File file;
    Fd regular = TRY(open_regular(std::move(*opened), path() + "/" + name, file.size));
    const std::uint64_t from = std::min(offset, file.size);
    file.source =
        std::make_unique<RangeSource>(std::make_shared<const Fd>(std::move(regular)), from, file.size - from);
    return file;
  }

private:
  Fd m_directory;
};

class ArchiveFiles final : public ImageFiles {
public:
  ArchiveFiles(std::string path, ArchiveIndex index)
      : ImageFiles(std::move(path)), m_index(std::move(index)) {}

  Result<std::optional<File>> open(const std::string& name, std::uint64_t offset) override {
    const auto member = m_index.find(name);
    if (!member) return std::nullopt;
    const std::uint64_t from = std::min(offset, member->size);
    return File{.size = member->size,
                .source = m_index.open({.offset = member->offset + from, .size = member->size - from})};
  }

private:
  ArchiveIndex m_index;
};

class LazySource final : public Source {
public:
  LazySource(ImageFiles& files, std::string name) : m_files(files), m_name(std::move(name)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (!m_source) {
      auto file = TRY(m_files.open(m_name));
      if (!file)
        return fail(ErrorKind::not_found, "'{}' has no file '{}'", m_files.path(), printable(m_name));
      m_source = std::move(file->source);
    }
    return m_source->read(buffer);
  }

private:
  ImageFiles& m_files;
  std::string m_name;
  std::unique_ptr<Source> m_source;
};

Result<Compression> compression_of(const std::string& path) {
  const Fd file = TRY(posix::open(path, O_RDONLY));
  std::array<std::byte, 16> head = {};
  std::size_t count = 0;
  while (count < head.size()) {
    const std::size_t more = TRY(posix::read_some(file, std::span(head).subspan(count)));
    if (more == 0) break;
    count += more;
  }
  return detect_compression(std::span<const std::byte>(head).first(count));
}

// The plain bytes in a file without a name: it goes when its descriptor does, also if we are killed.
Result<Fd> spool(Store& store, std::unique_ptr<Source> source, std::uint64_t limit) {
  const Fd temporary = TRY(store.temporary());
  const std::string name = Store::unique_name();
  Fd file = TRY(posix::open_at(temporary, name, O_RDWR | O_CREAT | O_EXCL, 0600));
  TRY(posix::unlink_at(temporary, name));
  LimitSource limited(TRY(decompress_any(std::move(source))), limit, "the unpacked archive");
  FdSink sink(file);
  TRY(copy_stream(limited, sink));
  return file;
}

}  // namespace

Result<std::unique_ptr<ImageFiles>> open_image_files(Store& store, const std::string& path) {
  const std::string name = path == "-" ? "/dev/stdin" : path;
  Fd file = TRY(posix::open(name, O_RDONLY));
  const struct stat status = TRY(posix::stat_fd(file));
  if (S_ISDIR(status.st_mode)) return std::make_unique<DirectoryFiles>(path, std::move(file));
  if (!S_ISREG(status.st_mode)) {
    constexpr std::uint64_t k_pipe_limit = 256ull << 30;  // its size is not known before
    file = TRY_WHILE(spool(store, std::make_unique<FdSource>(std::move(file)), k_pipe_limit), "reading '{}'",
                     path);
  } else if (TRY(compression_of(name)) != Compression::none) {
    const std::uint64_t limit = expansion_limit(static_cast<std::uint64_t>(status.st_size));
    file =
        TRY_WHILE(spool(store, std::make_unique<FdSource>(std::move(file)), limit), "unpacking '{}'", path);
  }
  const struct stat plain = TRY(posix::stat_fd(file));
  ArchiveIndex index = TRY(ArchiveIndex::read(std::make_shared<const Fd>(std::move(file)),
                                              static_cast<std::uint64_t>(plain.st_size), path));
  return std::make_unique<ArchiveFiles>(path, std::move(index));
}

Result<std::string> read_image_file(ImageFiles& files, const std::string& name, std::uint64_t limit) {
  auto file = TRY(files.open(name));
  if (!file) return fail(ErrorKind::not_found, "'{}' has no file '{}'", files.path(), printable(name));
  if (file->size > limit)
    return fail(ErrorKind::limit, "'{}' of '{}' has {} bytes, more than the {} allowed", printable(name),
                files.path(), file->size, limit);
  return read_all(*file->source, limit);
}

std::unique_ptr<Source> lazy_source(ImageFiles& files, std::string name) {
  return std::make_unique<LazySource>(files, std::move(name));
}

}  // namespace ecrin::oci
