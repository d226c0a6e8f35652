#include "tests/unit/recipes/containerfile/lowered.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

std::string script(std::string_view instructions) {
  const RunStep run = last_step<RunStep>(instructions);
  const auto* text = std::get_if<std::string>(&run.command);
  return text ? *text : "no script";
}

Mount mount(const std::string& options, const std::string& before = "") {
  const RunStep run = last_step<RunStep>(before + "RUN --mount=" + options + " true");
  REQUIRE(run.mounts.size() == 1);
  return run.mounts[0];
}

std::string mount_refusal(const std::string& options) {
  return step_refusal("ENV KEY=what\nRUN --mount=" + options + " true");
}

}  // namespace

TEST_CASE("RUN keeps its text: its variables are the shell's") {
  CHECK(script("ENV X=1\nRUN echo $X \"$Y\"") == "echo $X \"$Y\"");
  const RunStep exec = last_step<RunStep>(R"(RUN ["a", "$b"])");
  CHECK(std::get<std::vector<std::string>>(exec.command) == Texts{"a", "$b"});
}

TEST_CASE("a here-document is the script, with #! a file, among other words the shell's own") {
  CHECK(script("RUN <<EOF\necho $X\nexit\nEOF\n") == "echo $X\nexit\n");
  CHECK(script("RUN <<-EOF\n\techo\n\tEOF\n") == "echo\n");
  const RunStep file = last_step<RunStep>("RUN <<EOF\n#!/usr/bin/python\nprint()\nEOF\n");
  const auto* inline_file = std::get_if<InlineFile>(&file.command);
  REQUIRE(inline_file);
  CHECK(inline_file->name == "EOF");
  CHECK(inline_file->content == "#!/usr/bin/python\nprint()\n");
  CHECK(script("RUN cat <<A - <<'B' > /x\n1\nA\n$2\nB\n") == "cat <<A - <<'B' > /x\n1\nA\n$2\nB\n");
}

TEST_CASE("network and security of a step") {
  CHECK(last_step<RunStep>("RUN x").network == StepNetwork::inherit);
  CHECK(last_step<RunStep>("RUN --network=default x").network == StepNetwork::inherit);
  CHECK(last_step<RunStep>("RUN --network=none x").network == StepNetwork::none);
  CHECK(last_step<RunStep>("RUN --network=host x").network == StepNetwork::host);
  CHECK(step_refusal("RUN --security=sandbox x") == "accepted");
  const auto refused = try_lower("FROM base\nRUN --security=insecure x");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::unsupported);
}

TEST_CASE("bind mounts") {
  CHECK(mount("target=/x").type == Mount::Type::bind);
  CHECK(mount("target=/x").source == "/");
  CHECK(mount("target=/x").read_only);
  CHECK_FALSE(mount("type=bind,dst=/x,rw").read_only);
  CHECK_FALSE(mount("dst=/x,readonly=false").read_only);
  CHECK_FALSE(mount("dst=/x,rw=true").read_only);
  CHECK(mount("type=bind,src=$S,destination=/x", "ENV S=/s\n").source == "/s");
  CHECK(mount("from=image:1,target=/x").from == "image:1");
  CHECK(mount("source=x").target == ".");
  CHECK(mount_refusal("target=/") == "a mount cannot take the place of the root directory");
  CHECK(mount_refusal("target=/x,mode=0700") != "accepted");
}

TEST_CASE("cache mounts") {
  const Mount cache = mount("type=cache,target=/c/,sharing=locked,mode=0700,uid=10,gid=$G", "ARG G=20\n");
  CHECK(cache.type == Mount::Type::cache);
  CHECK(cache.id == "/c");
  CHECK(cache.sharing == Mount::Sharing::locked);
  CHECK_FALSE(cache.read_only);
  CHECK(cache.mode == 0700);
  CHECK(cache.uid == 10);
  CHECK(cache.gid == 20);
  CHECK(mount("type=cache,id=$I,target=/c", "ENV I=name\n").id == "name");
  CHECK(mount("type=cache,target=/c,from=scratch").from.empty());
  CHECK(mount_refusal("type=cache,target=/c,sharing=$KEY") ==
        "'sharing' of a mount is shared, private or locked, not 'what'");
  CHECK(mount_refusal("type=cache,target=/c,uid=$KEY") == "'uid' of a mount is a number, not 'what'");
}

TEST_CASE("tmpfs mounts") {
  const Mount tmpfs = mount("type=tmpfs,target=/t,size=64m");
  CHECK(tmpfs.size == 64 << 20);
  CHECK_FALSE(tmpfs.read_only);
  CHECK(mount_refusal("type=tmpfs,target=/t,size=$KEY") == "'size' of a mount is like 64m, not 'what'");
}

