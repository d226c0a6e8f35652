#include "fs/fuse/image_server.hpp"

#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::fs {

namespace {

constexpr double k_for_good = 1e9;  // seconds
constexpr unsigned k_read_size = 1 << 20;
constexpr std::size_t k_longest_name = 255;
constexpr std::size_t k_open_files = 128;

// The files whose content was read last, open.
class OpenFiles {
public:
  Result<std::shared_ptr<const Fd>> get(const ImageView& view, NodeId node) {
    {
      const std::scoped_lock lock(m_mutex);
      if (const auto known = m_places.find(node); known != m_places.end()) {
        m_files.splice(m_files.begin(), m_files, known->second);
        return known->second->second;
      }
    }
    auto file = std::make_shared<const Fd>(TRY(view.open_file(node)));
    const std::scoped_lock lock(m_mutex);
    if (!m_places.contains(node)) {
      m_files.emplace_front(node, file);
      m_places.emplace(node, m_files.begin());
      if (m_files.size() > k_open_files) {
        m_places.erase(m_files.back().first);
        m_files.pop_back();
      }
    }
    return file;
  }

private:
  std::mutex m_mutex;
  std::list<std::pair<NodeId, std::shared_ptr<const Fd>>> m_files;  // used last first
  std::unordered_map<NodeId, decltype(m_files)::iterator> m_places;
};

class FuseImageServer final : public ImageServer {
public:
  explicit FuseImageServer(const Options& options) : m_view(*options.view), m_recorder(options.recorder) {}
  ~FuseImageServer() override {
    if (m_stop) {
      const std::uint64_t one = 1;
      (void)!::write(m_stop.get(), &one, sizeof one);
    }
    wait();
    if (m_session) ::fuse_session_destroy(m_session);  // closes the connection
  }

  Result<> start(Fd connection, unsigned threads);
  void wait() override {
    for (std::thread& thread : m_threads) {
      if (thread.joinable()) thread.join();
    }
  }

  // --- Answers ---
  void init(fuse_conn_info& connection) const;
  void lookup(fuse_req_t request, NodeId directory, const char* name);
  void getattr(fuse_req_t request, NodeId node);
  void readlink(fuse_req_t request, NodeId node) {
    ::fuse_reply_readlink(request, m_view.link_target(node).data());
  }
  void read(fuse_req_t request, NodeId node, std::size_t size, off_t offset);
  void lseek(fuse_req_t request, NodeId node, off_t offset, int whence);
  void readdir(fuse_req_t request, NodeId directory, std::size_t size, off_t offset);
  void readdirplus(fuse_req_t request, NodeId directory, std::size_t size, off_t offset);
  void getxattr(fuse_req_t request, NodeId node, const char* name, std::size_t size);
  void listxattr(fuse_req_t request, NodeId node, std::size_t size);
  void statfs(fuse_req_t request) const;

private:
  void serve(const Fd& waiter);
  fuse_entry_param entry(NodeId node) const;
  // Where a name of a listing is, counted with "." and "..": what the kernel gets, and the rest of the names.
  template <class Add>
  void reply_names(fuse_req_t request, NodeId directory, std::size_t size, off_t offset, Add add);
  void fail_request(fuse_req_t request, const Error& error) {
    log::warning("an image cannot be read: {}", error.message());
    ::fuse_reply_err(request, EIO);
  }

  ImageView& m_view;
  UsageRecorder* m_recorder;
  OpenFiles m_files;
  fuse_session* m_session = nullptr;
  Fd m_stop;
  std::vector<std::thread> m_threads;
};

FuseImageServer& server_of(fuse_req_t request) {
  return *static_cast<FuseImageServer*>(::fuse_req_userdata(request));
}

NodeId node_of(fuse_ino_t number) {
  return static_cast<NodeId>(number);
}

pid_t thread_of(fuse_req_t request) {
  return ::fuse_req_ctx(request)->pid;
}

void FuseImageServer::init(fuse_conn_info& connection) const {
  connection.want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS |
                                            FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ATOMIC_O_TRUNC |
                                            FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_IOCTL_DIR);
  unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS |
                    FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_EXPLICIT_INVAL_DATA;
  if (!m_recorder) wanted |= FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO;
  // With it the kernel checks permissions, and for that asks for the attributes of directories.
  if (m_view.has_acls()) wanted |= FUSE_CAP_POSIX_ACL;
  connection.want |= wanted & connection.capable;
  connection.max_write = k_read_size;  // libfuse makes of it what is read at once
  connection.max_background = 64;
  connection.congestion_threshold = 48;
  connection.time_gran = 1;
}

