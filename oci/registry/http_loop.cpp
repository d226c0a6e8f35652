#include "oci/registry/http_loop.hpp"

#include <signal.h>

#include <map>
#include <mutex>
#include <thread>

#include "oci/registry/curl_library.hpp"
#include "oci/registry/http_internal.hpp"

namespace ecrin::oci {
namespace {

using Clock = HttpTransfer::Clock;

constexpr auto k_check_every = std::chrono::milliseconds(200);
constexpr int k_idle_milliseconds = 60'000;
constexpr auto k_rest_time = std::chrono::seconds(1);
constexpr long k_idle_connections = 32;

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

Error closed_error() {
  return {ErrorKind::network, "the transfer was ended"};
}

}  // namespace

struct HttpLoop::State {
  struct Command {
    enum class Kind { start, resume, abandon } kind;
    std::shared_ptr<Exchange> exchange;
    std::unique_ptr<HttpTransfer> transfer = nullptr;  // of `start`
    Rest rest = Rest::cut;
  };

  TransportOptions options;
  std::mutex mutex;  // of the following
  std::vector<Command> commands;
  bool stopping = false;
  std::unique_ptr<CURLM, MultiDeleter> multi;
  std::thread thread;

  // Of the loop's thread alone.
  std::map<Exchange*, std::unique_ptr<HttpTransfer>> transfers;
  Clock::time_point last_check;

  void post(Command command);
  Result<> start_thread();
  void run();
  bool obey();
  void begin(Command& command);
  void collect();
  void end(HttpTransfer& transfer, std::optional<Error> error);
  void check(Clock::time_point now);
  void resume_answered();
};

void HttpLoop::State::post(Command command) {
  const std::lock_guard lock(mutex);
  if (stopping || !multi) {
    if (command.transfer) command.exchange->finish(closed_error());
    return;
  }
  commands.push_back(std::move(command));
  curl_multi_wakeup(multi.get());
}

// With the mutex held.
Result<> HttpLoop::State::start_thread() {
  TRY(load_curl());
  static std::once_flag once;
  static CURLcode initialised = CURLE_OK;
  std::call_once(once, [] { initialised = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (initialised == CURLE_OK) multi.reset(curl_multi_init());
  if (!multi) return fail(ErrorKind::network, "cannot initialise libcurl");
  curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, k_idle_connections);
  // Signals are for the other threads. That also keeps SIGPIPE of a closed connection away.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void HttpLoop::State::run() {
  last_check = Clock::now();
  while (obey()) {
    int running = 0;
    curl_multi_perform(multi.get(), &running);
    collect();
    resume_answered();
    if (const auto now = Clock::now(); now - last_check >= k_check_every) {
      check(now);
      last_check = now;
    }
    const int wait = transfers.empty() ? k_idle_milliseconds : static_cast<int>(k_check_every.count());
    if (curl_multi_poll(multi.get(), nullptr, 0, wait, nullptr) != CURLM_OK)
      std::this_thread::sleep_for(k_check_every);  // out of memory: no reason to spin
  }
  while (!transfers.empty()) end(*transfers.begin()->second, closed_error());
}

// What the callers want. False: to stop.
bool HttpLoop::State::obey() {
  std::vector<Command> todo;
  bool stop = false;
  {
    const std::lock_guard lock(mutex);
    todo.swap(commands);
    stop = stopping;
  }
  for (Command& command : todo) {
    if (command.kind == Command::Kind::start) {
      begin(command);
      continue;
    }
    const auto found = transfers.find(command.exchange.get());
    if (found == transfers.end()) continue;
    HttpTransfer& transfer = *found->second;
    if (command.kind == Command::Kind::abandon && command.rest == Rest::cut) {
      end(transfer, closed_error());
      continue;
    }
    if (command.kind == Command::Kind::abandon) transfer.drop_at = Clock::now() + k_rest_time;
    // Both directions: the one that has nothing to do pauses itself again.
    curl_easy_pause(transfer.easy.get(), CURLPAUSE_CONT);
  }
  return !stop;
}

void HttpLoop::State::begin(Command& command) {
  HttpTransfer& transfer = *command.transfer;
  transfers[command.exchange.get()] = std::move(command.transfer);
  if (const CURLMcode code = curl_multi_add_handle(multi.get(), transfer.easy.get()); code != CURLM_OK)
    end(transfer, Error(ErrorKind::network,
                        fmt::format("cannot fetch '{}': {}", transfer.display, curl_multi_strerror(code))));
}

// The transfers that libcurl is done with.
void HttpLoop::State::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    char* user = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    HttpTransfer& transfer = *reinterpret_cast<HttpTransfer*>(user);
    if (transfer.error)
      end(transfer, std::move(transfer.error));
    else if (code != CURLE_OK)
      end(transfer, describe_failure(transfer, code));
    else
      end(transfer, std::nullopt);
  }
}

