// Small files that would make much: each ends with one short error before it is made.
#include "tests/unit/recipes/containerfile/lowered.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

constexpr std::size_t k_mebibyte = 1024 * 1024;
constexpr std::string_view k_grows =
    "the file grows by more than 16 MiB by its variables and by what its stages take over";

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

/// A stage 's', and those that begin with it, all needed.
std::string with_users(const std::string& stage, int users = 900) {
  std::string text = "FROM base AS s\n" + stage;
  std::string copies;
  for (int i = 0; i < users; ++i) {
    text += "FROM s AS u" + std::to_string(i) + "\n";
    copies += "COPY --from=u" + std::to_string(i) + " a b\n";
  }
  return text + "FROM base\n" + copies;
}

/// Stages that each begin with the one before.
std::string chain(const std::string& first, int length) {
  std::string text = "FROM base AS c0\n" + first;
  for (int i = 1; i < length; ++i)
    text += "FROM c" + std::to_string(i - 1) + " AS c" + std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("more than 10,000 steps are refused") {
  CHECK(step_refusal(repeated("USER a\n", 9'998)) == "accepted");
  CHECK(step_refusal(repeated("USER a\n", 9'999)) ==
        "'Containerfile' has more than 10000 steps, and no more can be built");
  CHECK(step_refusal(repeated("ARG a\n", 20'000)) == "accepted");
}

TEST_CASE("more than 1,000 needed stages are refused, before their images are looked for") {
  CHECK(refusal(repeated("FROM base\n", 2'000)) == "accepted");
  CHECK(refusal(chain("", 1'000)) == "accepted");
  CHECK(refusal(chain("", 1'001)) == "'Containerfile' needs more than 1000 stages, and no more can be built");
}

TEST_CASE("triggers that many stages run are refused") {
  const std::string message = "the stages run more than 10000 instructions of ONBUILD";
  CHECK(refusal(with_users(repeated("ONBUILD USER a\n", 8'000))) == message);
  CHECK(refusal(with_users(repeated("ONBUILD ARG a\n", 8'000))) == message);
  oci::ImageConfig config;
  config.on_build.assign(50'000, "USER a");
  CHECK(refusal("FROM big\n", {.images = {{"big", config}}}) == message);
  CHECK(refusal(with_users("ONBUILD LABEL a=" + std::string(k_mebibyte, 'x') + "\n")) == k_grows);
}

TEST_CASE("a long shell at many commands ends with an error") {
  const std::string shell = "SHELL [\"" + std::string(2 * k_mebibyte, 'x') + "\"]\n";
  CHECK(step_refusal(shell + repeated("CMD x\n", 9'000)) == k_grows);
  CHECK(step_refusal(shell + repeated("ENTRYPOINT x\n", 9'000)) == k_grows);
  CHECK(step_refusal(shell + repeated("CMD x\n", 7)) == "accepted");
  CHECK(refusal(chain(shell, 100)) == k_grows);
}

TEST_CASE("names that many stages take over end with an error") {
  std::string names = "ARG";
  for (int i = 0; i < 100'000; ++i) names += " A" + std::to_string(i);
  CHECK(refusal(chain(names + "\n", 1'000)) == k_grows);
  CHECK(refusal(chain(names + "\n", 10)) == "accepted");
}

TEST_CASE("a large base at many stages ends with an error") {
  oci::ImageConfig config;
  config.env = {"A=" + std::string(k_mebibyte, 'x')};
  CHECK(refusal(with_users("", 10).replace(0, 9, "FROM big "), {.images = {{"base", {}}, {"big", config}}}) ==
        "accepted");
  std::string text;
  std::string copies;
  for (int i = 0; i < 100; ++i) {
    text += "FROM big AS b" + std::to_string(i) + "\n";
    copies += "COPY --from=b" + std::to_string(i) + " a b\n";
  }
  CHECK(refusal(text + "FROM big\n" + copies, {.images = {{"big", config}}}) == k_grows);
}

TEST_CASE("variables that nobody defines end with an error when there are very many of them") {
  std::string names;
  for (int i = 0; i < 500'000; ++i) names += "$u";
  CHECK(step_refusal("ENV A=" + names) == k_grows);
  CHECK(step_refusal("ENV A=" + names.substr(0, 100'000)) == "accepted");
}

TEST_CASE("lists that no image's config holds are refused while the file is read") {
  CHECK(last_step<ExposeStep>("EXPOSE 1-10000").ports.size() == 10'000);
  CHECK(step_refusal("EXPOSE 1-10001") ==
        "1-10001 are 10001 ports, and an image's config holds at most 10000");
  const auto more = [](std::string_view noun) {
    return "an image's config holds at most 10000 " + std::string(noun) + ", and here there are more";
  };
  CHECK(step_refusal("EXPOSE 1-10000\nEXPOSE 1-10000/tcp") == "accepted");
  CHECK(step_refusal("EXPOSE 1-10000\nEXPOSE 1/udp") == more("ports"));
  const auto many = [](std::string_view begin, std::string_view end) {
    std::string text;
    for (int i = 0; i <= 10'000; ++i) text += std::string(begin) + std::to_string(i) + std::string(end);
    return text;
  };
  CHECK(step_refusal("ENV" + many(" A", "=b")) == more("variables"));
  CHECK(step_refusal("LABEL" + many(" a", "=b")) == more("labels"));
  CHECK(step_refusal("VOLUME" + many(" /a", "")) == more("volumes"));
  CHECK(step_refusal("CMD [\"a\"" + many(",\"", "\"") + "]") == more("words of a command"));
}
