#include "run/cgroup/systemd_scope.hpp"

#include <dlfcn.h>
#include <systemd/sd-bus.h>

#include <chrono>
#include <memory>

#include "base/random.hpp"
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
  decltype(&::sd_bus_error_has_name) bus_error_has_name = nullptr;
  decltype(&::sd_bus_message_new_method_call) message_new_method_call = nullptr;
  decltype(&::sd_bus_message_append) message_append = nullptr;
  decltype(&::sd_bus_message_append_array) message_append_array = nullptr;
  decltype(&::sd_bus_message_open_container) message_open_container = nullptr;
  decltype(&::sd_bus_message_close_container) message_close_container = nullptr;
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
        find(handle, "sd_bus_error_has_name", found->bus_error_has_name) &&
        find(handle, "sd_bus_message_new_method_call", found->message_new_method_call) &&
        find(handle, "sd_bus_message_append", found->message_append) &&
        find(handle, "sd_bus_message_append_array", found->message_append_array) &&
        find(handle, "sd_bus_message_open_container", found->message_open_container) &&
        find(handle, "sd_bus_message_close_container", found->message_close_container) &&
        find(handle, "sd_bus_message_read", found->message_read) &&
        find(handle, "sd_bus_message_unref", found->message_unref);
    if (!complete) return nullptr;
    return found;
  }();
  return library.get();
}

