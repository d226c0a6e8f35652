// Each instruction: what it takes, and what it refuses.
#include "recipes/containerfile/instructions.hpp"

#include "tests/unit/recipes/containerfile/parsed.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

using Texts = std::vector<std::string>;

TEST_CASE("FROM is an image, or an image with a name") {
  const Containerfile file = parsed("from --platform=$BUILDPLATFORM debian:12 As Build.1\n");
  const FromInstruction* from = file.instructions[0].as<FromInstruction>();
  REQUIRE(from);
  CHECK(from->image.text == "debian:12");
  REQUIRE(from->platform);
  CHECK(from->platform->text == "$BUILDPLATFORM");
  CHECK(from->name == "build.1");
  CHECK(file.instructions[0].keyword == "from");
}

TEST_CASE("FROM with another number of words is refused") {
  const std::string_view message = "FROM requires either one or three arguments: IMAGE, or IMAGE AS NAME";
  CHECK(refused("FROM a b") == message);
  CHECK(refused("FROM a with b") == message);
  CHECK(refused("FROM a AS b c") == message);
  CHECK(refused("FROM") == "FROM requires an image");
}

TEST_CASE("a stage's name begins with a letter") {
  CHECK(refused("FROM a AS 1st") == "'1st' cannot be the name of a stage");
  CHECK(refused("FROM a AS b/c") == "'b/c' cannot be the name of a stage");
}

TEST_CASE("ARG has several names on a line, with values or without") {
  const ArgInstruction arg = last<ArgInstruction>("ARG a b=1 c=\"x y\" d=");
  REQUIRE(arg.items.size() == 4);
  CHECK(arg.items[0].name == "a");
  CHECK_FALSE(arg.items[0].value);
  CHECK(arg.items[1].value->text == "1");
  CHECK(arg.items[2].value->text == "\"x y\"");
  CHECK(arg.items[3].value->text.empty());
  CHECK(refused("ARG") == "ARG requires at least one argument");
  CHECK(refused("ARG =x") == "the name of an ARG is empty");
}

TEST_CASE("ENV has names and values with their quotes and escapes") {
  const EnvInstruction env =
      last<EnvInstruction>("ENV a=b c=\"d e\" f='g \"h' i=j\\ k \\\n  l=\"m\\\"n\" o=p=q \\\n");
  CHECK_FALSE(env.legacy);
  Texts pairs;
  for (const Assignment& variable : env.variables) {
    pairs.push_back(variable.name.text + "|" + variable.value.text);
  }
  CHECK(pairs == Texts{"a|b", "c|\"d e\"", "f|'g \"h'", "i|j\\ k", "l|\"m\\\"n\"", "o|p=q"});
}

TEST_CASE("the places of an assignment are those of its name and value") {
  const std::string text = "FROM a\nENV one=two \\\n  three=four\n";
  const Containerfile file = parsed(text);
  const Assignment& second = file.instructions[1].as<EnvInstruction>()->variables[1];
  CHECK(text.substr(second.name.span.begin, second.name.span.length) == "three");
  CHECK(text.substr(second.value.span.begin, second.value.span.length) == "four");
}

TEST_CASE("the old form of ENV is a name and the rest of the line") {
  const EnvInstruction env = last<EnvInstruction>("ENV name  the \"value\"  =  all of it ");
  CHECK(env.legacy);
  REQUIRE(env.variables.size() == 1);
  CHECK(env.variables[0].name.text == "name");
  CHECK(env.variables[0].value.text == "the \"value\"  =  all of it");
}

TEST_CASE("ENV and LABEL without a value are refused") {
  CHECK(refused("ENV") == "ENV requires at least one argument");
  CHECK(refused("LABEL a") == "LABEL requires a name and a value");
  CHECK(refused("ENV a=b c") == "'c' is not NAME=VALUE");
  CHECK(refused("ENV =b") == "a name in ENV is empty");
}

TEST_CASE("the escape directive holds within words too") {
  const Containerfile file = parsed("# escape=`\nFROM a\nENV a=b` c d=\\\n");
  const auto& variables = file.instructions[1].as<EnvInstruction>()->variables;
  REQUIRE(variables.size() == 2);
  CHECK(variables[0].value.text == "b` c");
  CHECK(variables[1].value.text == "\\");
}

TEST_CASE("a JSON array of strings is an exec form") {
  const CmdInstruction cmd = last<CmdInstruction>(R"(CMD [ "\/usr\\\"/bin", "-f", "ä" ])");
  CHECK(cmd.command.exec_form);
  CHECK(cmd.command.arguments == Texts{"/usr\\\"/bin", "-f", "ä"});
  CHECK(last<EntrypointInstruction>("ENTRYPOINT []").command.exec_form);
}