TEST_CASE("secrets are files or variables") {
  const Mount file = mount("type=secret,id=key");
  CHECK(file.target == "/run/secrets/key");
  CHECK_FALSE(file.required);
  CHECK(mount("type=secret,id=key,required").required);
  CHECK(mount("type=secret,target=/root/.netrc").id == ".netrc");
  CHECK(mount("type=secret,source=key").id == "key");
  const Mount variable = mount("type=secret,id=key,env=KEY");
  CHECK(variable.environment == "KEY");
  CHECK(variable.target.empty());
  CHECK(mount("type=secret,id=key,env=KEY,target=/k").target == "/k");
  CHECK(mount_refusal("type=secret") != "accepted");
}

TEST_CASE("agents") {
  CHECK(mount("type=ssh").id == "default");
  CHECK(mount("type=ssh,id=x,required=true,mode=0666").required);
  CHECK(mount_refusal("type=$KEY,target=/x") == "no mount of type 'what'");
}

TEST_CASE("COPY takes variables everywhere but in --exclude") {
  const CopyStep copy = last_step<CopyStep>(
      "ARG D=/d O=1:2 M=0640 S=s\nCOPY --chown=$O --chmod=$M --exclude=*.$S --link $S.c 'a' $D/");
  CHECK(copy.sources == Texts{"s.c", "a"});
  CHECK(copy.destination == "/d/");
  CHECK(copy.owner == "1:2");
  CHECK(copy.mode == 0640u);
  CHECK(copy.exclude == Texts{"*.$S"});
  CHECK(copy.link);
  CHECK(last_step<CopyStep>("COPY [\"a b\", \"/c d/\"]").sources == Texts{"a b"});
  CHECK(last_step<CopyStep>("COPY --parents a/b c/").parents);
  CHECK(last_step<CopyStep>("COPY a $NONE").destination == "./");
  CHECK(last_step<CopyStep>("COPY $NONE b/").sources == Texts{"."});
}

TEST_CASE("modes are octal or as chmod has them") {
  CHECK(last_step<CopyStep>("COPY --chmod=u+x,go=rX a b").mode_change == "u+x,go=rX");
  CHECK(last_step<CopyStep>("COPY --chmod=4755 a b").mode == 04755u);
  for (const char* wrong : {"77777", "8", "u", "x+u", "u+x,,g+x", "0x1"})
    CHECK(step_refusal(std::string("COPY --chmod=") + wrong + " a b").ends_with("is not a mode"));
}

TEST_CASE("here-documents are files, with variables unless their name is quoted") {
  const CopyStep copy = last_step<CopyStep>(
      "ENV X=1\nCOPY <<one <<'two' <<-three plain /d/\n$X \"q\" \\$X\none\n$X\ntwo\n\tt\nthree\n");
  REQUIRE(copy.files.size() == 3);
  CHECK(copy.files[0].name == "one");
  CHECK(copy.files[0].content == "1 \"q\" $X\n");
  CHECK(copy.files[1].content == "$X\n");
  CHECK(copy.files[2].content == "t\n");
  CHECK(copy.sources == Texts{"plain"});
  CHECK(last_step<CopyStep>("COPY --from=x b <<a /d/\na\n").files.size() == 1);
}

TEST_CASE("ADD downloads, COPY does not") {
  const AddStep add =
      last_step<AddStep>("ARG V=1\nADD --keep-git-dir --chmod=600 https://example.org/a/$V.git#v2:sub /d");
  CHECK(add.sources == Texts{"https://example.org/a/1.git#v2:sub"});
  CHECK(add.keep_git_directory);
  CHECK(add.mode == 0600u);
  CHECK_FALSE(last_step<AddStep>("ADD a.tar /d").unpack.has_value());
  CHECK(last_step<AddStep>("ADD --unpack=false a.tar /d").unpack == false);
  CHECK(step_refusal("COPY https://example.org/x /x").starts_with("COPY downloads nothing"));
  CHECK(step_refusal("COPY git@example.org:x/y.git /x").starts_with("COPY downloads nothing"));
}

TEST_CASE("checksums are for one download") {
  const std::string sum = "sha256:" + std::string(64, 'a');
  CHECK(last_step<AddStep>("ADD --checksum=" + sum + " https://example.org/x /x").checksum == sum);
  CHECK(last_step<AddStep>("ADD --checksum=0123456789abcdef https://example.org/x.git /x").checksum ==
        "0123456789abcdef");
  CHECK(step_refusal("ADD --checksum=" + sum + " x /x").starts_with("--checksum is for what is downloaded"));
  CHECK(step_refusal("ADD --checksum=md5:1 https://example.org/x /x").starts_with("--checksum is sha256:"));
  CHECK(step_refusal("ADD --checksum=" + sum + " https://a.example/x https://a.example/y /x/")
            .starts_with("--checksum is for one source"));
}
