#include "run/systemd_scope.hpp"

#include <dlfcn.h>
#include <sys/random.h>
#include <systemd/sd-bus.h>

#include <chrono>
#include <memory>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds k_patience{10};

constexpr const char* k_manager = "org.freedesktop.systemd1";
constexpr const char* k_manager_path = "/org/freedesktop/systemd1";
constexpr const char* k_manager_interface = "org.freedesktop.systemd1.Manager";

// What we use of libsystemd. It is not linked: a host without it has no service manager that could be asked.
struct Library {
  decltype(&::sd_bus_new) bus_new = nullptr;
  decltype(&::sd_bus_set_address) bus_set_address = nullptr;
  decltype(&::sd_bus_set_bus_client) bus_set_bus_client = nullptr;
  decltype(&::sd_bus_set_method_call_timeout) bus_set_method_call_timeout = nullptr;
  decltype(&::sd_bus_start) bus_start = nullptr;
  decltype(&::sd_bus_close_unref) bus_close_unref = nullptr;
  decltype(&::sd_bus_call) bus_call = nullptr;
  decltype(&::sd_bus_call_method) bus_call_method = nullptr;
  decltype(&::sd_bus_match_signal) bus_match_signal = nullptr;
  decltype(&::sd_bus_process) bus_process = nullptr;
  decltype(&::sd_bus_wait) bus_wait = nullptr;
  decltype(&::sd_bus_error_free) bus_error_free = nullptr;
  decltype(&::sd_bus_message_new_method_call) message_new_method_call = nullptr;
  decltype(&::sd_bus_message_append) message_append = nullptr;
  decltype(&::sd_bus_message_read) message_read = nullptr;
  decltype(&::sd_bus_message_unref) message_unref = nullptr;
};

template <class F>
bool find(void* handle, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(handle, name));
  return function != nullptr;
}

const Library* load() {
  static const std::unique_ptr<const Library> library = []() -> std::unique_ptr<const Library> {
    void* handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);  // stays until the process ends
    if (!handle) return nullptr;
    auto found = std::make_unique<Library>();
    const bool complete =
        find(handle, "sd_bus_new", found->bus_new) &&
        find(handle, "sd_bus_set_address", found->bus_set_address) &&
        find(handle, "sd_bus_set_bus_client", found->bus_set_bus_client) &&
        find(handle, "sd_bus_set_method_call_timeout", found->bus_set_method_call_timeout) &&
        find(handle, "sd_bus_start", found->bus_start) &&
        find(handle, "sd_bus_close_unref", found->bus_close_unref) &&
        find(handle, "sd_bus_call", found->bus_call) &&
        find(handle, "sd_bus_call_method", found->bus_call_method) &&
        find(handle, "sd_bus_match_signal", found->bus_match_signal) &&
        find(handle, "sd_bus_process", found->bus_process) && find(handle, "sd_bus_wait", found->bus_wait) &&
        find(handle, "sd_bus_error_free", found->bus_error_free) &&
        find(handle, "sd_bus_message_new_method_call", found->message_new_method_call) &&
        find(handle, "sd_bus_message_append", found->message_append) &&
        find(handle, "sd_bus_message_read", found->message_read) &&
        find(handle, "sd_bus_message_unref", found->message_unref);
    if (!complete) return nullptr;
    return found;
  }();
  return library.get();
}

Result<std::string> scope_name() {
  unsigned char bytes[8];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return fail_errno("cannot get random bytes");
  std::string name = "ecrin-";
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  return name + ".scope";
}