TEST_CASE("what is not JSON is a shell form, also when it looks like an exec form") {
  const CmdInstruction cmd = last<CmdInstruction>("CMD ['echo', 'single quotes']");
  CHECK_FALSE(cmd.command.exec_form);
  CHECK(cmd.command.script == "['echo', 'single quotes']");
  CHECK(script("RUN [ -f x ] && y") == "[ -f x ] && y");
  CHECK(script("RUN [\"a\",]") == "[\"a\",]");
  CHECK(script("RUN [\"a\"] b") == "[\"a\"] b");
}

TEST_CASE("a JSON array of more than strings is refused") {
  const std::string_view message = "an exec form holds nothing but strings in double quotes";
  CHECK(refused("RUN [\"a\", 1]") == message);
  CHECK(refused("VOLUME [[\"a\"]]") == message);
  CHECK(refused("COPY [\"a\", {}]") == message);
}

TEST_CASE("CMD and ENTRYPOINT may be empty, as docker has it") {
  CHECK(last<CmdInstruction>("CMD").command.script.empty());
  CHECK_FALSE(last<EntrypointInstruction>("ENTRYPOINT").command.exec_form);
  CHECK(refused("RUN []") == "RUN names no program");
}

TEST_CASE("RUN has its flags before its command") {
  const RunInstruction run = last<RunInstruction>(
      "RUN --network=none --security=sandbox --mount=type=tmpfs,target=/x make --jobs=2");
  CHECK(run.network == "none");
  CHECK(run.security == "sandbox");
  CHECK(run.mounts.size() == 1);
  CHECK(run.command.script == "make --jobs=2");
  CHECK(refused("RUN --network=bridge x") == "--network of RUN cannot be 'bridge'");
}

TEST_CASE("two dashes end the flags") {
  CHECK(script("RUN --network=none -- --foo") == "--foo");
  CHECK(texts(last<TransferInstruction>("COPY -- foo /tmp/").sources) == Texts{"foo"});
}

TEST_CASE("unknown flags are refused, with a suggestion") {
  CHECK(refused("COPY --chwon=a b c") == "unknown flag '--chwon' of COPY (did you mean 'chown'?)");
  CHECK(refused("MAINTAINER --boo me") == "unknown flag '--boo' of MAINTAINER, which has no flags");
  CHECK(refused("ADD --from=x a b") == "unknown flag '--from' of ADD");
  CHECK(refused("COPY --checksum=x a b") == "unknown flag '--checksum' of COPY");
}

TEST_CASE("a flag stands once and has its value") {
  CHECK(refused("COPY --chown=a --chown=b c d") == "COPY has the flag '--chown' twice");
  CHECK(refused("COPY --chown a b") == "the flag '--chown' of COPY needs a value");
  CHECK(refused("COPY --link=maybe a b") == "the flag '--link' of COPY is true or false, not 'maybe'");
  CHECK(refused("COPY --link= a b") == "the flag '--link' of COPY is true or false, not ''");
}

TEST_CASE("flags lose their quotes and escapes") {
  const TransferInstruction copy =
      last<TransferInstruction>("COPY --chown=\"a b\":c\\ d --exclude='*.o' x y");
  CHECK(copy.chown->text == "a b:c d");
  CHECK(texts(copy.exclude) == Texts{"*.o"});
}

TEST_CASE("COPY has its flags") {
  const TransferInstruction copy = last<TransferInstruction>(
      "COPY --from=build --chown=1:2 --chmod=u+x --link --parents=true --exclude=a --exclude=b x y /z/");
  CHECK_FALSE(copy.is_add);
  CHECK(copy.from->text == "build");
  CHECK(copy.chmod->text == "u+x");
  CHECK(copy.link);
  CHECK(copy.parents);
  CHECK(texts(copy.exclude) == Texts{"a", "b"});
  CHECK(texts(copy.sources) == Texts{"x", "y"});
  CHECK(copy.destination.text == "/z/");
  CHECK_FALSE(last<TransferInstruction>("COPY --link=false x y").link);
}

TEST_CASE("ADD has its flags") {
  const TransferInstruction add =
      last<TransferInstruction>("ADD --checksum=sha256:00 --keep-git-dir --unpack=FALSE https://a/b.tar /c");
  CHECK(add.is_add);
  CHECK(add.checksum->text == "sha256:00");
  CHECK(add.keep_git_directory);
  CHECK(add.unpack == false);
  CHECK_FALSE(last<TransferInstruction>("ADD a b").unpack);
}

