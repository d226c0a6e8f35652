#include "cli/transfer_progress.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "base/text.hpp"
#include "build/shared_rows.hpp"

namespace ecrin::cli {
namespace {

constexpr double k_speed_window = 4;     // seconds
constexpr double k_sample_every = 0.25;  // seconds
constexpr double k_line_every = 10;      // seconds between lines about one blob in a pipe

std::string blob_name(const oci::Descriptor& blob) {
  return blob.digest.hex().substr(0, 12);
}

std::string_view kind_of(const oci::Descriptor& blob) {
  if (blob.media_type == build::k_cache_trace_type) return "trace";
  return oci::media_type::is_layer(blob.media_type) ? "layer" : "config";
}

std::string_view outcome_name(oci::BlobOutcome outcome) {
  switch (outcome) {
    case oci::BlobOutcome::copied:
      return "done";
    case oci::BlobOutcome::packed:
      return "packed";
    case oci::BlobOutcome::present:
      return "already there";
    case oci::BlobOutcome::left_out:
      return "left out: not distributable";
  }
  return "done";
}

class TerminalTransfer final : public TransferProgress {
public:
  TerminalTransfer(StatusLine& console, const ProgressStyle& style, Clock clock)
      : m_console(console),
        m_style(style),
        m_clock(std::move(clock)),
        m_ticker([this](std::stop_token stop) { tick(stop); }) {}
  ~TerminalTransfer() override { end(); }

  void blob_started(const oci::Descriptor& blob, std::uint64_t already) override {
    const std::lock_guard lock(m_mutex);
    Bar& bar = m_bars[blob.digest];  // a retry starts the same blob again
    bar.blob = blob;
    bar.bytes = already;
    bar.speed = {};
    bar.speed.add(m_clock(), already);
  }
  void blob_progress(const oci::Descriptor& blob, std::uint64_t bytes) override {
    const std::lock_guard lock(m_mutex);
    if (const auto bar = m_bars.find(blob.digest); bar != m_bars.end()) {
      bar->second.bytes = bytes;
      bar->second.speed.add(m_clock(), bytes);
    }
  }
  void blob_finished(const oci::Descriptor& blob, oci::BlobOutcome outcome) override {
    const std::lock_guard lock(m_mutex);
    m_bars.erase(blob.digest);
    m_console.show(status());
    const std::string mark = m_style.utf8 ? "✓" : "+";
    m_console.print(fmt::format(
        "{} {} {}  {}  {}",
        paint(outcome == oci::BlobOutcome::copied || outcome == oci::BlobOutcome::packed ? mark : "=", "32"),
        kind_of(blob), blob_name(blob), human_size(blob.size), paint(outcome_name(outcome), "2")));
  }
  void end() override {
    m_ticker.request_stop();
    if (m_ticker.joinable()) m_ticker.join();
    m_console.clear();
  }

private:
  struct Bar {
    oci::Descriptor blob;
    std::uint64_t bytes = 0;
    TransferSpeed speed;
  };

  std::string paint(std::string_view text, std::string_view code) const {
    if (m_style.colour == Colour::no) return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", code, text);
  }

  std::vector<std::string> status() const {
    constexpr std::size_t k_bar_width = 26;
    std::vector<std::string> lines;
    for (const auto& [digest, bar] : m_bars) {
      lines.push_back(fmt::format("  {} {}  {}", blob_name(bar.blob),
                                  transfer_bar(bar.bytes, bar.blob.size, k_bar_width, m_style.utf8),
                                  transfer_state(bar.bytes, bar.blob.size, bar.speed.at(m_clock()))));
    }
    return lines;
  }

  void tick(std::stop_token stop) {
    std::unique_lock lock(m_mutex);
    while (!m_wake.wait_for(lock, stop, std::chrono::milliseconds(100),
                            [&stop] { return stop.stop_requested(); })) {
      if (!m_bars.empty()) m_console.show(status());
    }
  }

  StatusLine& m_console;
  ProgressStyle m_style;
  Clock m_clock;
  std::mutex m_mutex;
  std::condition_variable_any m_wake;
  std::map<oci::Digest, Bar> m_bars;
  std::jthread m_ticker;  // last: it uses the members above
};

class PlainTransfer final : public TransferProgress {
public:
  PlainTransfer(StatusLine& console, Clock clock) : m_console(console), m_clock(std::move(clock)) {}