class Manager {
public:
  explicit Manager(const Library& library) : m_library(library) {}
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    m_library.bus_error_free(&m_error);
    if (m_reply) m_library.message_unref(m_reply);
    if (m_call) m_library.message_unref(m_call);
    if (m_bus) m_library.bus_close_unref(m_bus);
  }

  Result<> connect(const std::string& address) {
    if (const int code = open(address); code < 0)
      return std::unexpected(Error(ErrorKind::not_found, Error::from_errno(-code, address).message()));
    return {};
  }

  Result<> start_scope(const std::string& name) {
    // Asked for before the job exists, so that its end is not missed.
    TRY(check(m_library.bus_match_signal(m_bus, nullptr, nullptr, k_manager_path, k_manager_interface,
                                         "JobRemoved", &Manager::job_removed, this)));
    TRY(check(m_library.message_new_method_call(m_bus, &m_call, k_manager, k_manager_path,
                                                k_manager_interface, "StartTransientUnit")));
    // Process 0 is the sender, whatever its number is in other pid namespaces.
    TRY(check(m_library.message_append(m_call, "ssa(sv)a(sa(sv))", name.c_str(), "fail", 4,    //
                                       "Description", "s", "containers of ecrin with limits",  //
                                       "PIDs", "au", 1, 0U,                                    //
                                       "Delegate", "b", 1,                                     //
                                       "CollectMode", "s", "inactive-or-failed",               //
                                       0)));
    TRY(check(m_library.bus_call(m_bus, m_call, 0, &m_error, &m_reply)));
    const char* job = nullptr;
    TRY(check(m_library.message_read(m_reply, "o", &job)));
    m_job = job;
    return wait(name);
  }

private:
  int open(const std::string& address) {
    int code = m_library.bus_new(&m_bus);
    if (code >= 0) code = m_library.bus_set_address(m_bus, address.c_str());
    // The manager's own socket has no broker behind it that would give us a name.
    const bool has_broker = !address.ends_with("/systemd/private");
    if (code >= 0) code = m_library.bus_set_bus_client(m_bus, has_broker ? 1 : 0);
    if (code >= 0)
      code = m_library.bus_set_method_call_timeout(
          m_bus, static_cast<std::uint64_t>(std::chrono::microseconds(k_patience).count()));
    if (code >= 0) code = m_library.bus_start(m_bus);
    // The connection is made with the first call.
    if (code >= 0)
      code = m_library.bus_call_method(m_bus, k_manager, k_manager_path, "org.freedesktop.DBus.Peer", "Ping",
                                       nullptr, nullptr, "");
    return code;
  }

  Result<> check(int code) const {
    if (code >= 0) return {};
    constexpr const char* k_what = "systemd gives no scope with limits";
    if (m_error.message) return fail(ErrorKind::denied, "{}: {}", k_what, printable(m_error.message, 300));
    return std::unexpected(Error::from_errno(-code, k_what));
  }

  static int job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
    Manager& manager = *static_cast<Manager*>(self);
    std::uint32_t number = 0;
    const char* job = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (manager.m_library.message_read(message, "uoss", &number, &job, &unit, &result) < 0) return 0;
    if (manager.m_job == job) manager.m_result = result;
    return 0;
  }

  Result<> wait(const std::string& name) {
    const auto end = Clock::now() + k_patience;
    while (m_result.empty()) {
      const int done = m_library.bus_process(m_bus, nullptr);
      TRY(check(done));
      if (done > 0) continue;
      const auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now()).count();
      if (left <= 0) return fail(ErrorKind::limit, "systemd did not start the scope {} in time", name);
      TRY(check(m_library.bus_wait(m_bus, static_cast<std::uint64_t>(left))));
    }
    if (m_result == "done") return {};
    return fail(ErrorKind::denied, "systemd did not start the scope {}: {}", name, printable(m_result, 100));
  }

  const Library& m_library;
  sd_bus* m_bus = nullptr;
  sd_bus_message* m_call = nullptr;
  sd_bus_message* m_reply = nullptr;
  sd_bus_error m_error = SD_BUS_ERROR_NULL;
  std::string m_job;
  std::string m_result;  // of the job, when it ended
};

}  // namespace

Result<> enter_systemd_scope(const std::vector<std::string>& addresses) {
  const Library* library = load();
  if (!library)
    return fail(ErrorKind::not_found,
                "systemd cannot be asked for a scope: libsystemd.so.0 is not installed");
  std::string reasons;
  for (const std::string& address : addresses) {
    Manager manager(*library);
    if (const auto connected = manager.connect(address); !connected) {
      reasons += (reasons.empty() ? "" : "; ") + connected.error().message();
      continue;
    }
    return manager.start_scope(TRY(scope_name()));
  }
  return fail(ErrorKind::not_found, "no service manager of this user answers{}{}",
              reasons.empty() ? "" : ": ", reasons);
}

}  // namespace ecrin::run