TEST_CASE("COPY and ADD have JSON for names with spaces") {
  const TransferInstruction copy = last<TransferInstruction>("COPY --chown=a [\"b c\", \"d\", \"/e f/\"]");
  CHECK(texts(copy.sources) == Texts{"b c", "d"});
  CHECK(copy.destination.text == "/e f/");
}

TEST_CASE("COPY and ADD need a destination") {
  CHECK(refused("COPY a") == "COPY requires at least two arguments: a source and a destination");
  CHECK(refused("ADD [\"a\"]") == "ADD requires at least two arguments: a source and a destination");
}

TEST_CASE("USER, WORKDIR, STOPSIGNAL and MAINTAINER are the rest of their line") {
  CHECK(last<UserInstruction>("USER  a:b ").user.text == "a:b");
  CHECK(last<WorkdirInstruction>("WORKDIR /a b").path.text == "/a b");
  CHECK(last<StopSignalInstruction>("STOPSIGNAL SIGINT").signal.text == "SIGINT");
  CHECK(last<MaintainerInstruction>("MAINTAINER A <a@b>").author == "A <a@b>");
  CHECK(refused("USER") == "USER requires exactly one argument, a user");
  CHECK(refused("WORKDIR") == "WORKDIR requires exactly one argument, a directory");
}

TEST_CASE("EXPOSE and VOLUME are words, VOLUME also JSON") {
  CHECK(texts(last<ExposeInstruction>("EXPOSE 80/tcp  90-95/udp").ports) == Texts{"80/tcp", "90-95/udp"});
  CHECK(texts(last<VolumeInstruction>("VOLUME /a /b").paths) == Texts{"/a", "/b"});
  CHECK(texts(last<VolumeInstruction>("VOLUME [\"/a b\"]").paths) == Texts{"/a b"});
  CHECK(refused("VOLUME []") == "VOLUME requires at least one argument");
  CHECK(refused("VOLUME [\" \"]") == "the path of a VOLUME is empty");
  CHECK(refused("EXPOSE") == "EXPOSE requires at least one argument");
}

TEST_CASE("SHELL is JSON") {
  CHECK(last<ShellInstruction>("SHELL [\"/bin/bash\", \"-c\"]").shell == Texts{"/bin/bash", "-c"});
  CHECK(refused("SHELL bash -c") == "SHELL requires its arguments as a JSON array of strings");
  CHECK(refused("SHELL []") == "SHELL requires at least one argument");
}

TEST_CASE("HEALTHCHECK is NONE, or CMD with options") {
  CHECK(last<HealthcheckInstruction>("HEALTHCHECK none").none);
  const HealthcheckInstruction check = last<HealthcheckInstruction>(
      "HEALTHCHECK --interval=5s --timeout=3s --start-period=1m --start-interval=1s --retries=3 \\\n  CMD a "
      "--b");
  CHECK_FALSE(check.none);
  CHECK(check.command.script == "a --b");
  CHECK(check.interval->text == "5s");
  CHECK(check.retries->text == "3");
  CHECK(last<HealthcheckInstruction>("HEALTHCHECK cmd [\"a\"]").command.arguments == Texts{"a"});
}

TEST_CASE("HEALTHCHECK refuses what it is not") {
  CHECK(refused("HEALTHCHECK") == "HEALTHCHECK requires at least one argument");
  CHECK(refused("HEALTHCHECK NONE x") == "HEALTHCHECK NONE takes no arguments");
  CHECK(refused("HEALTHCHECK CMD") == "no command after HEALTHCHECK CMD");
  CHECK(refused("HEALTHCHECK CMD []") == "no command after HEALTHCHECK CMD");
  CHECK(refused("HEALTHCHECK curl x") == "HEALTHCHECK is CMD or NONE, not 'curl'");
  CHECK(refused("HEALTHCHECK --retires=3 CMD a") ==
        "unknown flag '--retires' of HEALTHCHECK (did you mean 'retries'?)");
}

TEST_CASE("ONBUILD keeps its instruction as it was written") {
  CHECK(last<OnBuildInstruction>("onbuild  COPY  . /src").trigger == "COPY  . /src");
  CHECK(last<OnBuildInstruction>("ONBUILD RUN a \\\n  b").trigger == "RUN a   b");
}

TEST_CASE("ONBUILD refuses ONBUILD, FROM and MAINTAINER") {
  CHECK(refused("ONBUILD") == "ONBUILD requires an instruction");
  CHECK(refused("ONBUILD ONBUILD RUN a") == "ONBUILD cannot stand within ONBUILD");
  CHECK(refused("ONBUILD from a") == "FROM cannot stand within ONBUILD");
  CHECK(refused("ONBUILD MAINTAINER a") == "MAINTAINER cannot stand within ONBUILD");
  CHECK(refused("ONBUILD ENV a") == "ENV requires a name and a value");
}
