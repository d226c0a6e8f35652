// The rules as data: what each asks for, why, and what to do.
#include "recipes/lint.hpp"

namespace ecrin::recipes {
namespace {

constexpr LintRule k_rules[] = {
    {"ConsistentInstructionCasing", "instructions are written in one case throughout the file",
     "a file with 'RUN' here and 'run' there is harder to read and to search",
     "write all instructions in capital letters"},
    {"CopyIgnoredFile", "what is copied is not left out by the ignore file",
     "the ignore file keeps the source out of the context, so the step fails or copies less than it says",
     "copy something else, or change the ignore file"},
    {"DuplicateStageName", "each stage has a name of its own",
     "a later stage takes the name over, and --from and --target mean that one", "rename one of the stages"},
    {"ExposeInvalidFormat", "EXPOSE names ports of the container only",
     "an image cannot say which address or port of the host is used: it is ignored, and will be refused",
     "write the container's port, and publish it when the container is run"},
    {"ExposeProtoCasing", "protocols in EXPOSE are written in small letters",
     "'80/TCP' and '80/tcp' are the same port, written in two ways", "write tcp, udp or sctp"},
    {"FromAsCasing", "'AS' is written in the same case as 'FROM'",
     "one instruction in two cases is harder to read", "write FROM ... AS, or from ... as"},
    {"FromPlatformFlagConstDisallowed", "the platform in FROM is not a constant",
     "the stage would be of this platform whatever platform the image is built for",
     "leave --platform out, use $BUILDPLATFORM or $TARGETPLATFORM, or name the stage for its platform"},
    {"InvalidDefaultArgInFrom", "FROM names an image also without build arguments",
     "a build that is not given the argument has no image to begin with", "give the ARG a default value"},
    {"InvalidDefinitionDescription", "the comment right above an ARG or a stage describes it by its name",
     "tools show such comments as descriptions of the argument or stage",
     "write '# NAME description', or put an empty comment line between the comment and the instruction",
     true},
    {"JSONArgsRecommended", "CMD and ENTRYPOINT are JSON arrays",
     "a shell between would get the signals that are meant for the program, which then does not stop",
     R"(write ["program", "argument"]; say with SHELL which shell it is when one is wanted)"},
    {"LegacyKeyValueFormat", "ENV and LABEL are written with '='",
     "in the old form the rest of the line is the value, which is easy to misread, and it is deprecated",
     "write NAME=VALUE, with quotes around values with spaces"},
    {"MaintainerDeprecated", "MAINTAINER is not used", "the instruction is deprecated; a label says the same",
     "write LABEL org.opencontainers.image.authors=\"...\""},
    {"MultipleInstructionsDisallowed", "CMD, ENTRYPOINT and HEALTHCHECK stand once in a stage",
     "only the last one counts, so this one does nothing", "remove it"},
    {"NoEmptyContinuation", "there are no empty lines amid continuation lines",
     "it is hard to see where such an instruction ends, and docker will refuse it one day",
     "remove the line, or make it a comment line (#)"},
    {"RedundantTargetPlatform", "FROM does not ask for the platform that it has anyway",
     "$TARGETPLATFORM is the default", "leave --platform out"},
    {"ReservedStageName", "stages are not named 'scratch' or 'context'",
     "these names mean something else to the builder", "rename the stage"},
    {"SecretsUsedInArgOrEnv", "secrets are not in arguments or the environment",
     "their values stay in the image, its history and the build's cache for everybody to read",
     "pass the secret with --secret and use RUN --mount=type=secret"},
    {"StageNameCasing", "names of stages are written in small letters",
     "names are compared without case, so two that look different may be the same",
     "write it in small letters"},
    {"UndefinedArgInFrom", "arguments in FROM are declared before",
     "a variable that is not declared before the first FROM is empty there",
     "write ARG NAME before the first FROM"},
    {"UndefinedVar", "variables are defined before they are used",
     "a variable that is not defined is empty, and what is built is not what was meant",
     "define it with ARG or ENV in this stage, before it is used; one that the base image is known to set "
     "may "
     "stay"},
    {"WorkdirRelativePath", "the first WORKDIR of a stage is absolute",
     "a relative one depends on the work directory of the base image, which may change",
     "write the whole path"},
};

}  // namespace

std::span<const LintRule> lint_rules() {
  return k_rules;
}

}  // namespace ecrin::recipes
