// Session: what one run of the program works with. The store and the user namespace are opened when a verb
// first asks, so that a verb pays only for what it uses and mistakes on the command line come before anything
// heavy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "build/workshop.hpp"
#include "cli/environment.hpp"
#include "cli/progress.hpp"
#include "cli/status_line.hpp"
#include "run/user_namespace.hpp"

namespace ecrin::cli {

struct SessionOptions {
  std::string root;                      // --root; "" = not given
  std::optional<fs::DriverKind> driver;  // --driver
};

class Session {
public:
  Session(SessionOptions options, StatusLine& console, Environment environment, ProgressStyle style);

  /// For a process that was forked: the same surroundings, nothing opened.
  Session anew() const { return Session(m_options, m_console, m_environment, m_style); }

  StatusLine& console() { return m_console; }
  const Environment& environment() const { return m_environment; }
  const ProgressStyle& style() const { return m_style; }
  const std::string& search_path() const { return m_search_path; }
  unsigned user() const { return m_user; }  // whoever started the program, outside the user namespace
  const std::string& passwd_home() const { return m_passwd_home; }  // where HOME names none; "" = none
  std::int64_t now() const;                                         // seconds since 1970

  Result<std::string> root();  // of the store, absolute
  /// What --driver says, or what is tried first. Layers lie on the disk in the same form for all drivers.
  std::string driver_name() const;
  const std::optional<fs::DriverKind>& wanted_driver() const { return m_options.driver; }
  /// Names and facts of images, without a user namespace: for verbs that touch no layer.
  Result<oci::ImageStore*> images();
  /// The whole store, inside the user namespace. Call it while the process has one thread.
  Result<build::Workshop*> workshop(Store::Purpose purpose = Store::Purpose::work);
  /// Closes the store and what was opened of it; pointers into it end. Before a fork: SQLite's state of a
  /// database that is open must not be in two processes, or the child waits for locks that nobody has.
  void close_store();
  /// For a process inside `ecrin unshare`: the namespaces it is in serve as ours, so that mounts can be seen
  /// there. Before anything else enters others.
  Result<> stay_in_namespace();
  /// Enters the user namespace (once). `meanwhile` may be done while others write its id maps.
  Result<const run::Identity*> enter_namespace(const std::function<void()>& meanwhile = {});
  /// The same with one that is there: for a network that belongs to it. Before anything else enters another.
  Result<> join_namespace(const Fd& user_namespace);

private:
  SessionOptions m_options;
  StatusLine& m_console;
  Environment m_environment;
  ProgressStyle m_style;
  std::string m_search_path;
  unsigned m_user;
  std::string m_passwd_home;
  std::optional<run::Identity> m_identity;
  std::unique_ptr<build::Workshop> m_workshop;
  std::unique_ptr<Store> m_store;
  std::unique_ptr<oci::BlobStore> m_blobs;
  std::unique_ptr<oci::ImageStore> m_images;
};

}  // namespace ecrin::cli
