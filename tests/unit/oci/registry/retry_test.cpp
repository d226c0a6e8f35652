#include "oci/registry/retry.hpp"

#include "oci/registry/exchange.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/registry/client_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;
using namespace std::chrono_literals;

TEST_CASE("what passes is tried again, what is final is not") {
  for (const int status : {408, 429, 500, 502, 503, 504}) CHECK(is_transient(status));
  for (const int status : {200, 206, 301, 400, 401, 403, 404, 405, 409, 413, 416, 501, 505})
    CHECK_FALSE(is_transient(status));
  CHECK(is_transient(Error(ErrorKind::network, "cut")));
  CHECK_FALSE(is_transient(Error(ErrorKind::cancelled, "stopped")));
  CHECK_FALSE(is_transient(Error(ErrorKind::invalid, "wrong")));
}

TEST_CASE("Retry-After is a number or a date") {
  CHECK(parse_retry_after("120", 0) == 120s);
  CHECK(parse_retry_after(" 0 ", 0) == 0s);
  const std::int64_t date = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", date - 5) == 5s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", date + 5) == 0s);
  for (const char* text : {"", "-1", "soon", "1.5", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 CET",
                           "Sun, 06 Xxx 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_retry_after(text, 0));
  }
}

TEST_CASE("the wait doubles, has a limit, and half of it is chance") {
  const RetryPolicy policy{.attempts = 100};
  CHECK(wait_before_retry(policy, 1, std::nullopt, 0) == 250ms);
  CHECK(wait_before_retry(policy, 1, std::nullopt, 0.999).value() > 490ms);
  CHECK(wait_before_retry(policy, 1, std::nullopt, 0.999).value() <= 500ms);
  CHECK(wait_before_retry(policy, 2, std::nullopt, 0) == 500ms);
  CHECK(wait_before_retry(policy, 4, std::nullopt, 0) == 2000ms);
  CHECK(wait_before_retry(policy, 90, std::nullopt, 0) == 8000ms);
  CHECK_FALSE(wait_before_retry(policy, 100, std::nullopt, 0));
}

TEST_CASE("Retry-After is the least wait, and one that is too long ends it") {
  const RetryPolicy policy;
  CHECK(wait_before_retry(policy, 1, 7s, 0.5) == 7000ms);
  CHECK(wait_before_retry(policy, 1, 0s, 0) == 250ms);
  CHECK(wait_before_retry(policy, 1, 120s, 0) == 120'000ms);
  CHECK_FALSE(wait_before_retry(policy, 1, 121s, 0));
}

TEST_CASE("the real clock stops sleeping when the user stops it") {
  CancelToken cancel;
  cancel.cancel();
  const Clock clock = system_clock();
  CHECK(clock.sleep(1h, &cancel).error().kind() == ErrorKind::cancelled);
  CHECK(clock.sleep(1ms, nullptr));
  CHECK(clock.now() > 1'600'000'000);
  for (int i = 0; i < 100; ++i) {
    const double value = clock.random();
    CHECK(value >= 0);
    CHECK(value < 1);
  }
}

TEST_CASE("a loop of tries ends with success, with the last answer or with the user") {
  FakeClock time;
  const ExchangeSettings settings{.retry = {}, .clock = time.clock()};
  int calls = 0;
  const auto after = [&](int failures, int status) {
    calls = 0;
    return [&calls, failures, status]() -> Result<HttpResponse> {
      return HttpResponse{.status = ++calls > failures ? 200 : status};
    };
  };
  CHECK(must(send_with_retry(settings, after(2, 503), nullptr)).status == 200);
  CHECK(calls == 3);
  CHECK(must(send_with_retry(settings, after(9, 503), nullptr)).status == 503);
  CHECK(calls == 5);
  CHECK(must(send_with_retry(settings, after(9, 404), nullptr)).status == 404);
  CHECK(calls == 1);
  CancelToken cancel;
  cancel.cancel();
  CHECK(send_with_retry(settings, after(0, 200), &cancel).error().kind() == ErrorKind::cancelled);
  CHECK(calls == 0);
}

TEST_CASE("a registry that does not do such things is told from one that was asked wrongly") {
  const auto kind = [](int status, const std::string& body) {
    return refusal(status, body, "", {.action = "cannot", .registry = "r", .repository = ""}).kind();
  };
  const std::string unsupported = R"({"errors": [{"code": "UNSUPPORTED", "message": "no"}]})";
  CHECK(kind(405, "") == ErrorKind::unsupported);
  CHECK(kind(400, unsupported) == ErrorKind::unsupported);
  CHECK(kind(404, unsupported) == ErrorKind::not_found);
  CHECK(kind(400, R"({"errors": [{"code": "NAME_INVALID"}, 7, {"code": 8}]})") == ErrorKind::invalid);
  CHECK(kind(400, "<html>") == ErrorKind::invalid);
}