void HttpLoop::State::end(HttpTransfer& transfer, std::optional<Error> error) {
  const std::shared_ptr<Exchange> exchange = transfer.exchange;
  if (!error && !exchange->has_response())
    error = Error(ErrorKind::network,
                  fmt::format("the answer of '{}' ends within its headers", transfer.display));
  curl_multi_remove_handle(multi.get(), transfer.easy.get());
  transfers.erase(exchange.get());
  exchange->finish(std::move(error));
}

// libcurl has no notion of a stall that leaves out the time in which the caller does nothing.
void HttpLoop::State::check(Clock::time_point now) {
  std::vector<HttpTransfer*> all;
  for (const auto& [exchange, transfer] : transfers) all.push_back(transfer.get());
  for (HttpTransfer* transfer : all) {
    const auto seconds = static_cast<std::uint64_t>(transfer->stall_time.count());
    if (transfer->drop_at && now >= *transfer->drop_at) {
      end(*transfer, closed_error());
    } else if (!transfer->connected || transfer->window_bytes >= seconds * transfer->slowest ||
               transfer->exchange->waits_for_caller()) {
      transfer->window_start = now;
      transfer->window_bytes = 0;
    } else if (now - transfer->window_start >= transfer->stall_time) {
      end(*transfer, Error(ErrorKind::network,
                           fmt::format("cannot fetch '{}': less than {} bytes a second for {} seconds",
                                       transfer->display, transfer->slowest, seconds)));
    }
  }
}

// A paused body that the server does not want any more would keep its transfer from ending.
void HttpLoop::State::resume_answered() {
  std::vector<HttpTransfer*> answered;
  for (const auto& [exchange, transfer] : transfers)
    if (std::exchange(transfer->wants_resume, false)) answered.push_back(transfer.get());
  for (HttpTransfer* transfer : answered) curl_easy_pause(transfer->easy.get(), CURLPAUSE_CONT);
}

HttpLoop::HttpLoop(const TransportOptions& options) : m_state(std::make_unique<State>()) {
  m_state->options = options;
}

HttpLoop::~HttpLoop() {
  stop();
}

Result<> HttpLoop::start(const std::shared_ptr<Exchange>& exchange, const HttpRequest& request,
                         const Url& url) {
  {
    const std::lock_guard lock(m_state->mutex);
    if (m_state->stopping) return std::unexpected(closed_error());
    if (!m_state->multi) TRY(m_state->start_thread());
  }
  auto transfer = TRY(make_transfer(exchange, request, url, m_state->options));
  m_state->post({.kind = State::Command::Kind::start, .exchange = exchange, .transfer = std::move(transfer)});
  return {};
}

void HttpLoop::resume(const std::shared_ptr<Exchange>& exchange) {
  m_state->post({.kind = State::Command::Kind::resume, .exchange = exchange});
}

void HttpLoop::abandon(const std::shared_ptr<Exchange>& exchange, Rest rest) {
  exchange->abandon();
  m_state->post({.kind = State::Command::Kind::abandon, .exchange = exchange, .rest = rest});
}

void HttpLoop::stop() {
  {
    const std::lock_guard lock(m_state->mutex);
    m_state->stopping = true;
    if (m_state->multi) curl_multi_wakeup(m_state->multi.get());
  }
  if (m_state->thread.joinable()) m_state->thread.join();
  const std::lock_guard lock(m_state->mutex);
  for (const auto& command : m_state->commands)
    if (command.transfer) command.exchange->finish(closed_error());
  m_state->commands.clear();
  m_state->multi.reset();
}

}  // namespace ecrin::oci