fuse_entry_param FuseImageServer::entry(NodeId node) const {
  fuse_entry_param entry = {};
  entry.ino = node;
  entry.attr = m_view.attributes(node);
  // That a program asks for those of a directory is to be seen each time.
  entry.attr_timeout = m_recorder && S_ISDIR(entry.attr.st_mode) ? 0 : k_for_good;
  entry.entry_timeout = k_for_good;
  return entry;
}

void FuseImageServer::lookup(fuse_req_t request, NodeId directory, const char* name) {
  const std::string_view wanted(name);
  // The overlay finds files again by number.
  if (wanted == "." || wanted == "..") {
    const fuse_entry_param answer = entry(wanted == "." ? directory : m_view.parent(directory));
    ::fuse_reply_entry(request, &answer);
    return;
  }
  if (wanted.size() > k_longest_name) {
    ::fuse_reply_err(request, ENAMETOOLONG);
    return;
  }
  const auto found = m_view.lookup(directory, wanted);
  if (!found) {
    fail_request(request, found.error());
    return;
  }
  if (*found) {
    if (m_recorder) m_recorder->found(directory, wanted, **found);
    const fuse_entry_param answer = entry(**found);
    ::fuse_reply_entry(request, &answer);
    return;
  }
  if (m_recorder) m_recorder->absent(directory, wanted);
  fuse_entry_param nothing = {};
  nothing.entry_timeout = k_for_good;
  ::fuse_reply_entry(request, &nothing);
}

void FuseImageServer::getattr(fuse_req_t request, NodeId node) {
  const struct stat attributes = m_view.attributes(node);
  bool is_known = true;
  if (m_recorder && S_ISDIR(attributes.st_mode)) is_known = m_recorder->asked(node, thread_of(request));
  ::fuse_reply_attr(request, &attributes, is_known ? k_for_good : 0);
}

void FuseImageServer::read(fuse_req_t request, NodeId node, std::size_t size, off_t offset) {
  if (m_recorder) m_recorder->read(node);
  const auto file = m_files.get(m_view, node);
  if (!file) {
    fail_request(request, file.error());
    return;
  }
  fuse_bufvec data = FUSE_BUFVEC_INIT(size);
  data.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
  data.buf[0].fd = (*file)->get();
  data.buf[0].pos = offset;
  // Pages are copied, not moved: those of another file's cache are nothing that FUSE takes over.
  ::fuse_reply_data(request, &data, {});
}

void FuseImageServer::lseek(fuse_req_t request, NodeId node, off_t offset, int whence) {
  if (m_recorder) m_recorder->read(node);  // where its holes are
  const auto file = m_files.get(m_view, node);
  if (!file) {
    fail_request(request, file.error());
    return;
  }
  const off_t found = ::lseek((*file)->get(), offset, whence);
  if (found < 0) {
    ::fuse_reply_err(request, errno);
  } else {
    ::fuse_reply_lseek(request, found);
  }
}

template <class Add>
void FuseImageServer::reply_names(fuse_req_t request, NodeId directory, std::size_t size, off_t offset,
                                  Add add) {
  const auto listing = m_view.list(directory);
  std::vector<char> buffer(size);
  std::size_t used = 0;
  const auto put = [&](const char* name, std::uint64_t inode, std::uint32_t mode, std::size_t next) {
    struct stat status = {};
    status.st_ino = inode;
    status.st_mode = mode;
    const std::size_t length = add(buffer.data() + used, size - used, name, status, static_cast<off_t>(next));
    if (length > size - used) return false;
    used += length;
    return true;
  };
  for (std::size_t at = static_cast<std::size_t>(offset); at < listing->size() + 2; ++at) {
    bool fits = false;
    if (at < 2) {
      const NodeId node = at == 0 ? directory : m_view.parent(directory);
      fits = put(at == 0 ? "." : "..", m_view.inode(node), S_IFDIR, at + 1);
    } else {
      const ImageView::ListedName& one = (*listing)[at - 2];
      fits = put(one.name.data(), one.inode, one.mode, at + 1);
    }
    if (!fits) break;
  }
  ::fuse_reply_buf(request, buffer.data(), used);
}

