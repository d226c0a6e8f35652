// verb: run
#include "cli/commands/commands.hpp"
#include "cli/network_flags.hpp"
#include "cli/registries.hpp"
#include "cli/resource_flags.hpp"
#include "cli/run_container.hpp"
#include "cli/user_mapping.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  if (arguments.has("into")) return run_into(session, arguments);
  for (const char* flag : {"no-cache", "secret"}) {
    if (arguments.has(flag))
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("--{} is for steps of a build (--into)", flag)));
  }
  const ContainerRequest request = TRY(container_request(arguments, session.environment()));
  return arguments.on("detach") ? run_in_background(session, request, arguments)
                                : run_in_foreground(session, request, arguments);
}

std::vector<Flag> flags() {
  return {
      {.name = "cap-add",
       .value = "CAPABILITY",
       .help = "give a capability, or ALL",
       .occurs = Occurs::often},
      {.name = "cap-drop",
       .value = "CAPABILITY",
       .help = "take a capability away, or ALL",
       .occurs = Occurs::often},
      {.name = "arch", .value = "ARCH", .help = "the image's processor; default: this machine's"},
      {.name = "cdi-spec-dir",
       .value = "DIR",
       .help = "where vendors' devices are described (default /etc/cdi and /var/run/cdi)",
       .occurs = Occurs::often,
       .completion = Completion::directory},
      {.name = "detach",
       .letter = 'd',
       .value = "",
       .help = "leave the container running in the background, and print its ID"},
      {.name = "detach-keys",
       .value = "KEYS",
       .help = "what to type to leave it running (default ctrl-p,ctrl-q)"},
      {.name = "device",
       .value = "HOST[:PATH]|KIND=NAME",
       .help = "a device of the host, a directory of them, or a vendor's (CDI): vendor.com/class=name",
       .occurs = Occurs::often},
      {.name = "entrypoint",
       .value = "COMMAND",
       .help = "instead of the image's: one word or a JSON list; '' for none"},
      {.name = "hostname", .letter = 'h', .value = "NAME", .help = "the container's host name"},
      {.name = "image-volume",
       .value = "KIND",
       .help = "volumes that the image declares: anonymous (default), tmpfs or ignore",
       .completion = Completion::word,
       .words = {"anonymous", "tmpfs", "ignore"}},
      {.name = "init",
       .value = "",
       .help = "a small process 1 reaps processes and passes signals on (default true)"},
      {.name = "interactive", .letter = 'i', .value = "", .help = "give the program standard input"},
      {.name = "into",
       .value = "CONTAINER",
       .help = "run a step of a build in a working container ('ecrin from')"},
      {.name = "mount",
       .value = "SPEC",
       .help = "type=bind|volume|tmpfs|image,source=...,destination=...[,readonly]",
       .occurs = Occurs::often},
      {.name = "name", .value = "NAME", .help = "a name that no other container has"},
      {.name = "no-cache", .value = "", .help = "with --into: run the step even if its result is there"},
      {.name = "os", .value = "OS", .help = "the image's operating system; default: linux"},
      {.name = "passwd",
       .value = "",
       .help = "a user's number that the image has no name for gets an entry (default true)"},
      {.name = "platform", .value = "OS/ARCH", .help = "the image's platform; default: this machine's"},
      {.name = "read-only", .value = "", .help = "the root file system cannot be written to"},
      {.name = "read-only-tmpfs",
       .value = "",
       .help = "with --read-only: /run, /tmp and /var/tmp can be written to (default true)"},
      {.name = "replace", .value = "", .help = "remove the container that has the name before"},
      {.name = "rm", .value = "", .help = "remove the container at its end"},
      {.name = "rootfs", .value = "", .help = "the first operand is a directory to run in, not an image"},
      {.name = "secret",
       .value = "SPEC",
       .help = "with --into: id=NAME,src=FILE or id=NAME,env=VARIABLE",
       .occurs = Occurs::often},
      {.name = "security-opt",
       .value = "OPTION",
       .help = "seccomp=FILE|unconfined, no-new-privileges=false, mask=PATH, unmask=PATH|ALL",
       .occurs = Occurs::often},
      {.name = "shm-size", .value = "SIZE", .help = "of /dev/shm (default 64m)"},
      {.name = "sig-proxy", .value = "", .help = "pass signals on to the program (default true)"},
      systemd_flag(),
      {.name = "tmpfs",
       .value = "PATH[:OPTIONS]",
       .help = "an empty file system in memory",
       .occurs = Occurs::often},
      {.name = "trace", .value = "", .help = "record what is used of the image, for 'ecrin image unused'"},
      {.name = "tty", .letter = 't', .value = "", .help = "give the program a terminal"},
      {.name = "ulimit",
       .value = "NAME=SOFT[:HARD]",
       .help = "a resource limit of its processes, like nofile=1024",
       .occurs = Occurs::often},
      {.name = "user",
       .letter = 'u',
       .value = "USER[:GROUP]",
       .help = "who runs the program: names or numbers"},
      user_mapping_flag(),
      {.name = "variant", .value = "VARIANT", .help = "the variant of the image's processor"},
      {.name = "volume",
       .letter = 'v',
       .value = "SOURCE:PATH[:OPTIONS]",
       .help = "mount a host path (with '/' or '.' in front) or a named volume",
       .occurs = Occurs::often,
       .completion = Completion::directory},
      {.name = "volumes-from",
       .value = "CONTAINER[:ro]",
       .help = "the volumes and bind mounts of another container",
       .occurs = Occurs::often},
      {.name = "workdir", .letter = 'w', .value = "PATH", .help = "the program's working directory"},
  };
}

std::vector<Flag> all_flags() {
  std::vector<Flag> all = flags();
  for (const auto& more : {variable_flags(), surroundings_flags(), life_flags(), network_flags(),
                           resource_flags(), pull_flags(), registry_flags()})
    all = with_flags(std::move(all), more);
  return all;
}

}  // namespace

const Verb& run_verb() {
  static const Verb verb{
      .name = "run",
      .operands = "IMAGE[@STEP] [COMMAND [ARG...]]",
      .summary = "Run a program in a container made from an image",
      .details =
          "In the foreground, unless --detach is given; the exit code is the program's, 128+N after signal "
          "N, "
          "126 or 127 when it cannot be executed or found, 125 when ecrin fails. The container stays when "
          "its "
          "program ended, for 'ecrin start', 'logs' and 'commit', until 'ecrin rm' or with --rm. Flags end "
          "at "
          "IMAGE.\n\n"
          "With --into CONTAINER there is no IMAGE: the command is a step of a build in that working "
          "container, as RUN "
          "in a recipe, and comes from the cache when it ran before on the same tree.",
      .flags = all_flags(),
      .least_operands = 1,
      .order = Order::flags_first,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