class Manager {
public:
  explicit Manager(const Library& library) : m_library(library) {}
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    forget();
    if (m_bus) m_library.bus_close_unref(m_bus);
  }

  Result<> connect(const std::string& address) {
    if (const int code = open(address); code < 0)
      return std::unexpected(Error(ErrorKind::not_found, Error::from_errno(-code, address).message()));
    return {};
  }

  Result<> start_scope(const ScopeRequest& request) {
    // Asked for before the job exists, so that its end is not missed.
    TRY(check(m_library.bus_match_signal(m_bus, nullptr, nullptr, k_manager_path, k_manager_interface,
                                         "JobRemoved", &Manager::job_removed, this)));
    auto started = start_job(request);
    if (!started && m_library.bus_error_has_name(&m_error, "org.freedesktop.systemd1.UnitExists")) {
      // One that failed stays until somebody resets it.
      TRY(reset(request.unit));
      started = start_job(request);
      if (!started && m_library.bus_error_has_name(&m_error, "org.freedesktop.systemd1.UnitExists"))
        return fail(ErrorKind::conflict, "systemd has a unit {} already", printable(request.unit));
    }
    TRY(std::move(started));
    return wait(request.unit);
  }

  /// "/system.slice/NAME"
  Result<std::string> control_group(const std::string& unit) {
    TRY(call("GetUnit", "s", unit.c_str()));
    const char* text = nullptr;
    TRY(check(m_library.message_read(m_reply, "o", &text)));
    const std::string path = text;
    forget();
    TRY(check(m_library.bus_call_method(m_bus, k_manager, path.c_str(), "org.freedesktop.DBus.Properties",
                                        "Get", &m_error, &m_reply, "ss", "org.freedesktop.systemd1.Scope",
                                        "ControlGroup")));
    TRY(check(m_library.message_read(m_reply, "v", "s", &text)));
    return std::string(text);
  }

  Result<> set_properties(const std::string& unit, const std::vector<UnitProperty>& properties) {
    TRY(begin_call("SetUnitProperties"));
    TRY(check(m_library.message_append(m_call, "sb", unit.c_str(), 1)));
    TRY(check(m_library.message_open_container(m_call, SD_BUS_TYPE_ARRAY, "(sv)")));
    TRY(append(properties));
    TRY(check(m_library.message_close_container(m_call)));
    return check(m_library.bus_call(m_bus, m_call, 0, &m_error, &m_reply));
  }

  Result<> stop(const std::string& unit) {
    const auto stopped = call("StopUnit", "ss", unit.c_str(), "replace");
    if (!stopped && !is_unknown()) return stopped;
    return reset(unit);
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

  // What the call before has left.
  void forget() {
    m_library.bus_error_free(&m_error);
    if (m_reply) m_reply = m_library.message_unref(m_reply);
    if (m_call) m_call = m_library.message_unref(m_call);
  }

  Result<> begin_call(const char* method) {
    forget();
    return check(m_library.message_new_method_call(m_bus, &m_call, k_manager, k_manager_path,
                                                   k_manager_interface, method));
  }

  template <class... Args>
  Result<> call(const char* method, const char* types, Args... args) {
    forget();
    return check(m_library.bus_call_method(m_bus, k_manager, k_manager_path, k_manager_interface, method,
                                           &m_error, &m_reply, types, args...));
  }

  bool is_unknown() const {
    return m_library.bus_error_has_name(&m_error, "org.freedesktop.systemd1.NoSuchUnit") != 0;
  }

  Result<> reset(const std::string& unit) {
    const auto done = call("ResetFailedUnit", "s", unit.c_str());
    if (!done && !is_unknown()) return done;
    return {};
  }

  Result<> append(const std::vector<UnitProperty>& properties) {
    for (const UnitProperty& property : properties) {
      if (const auto* number = std::get_if<std::uint64_t>(&property.value)) {
        TRY(check(m_library.message_append(m_call, "(sv)", property.name.c_str(), "t", *number)));
        continue;
      }
      const auto& bytes = std::get<std::vector<std::uint8_t>>(property.value);
      TRY(check(m_library.message_open_container(m_call, SD_BUS_TYPE_STRUCT, "sv")));
      TRY(check(m_library.message_append(m_call, "s", property.name.c_str())));
      TRY(check(m_library.message_open_container(m_call, SD_BUS_TYPE_VARIANT, "ay")));
      TRY(check(m_library.message_append_array(m_call, 'y', bytes.data(), bytes.size())));
      TRY(check(m_library.message_close_container(m_call)));
      TRY(check(m_library.message_close_container(m_call)));
    }
    return {};
  }

  Result<> start_job(const ScopeRequest& request) {
    TRY(begin_call("StartTransientUnit"));
    TRY(check(m_library.message_append(m_call, "ss", request.unit.c_str(), "fail")));
    TRY(check(m_library.message_open_container(m_call, SD_BUS_TYPE_ARRAY, "(sv)")));
    // Process 0 is the sender, whatever its number is in other pid namespaces.
    TRY(check(m_library.message_append(m_call, "(sv)(sv)(sv)(sv)",                       //
                                       "Description", "s", request.description.c_str(),  //
                                       "PIDs", "au", 1, static_cast<std::uint32_t>(request.process),
                                       "Delegate", "b", 1,  //
                                       "CollectMode", "s", "inactive-or-failed")));
    if (!request.slice.empty())
      TRY(check(m_library.message_append(m_call, "(sv)", "Slice", "s", request.slice.c_str())));
    TRY(append(request.properties));
    TRY(check(m_library.message_close_container(m_call)));
    TRY(check(m_library.message_append(m_call, "a(sa(sv))", 0)));
    TRY(check(m_library.bus_call(m_bus, m_call, 0, &m_error, &m_reply)));
    const char* job = nullptr;
    TRY(check(m_library.message_read(m_reply, "o", &job)));
    m_job = job;
    return {};
  }

  Result<> check(int code) const {
    if (code >= 0) return {};
    constexpr const char* k_what = "systemd refuses";
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

// The manager behind the first address that answers; it is told to `act`.
template <class Act>
auto with_manager(const std::vector<std::string>& addresses, const Act& act)
    -> std::invoke_result_t<Act, Manager&, const std::string&> {
  const Library* library = load();
  if (!library)
    return fail(ErrorKind::not_found, "systemd cannot be asked: libsystemd.so.0 is not installed");
  std::string reasons;
  for (const std::string& address : addresses) {
    Manager manager(*library);
    if (const auto connected = manager.connect(address); !connected) {
      reasons += (reasons.empty() ? "" : "; ") + connected.error().message();
      continue;
    }
    return act(manager, address);
  }
  return fail(ErrorKind::not_found, "no service manager of this user answers{}{}",
              reasons.empty() ? "" : ": ", reasons);
}

}  // namespace

Result<StartedScope> start_systemd_scope(const std::vector<std::string>& addresses,
                                         const ScopeRequest& request) {
  return with_manager(addresses, [&](Manager& manager, const std::string& address) -> Result<StartedScope> {
    TRY(manager.start_scope(request));
    StartedScope scope;
    scope.control_group = TRY(manager.control_group(request.unit));
    scope.bus = address;
    return scope;
  });
}

Result<> enter_systemd_scope(const std::vector<std::string>& addresses) {
  return with_manager(addresses, [&](Manager& manager, const std::string&) -> Result<> {
    ScopeRequest request;
    request.unit = fmt::format("ecrin-{}.scope", random_hexadecimal(16));
    request.description = "containers of ecrin with limits";
    return manager.start_scope(request);
  });
}

Result<> set_unit_properties(const std::string& address, const std::string& unit,
                             const std::vector<UnitProperty>& properties) {
  return with_manager({address}, [&](Manager& manager, const std::string&) {
    return manager.set_properties(unit, properties);
  });
}

Result<> stop_unit(const std::string& address, const std::string& unit) {
  return with_manager({address}, [&](Manager& manager, const std::string&) { return manager.stop(unit); });
}

}  // namespace ecrin::run