void FuseImageServer::readdir(fuse_req_t request, NodeId directory, std::size_t size, off_t offset) {
  if (m_recorder) m_recorder->listed(directory, thread_of(request));
  reply_names(request, directory, size, offset,
              [&](char* place, std::size_t room, const char* name, const struct stat& status, off_t next) {
                return ::fuse_add_direntry(request, place, room, name, &status, next);
              });
}

void FuseImageServer::readdirplus(fuse_req_t request, NodeId directory, std::size_t size, off_t offset) {
  reply_names(request, directory, size, offset,
              [&](char* place, std::size_t room, const char* name, const struct stat& status, off_t next) {
                // Without a number the kernel takes the name only.
                fuse_entry_param answer = {};
                answer.attr = status;
                const std::string_view text(name);
                const std::size_t needed = ::fuse_add_direntry_plus(request, nullptr, 0, name, &answer, next);
                if (needed > room) return needed;
                if (text != "." && text != "..") {
                  if (const auto found = m_view.lookup(directory, text); found && *found)
                    answer = entry(**found);
                }
                return ::fuse_add_direntry_plus(request, place, room, name, &answer, next);
              });
}

// What the two calls for xattrs have in common: without room only the size is told.
void reply_bytes(fuse_req_t request, std::string_view bytes, std::size_t size) {
  if (size == 0) {
    ::fuse_reply_xattr(request, bytes.size());
  } else if (bytes.size() > size) {
    ::fuse_reply_err(request, ERANGE);
  } else {
    ::fuse_reply_buf(request, bytes.data(), bytes.size());
  }
}

void FuseImageServer::getxattr(fuse_req_t request, NodeId node, const char* name, std::size_t size) {
  if (!m_view.has_xattrs()) {
    ::fuse_reply_err(request, ENOSYS);  // it will not ask again
    return;
  }
  const auto xattrs = m_view.xattrs(node);
  const auto found = std::ranges::find(xattrs, name, &posix::Xattr::name);
  if (found == xattrs.end()) {
    ::fuse_reply_err(request, ENODATA);
  } else {
    reply_bytes(request, found->value, size);
  }
}

void FuseImageServer::listxattr(fuse_req_t request, NodeId node, std::size_t size) {
  if (!m_view.has_xattrs() && !m_recorder) {
    ::fuse_reply_err(request, ENOSYS);
    return;
  }
  if (m_recorder && m_view.is_directory(node)) m_recorder->listed_xattrs(node, thread_of(request));
  std::string names;
  for (const posix::Xattr& xattr : m_view.xattrs(node)) names.append(xattr.name).push_back('\0');
  reply_bytes(request, names, size);
}

void FuseImageServer::statfs(fuse_req_t request) const {
  struct statvfs answer = {};
  answer.f_bsize = answer.f_frsize = 4096;
  answer.f_namemax = k_longest_name;
  ::fuse_reply_statfs(request, &answer);
}

// --- The session ---