  void blob_started(const oci::Descriptor& blob, std::uint64_t already) override {
    const std::lock_guard lock(m_mutex);
    m_told.insert_or_assign(blob.digest, m_clock());
    if (already > 0)
      m_console.print(fmt::format("{} {}: going on after {} of {}", kind_of(blob), blob_name(blob),
                                  human_size(already), human_size(blob.size)));
  }
  void blob_progress(const oci::Descriptor& blob, std::uint64_t bytes) override {
    const std::lock_guard lock(m_mutex);
    const double now = m_clock();
    const auto told = m_told.find(blob.digest);
    if (told == m_told.end() || now - told->second < k_line_every) return;
    told->second = now;
    m_console.print(fmt::format("{} {}: {} of {}", kind_of(blob), blob_name(blob), human_size(bytes),
                                human_size(blob.size)));
  }
  void blob_finished(const oci::Descriptor& blob, oci::BlobOutcome outcome) override {
    m_console.print(fmt::format("{} {}: {}, {}", kind_of(blob), blob_name(blob), outcome_name(outcome),
                                human_size(blob.size)));
  }

private:
  StatusLine& m_console;
  Clock m_clock;
  std::mutex m_mutex;
  std::map<oci::Digest, double> m_told;  // when something was last said
};

class JsonTransfer final : public TransferProgress {
public:
  JsonTransfer(StatusLine& console, Clock clock) : m_console(console), m_clock(std::move(clock)) {}

  void manifest(const oci::RawManifest& manifest) override {
    m_console.print(dump_json({{"event", "manifest"},
                               {"digest", manifest.digest.to_string()},
                               {"media_type", manifest.media_type}}));
  }
  void blob_started(const oci::Descriptor& blob, std::uint64_t already) override {
    write("started", blob, {{"bytes", already}});
  }
  void blob_progress(const oci::Descriptor& blob, std::uint64_t bytes) override {
    {
      const std::lock_guard lock(m_mutex);
      double& told = m_told[blob.digest];
      if (m_clock() - told < k_sample_every) return;
      told = m_clock();
    }
    write("progress", blob, {{"bytes", bytes}});
  }
  void blob_finished(const oci::Descriptor& blob, oci::BlobOutcome outcome) override {
    const char* state = outcome == oci::BlobOutcome::copied    ? "copied"
                        : outcome == oci::BlobOutcome::packed  ? "packed"
                        : outcome == oci::BlobOutcome::present ? "present"
                                                               : "left-out";
    write("finished", blob, {{"state", state}});
  }

private:
  void write(const char* event, const oci::Descriptor& blob, Json extra) {
    extra["event"] = event;
    extra["digest"] = blob.digest.to_string();
    extra["size"] = blob.size;
    m_console.print(dump_json(extra));
  }

  StatusLine& m_console;
  Clock m_clock;
  std::mutex m_mutex;
  std::map<oci::Digest, double> m_told;
};

class QuietTransfer final : public TransferProgress {};

}  // namespace

std::string transfer_bar(std::uint64_t bytes, std::uint64_t size, std::size_t width, bool utf8) {
  const std::size_t inner = width > 2 ? width - 2 : 0;
  const double part = size == 0 ? 1 : std::min(1.0, static_cast<double>(bytes) / static_cast<double>(size));
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(inner));
  std::string bar = "[";
  for (std::size_t i = 0; i < inner; ++i) bar += i < filled ? (utf8 ? "█" : "#") : (utf8 ? "·" : "-");
  return bar + "]";
}

std::string transfer_state(std::uint64_t bytes, std::uint64_t size, double speed) {
  std::string text = fmt::format("{} / {}", human_size(bytes), human_size(size));
  if (speed < 1) return text;
  text += fmt::format("  {}/s", human_size(static_cast<std::uint64_t>(speed)));
  if (bytes < size) text += "  " + human_duration(static_cast<double>(size - bytes) / speed);
  return text;
}

void TransferSpeed::add(double now, std::uint64_t bytes) {
  if (!m_samples.empty() && now - m_samples.back().time < k_sample_every) return;
  m_samples.push_back({now, bytes});
  // One from before the window stays, so that the window is always covered.
  const auto first = std::find_if(m_samples.begin(), m_samples.end(),
                                  [&](const Sample& sample) { return sample.time > now - k_speed_window; });
  if (first != m_samples.begin()) m_samples.erase(m_samples.begin(), first - 1);
}

double TransferSpeed::at(double now) const {
  if (m_samples.size() < 2) return 0;
  const Sample& first = m_samples.front();
  const double seconds = now - first.time;
  return seconds <= 0 ? 0 : static_cast<double>(m_samples.back().bytes - first.bytes) / seconds;
}

std::unique_ptr<TransferProgress> make_transfer_progress(ProgressKind kind, StatusLine& console,
                                                         const ProgressStyle& style, Clock clock) {
  if (kind == ProgressKind::automatic)
    kind = console.is_terminal() ? ProgressKind::terminal : ProgressKind::plain;
  switch (kind) {
    case ProgressKind::terminal:
      return std::make_unique<TerminalTransfer>(console, style, std::move(clock));
    case ProgressKind::json:
      return std::make_unique<JsonTransfer>(console, std::move(clock));
    case ProgressKind::quiet:
      return std::make_unique<QuietTransfer>();
    case ProgressKind::automatic:
    case ProgressKind::plain:
      break;
  }
  return std::make_unique<PlainTransfer>(console, std::move(clock));
}

}  // namespace ecrin::cli
