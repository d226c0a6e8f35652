#include "cli/session.hpp"

#include <time.h>
#include <unistd.h>

#include "base/log.hpp"

namespace ecrin::cli {

Session::Session(SessionOptions options, StatusLine& console, Environment environment, ProgressStyle style)
    : m_options(std::move(options)),
      m_console(console),
      m_environment(std::move(environment)),
      m_style(style),
      m_search_path(helper_search_path(m_environment)),
      m_user(::getuid()),
      m_passwd_home(m_environment("HOME").value_or("").starts_with('/') ? "" : cli::passwd_home()) {}

std::int64_t Session::now() const {
  return ::time(nullptr);
}

std::string Session::driver_name() const {
  return std::string(fs::to_string(m_options.driver.value_or(fs::DriverKind::overlay)));
}

Result<std::string> Session::root() {
  return store_root(m_options.root, m_environment, m_passwd_home);
}

namespace {

// Whatever is wrong with the place, another one may be named. A nearer hint stays.
template <class T>
Result<T> or_another_place(Result<T> opened) {
  if (opened) return opened;
  return std::unexpected(
      std::move(opened).error().hint("another place for the store: ecrin --root DIR, or ECRIN_ROOT"));
}

}  // namespace

Result<oci::ImageStore*> Session::images() {
  if (m_workshop) return &m_workshop->images();
  if (!m_images) {
    m_store = TRY(or_another_place(Store::open(TRY(root()))));
    m_blobs = TRY(oci::BlobStore::open(*m_store));
    m_images = TRY(oci::ImageStore::open(*m_store, *m_blobs));
  }
  return m_images.get();
}

Result<const run::Identity*> Session::enter_namespace(const std::function<void()>& meanwhile) {
  if (!m_identity) {
    run::IdentityRequest request = TRY(run::identity_request());
    request.search_path = m_search_path;
    m_identity = TRY_WHILE(run::enter_user_namespace(request, meanwhile), "entering the user namespace");
    if (!m_identity->note.empty()) log::debug("{}", m_identity->note);
  }
  return &*m_identity;
}

Result<> Session::stay_in_namespace() {
  run::IdentityRequest request = TRY(run::identity_request());
  request.forced = run::IdentityMode::none;
  m_identity = TRY(run::enter_user_namespace(request));
  return {};
}

Result<> Session::join_namespace(const Fd& user_namespace) {
  m_identity = TRY_WHILE(run::join_user_namespace(user_namespace), "entering the user namespace");
  return {};
}

void Session::close_store() {
  m_images.reset();
  m_blobs.reset();
  m_store.reset();
  m_workshop.reset();
}

Result<build::Workshop*> Session::workshop(Store::Purpose purpose) {
  if (!m_workshop) {
    const build::WorkshopOptions options{
        .root = TRY(root()), .driver = m_options.driver, .search_path = m_search_path, .purpose = purpose};
    // The programs that write the id maps take as long as this.
    std::optional<Result<std::unique_ptr<Store>>> store;
    const auto open_store = [&] { store = Store::open(options.root, purpose); };
    TRY(enter_namespace(open_store));
    if (!store) open_store();
    m_workshop = TRY(build::Workshop::open(options, TRY(std::move(*store))));
  }
  return m_workshop.get();
}

}  // namespace ecrin::cli