constexpr fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops operations = {};
  operations.init = [](void* server, fuse_conn_info* connection) {
    static_cast<FuseImageServer*>(server)->init(*connection);
  };
  operations.lookup = [](fuse_req_t request, fuse_ino_t parent, const char* name) {
    server_of(request).lookup(request, node_of(parent), name);
  };
  // Nodes stay: nothing is to be forgotten.
  operations.forget = [](fuse_req_t request, fuse_ino_t, std::uint64_t) { ::fuse_reply_none(request); };
  operations.forget_multi = [](fuse_req_t request, std::size_t, fuse_forget_data*) {
    ::fuse_reply_none(request);
  };
  operations.getattr = [](fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
    server_of(request).getattr(request, node_of(node));
  };
  operations.readlink = [](fuse_req_t request, fuse_ino_t node) {
    server_of(request).readlink(request, node_of(node));
  };
  // The kernel then opens files and directories without a question, and keeps pages and listings.
  operations.open = [](fuse_req_t request, fuse_ino_t, fuse_file_info*) {
    ::fuse_reply_err(request, ENOSYS);
  };
  operations.opendir = operations.open;
  operations.read = [](fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info*) {
    server_of(request).read(request, node_of(node), size, offset);
  };
  operations.lseek = [](fuse_req_t request, fuse_ino_t node, off_t offset, int whence, fuse_file_info*) {
    server_of(request).lseek(request, node_of(node), offset, whence);
  };
  operations.readdir = [](fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                          fuse_file_info*) {
    server_of(request).readdir(request, node_of(node), size, offset);
  };
  operations.readdirplus = [](fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                              fuse_file_info*) {
    server_of(request).readdirplus(request, node_of(node), size, offset);
  };
  operations.getxattr = [](fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
    server_of(request).getxattr(request, node_of(node), name, size);
  };
  operations.listxattr = [](fuse_req_t request, fuse_ino_t node, std::size_t size) {
    server_of(request).listxattr(request, node_of(node), size);
  };
  operations.statfs = [](fuse_req_t request, fuse_ino_t) { server_of(request).statfs(request); };
  return operations;
}

constexpr fuse_lowlevel_ops k_operations = make_operations();

Result<> FuseImageServer::start(Fd connection, unsigned threads) {
  // Each thread waits for the connection or for the end, and one of them wakes up.
  const int flags = ::fcntl(connection.get(), F_GETFL);
  if (flags < 0 || ::fcntl(connection.get(), F_SETFL, flags | O_NONBLOCK) < 0)
    return fail_errno("cannot set up a connection to FUSE");
  m_stop = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!m_stop) return fail_errno("cannot make an event descriptor");

  std::string name = "ecrin";
  std::array<char*, 2> words = {name.data(), nullptr};
  fuse_args all = FUSE_ARGS_INIT(1, words.data());
  m_session = ::fuse_session_new(&all, &k_operations, sizeof k_operations, this);
  ::fuse_opt_free_args(&all);
  if (!m_session) return fail(ErrorKind::system, "libfuse does not begin a session");
  const std::string place = fmt::format("/dev/fd/{}", connection.get());
  if (::fuse_session_mount(m_session, place.c_str()) != 0)
    return fail(ErrorKind::system, "libfuse does not take the connection");
  const int number = connection.release();  // the session's now

  std::vector<Fd> waiters;
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) {
    Fd waiter(::epoll_create1(EPOLL_CLOEXEC));
    if (!waiter) return fail_errno("cannot make an epoll descriptor");
    epoll_event wanted = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.u32 = 0}};
    epoll_event end = {.events = EPOLLIN, .data = {.u32 = 1}};
    if (::epoll_ctl(waiter.get(), EPOLL_CTL_ADD, number, &wanted) < 0 ||
        ::epoll_ctl(waiter.get(), EPOLL_CTL_ADD, m_stop.get(), &end) < 0)
      return fail_errno("cannot wait for FUSE");
    waiters.push_back(std::move(waiter));
  }
  // Signals are for the program's own threads.
  sigset_t every = {};
  sigset_t before = {};
  ::sigfillset(&every);
  ::pthread_sigmask(SIG_SETMASK, &every, &before);
  for (Fd& waiter : waiters) m_threads.emplace_back([this, waiter = std::move(waiter)] { serve(waiter); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void FuseImageServer::serve(const Fd& waiter) {
  fuse_buf buffer = {};
  for (;;) {
    const int size = ::fuse_session_receive_buf(m_session, &buffer);
    if (size > 0) {
      ::fuse_session_process_buf(m_session, &buffer);
      continue;
    }
    if (size == -EINTR) continue;
    if (size != -EAGAIN) break;  // unmounted
    epoll_event event = {};
    if (::epoll_wait(waiter.get(), &event, 1, -1) == 1 && event.data.u32 == 1) break;
  }
  std::free(buffer.mem);  // the library allocated it
}

}  // namespace

Result<std::unique_ptr<ImageServer>> ImageServer::start(Fd connection, const Options& options) {
  auto server = std::make_unique<FuseImageServer>(options);
  TRY(server->start(std::move(connection), options.threads));
  return server;
}

}  // namespace ecrin::fs
