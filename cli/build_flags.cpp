#include "cli/build_flags.hpp"

#include "cli/cache_options.hpp"
#include "cli/recipe_outline.hpp"
#include "cli/registry_options.hpp"
#include "cli/resource_flags.hpp"
#include "cli/run_settings.hpp"

namespace ecrin::cli {
namespace {

/// Of the image and of its steps.
std::vector<Flag> own_flags() {
  return {
      {.name = "allow-secret-in-layer",
       .value = "",
       .help = "take layers and settings that hold the bytes of a mounted secret"},
      {.name = "annotation",
       .value = "NAME=VALUE",
       .help = "an annotation of the image's manifest",
       .occurs = Occurs::often},
      {.name = "build-arg",
       .value = "NAME=VALUE",
       .help = "set a declared argument; NAME alone takes it from the environment",
       .occurs = Occurs::often},
      {.name = "build-arg-file",
       .value = "FILE",
       .help = "build arguments from a file, one a line",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "build-context",
       .value = "NAME=VALUE",
       .help = "what stands in for the image or stage NAME: a directory, docker-image://NAME, "
               "oci-layout://DIRECTORY, a git URL, an archive",
       .occurs = Occurs::often},
      {.name = "cache",
       .value = "HOW",
       .help = "where results come from: exact (default: steps with equal inputs), traced (also run steps "
               "that used "
               "nothing that is different now) or off",
       .completion = Completion::word,
       .words = {"exact", "traced", "off"}},
      {.name = "call",
       .value = "METHOD",
       .help = "build nothing, only say what the recipe has: outline, targets, or check (lint)",
       .completion = Completion::word,
       .words = call_words()},
      {.name = "check",
       .value = "",
       .help = "build nothing, only say what is not good in the recipe (with --target: in what that needs); "
               "exit code 1 when something is"},
      {.name = "env",
       .value = "NAME=VALUE",
       .help = "a variable of the image; NAME alone takes it from the environment",
       .occurs = Occurs::often},
      {.name = "explain",
       .value = "",
       .help = "say for each step why it ran and was not taken from the cache"},
      {.name = "file",
       .letter = 'f',
       .value = "FILE",
       .help = "the recipe (Containerfile or YAML); '-' reads standard input",
       .completion = Completion::file},
      {.name = "format",
       .value = "FORMAT",
       .help =
           "of --check: json, or a template like '{{.line}} {{.ruleName}}'; of a build: accepted with oci"},
      {.name = "iidfile",
       .value = "FILE",
       .help = "write the image's ID to a file; of several platforms, the digest of their index",
       .completion = Completion::file},
      {.name = "ignorefile",
       .value = "FILE",
       .help = "patterns of what is not part of the context, in place of its own",
       .completion = Completion::file},
      {.name = "jobs", .value = "N", .help = "steps at the same time; default: the number of processors"},
      {.name = "label", .value = "NAME=VALUE", .help = "a label of the image", .occurs = Occurs::often},
      {.name = "logfile",
       .value = "FILE",
       .help = "write progress to a file instead of standard error",
       .completion = Completion::file},
      {.name = "metadata-file",
       .value = "FILE",
       .help = "write digests and names of the image to a file, as JSON",
       .completion = Completion::file},
      {.name = "manifest",
       .value = "NAME",
       .help = "add what is built to the index of this name, which is made if there is none",
       .completion = Completion::image},
      {.name = "network",
       .value = "MODE",
       .help = "of run steps that do not say: private (default), host or none",
       .completion = Completion::word,
       .words = {"private", "host", "none", "default", "bridge", "pasta", "slirp4netns"}},
      {.name = "no-cache", .value = "", .help = "run all steps"},
      {.name = "no-cache-filter",
       .value = "STAGE[,STAGE...]",
       .help = "run all steps of these stages",
       .occurs = Occurs::often},
      {.name = "on-failure",
       .value = "WHAT",
       .help =
           "of a step that fails: keep it for 'ecrin debug' (default), open a shell in it, or run a command "
           "in it"},
      {.name = "output",
       .letter = 'o',
       .value = "SPEC",
       .help = "also write the image: type=oci|oci-dir|oci-archive|docker-archive|tar|local,dest=PATH",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "platform",
       .value = "OS/ARCH[,OS/ARCH...]",
       .help = "build for this platform, or an index of images for these; default: this machine's",
       .occurs = Occurs::often},
      {.name = "progress",
       .value = "KIND",
       .help = "auto (default), tty, plain, json or quiet",
       .completion = Completion::word,
       .words = {"auto", "tty", "plain", "json", "quiet"}},
      {.name = "pull",
       .value = "WHEN",
       .help = "images that the recipe names: missing (default), always, newer or never",
       .completion = Completion::word,
       .words = {"missing", "always", "newer", "never", "true", "false"},
       .alone = "always"},
      {.name = "quiet", .letter = 'q', .value = "", .help = "print the ID and errors only"},
      {.name = "secret",
       .value = "SPEC",
       .help = "id=NAME,src=FILE or id=NAME,env=VARIABLE, for steps that ask for it",
       .occurs = Occurs::often},
      {.name = "squash", .value = "", .help = "make one layer of all that the build adds to the base"},
      {.name = "squash-all", .value = "", .help = "make one layer of all layers, those of the base too"},
      {.name = "ssh",
       .value = "SPEC",
       .help = "default, ID=SOCKET or ID=KEY[,KEY...]: an ssh-agent for steps that ask for it",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "tag",
       .letter = 't',
       .value = "NAME",
       .help = "name the image; default: the recipe's name",
       .occurs = Occurs::often},
      {.name = "target", .value = "STAGE", .help = "build this stage; default: the last"},
      {.name = "timestamp",
       .value = "SECONDS",
       .help = "times in the image: seconds since 1970, or 'now' for the real ones"},
      {.name = "until",
       .value = "STEP",
       .help = "stop at a step and make its image: a step's number, :LINE, STAGE or STAGE:NUMBER"},
      {.name = "unsetenv",
       .value = "NAME",
       .help = "take a variable out of the image",
       .occurs = Occurs::often},
      {.name = "what-if",
       .value = "PATH",
       .help = "build nothing, only list the steps that would run again if this file of the context changed",
       .occurs = Occurs::often,
       .completion = Completion::file},
  };
}

// That scripts pass to other tools, and that say here what is so in any case.
std::vector<Flag> foreign_flags() {
  return {
      {.name = "compress", .value = "", .help = "accepted: the store keeps layers as they are"},
      {.name = "force-rm", .value = "", .help = "accepted: containers of steps are always removed"},
      {.name = "layers", .value = "", .help = "accepted: every step is cached"},
      {.name = "load", .value = "", .help = "accepted: the image is in the store"},
      {.name = "provenance", .value = "BOOL", .help = "accepted with false"},
      {.name = "rm", .value = "", .help = "accepted: containers of steps are always removed"},
      {.name = "sbom", .value = "BOOL", .help = "accepted with false"},
  };
}

}  // namespace

std::vector<Flag> build_flags() {
  std::vector<Flag> all = with_flags(own_flags(), run_settings_flags());
  all = with_flags(std::move(all), resource_flags());
  all = with_flags(std::move(all), foreign_flags());
  all = with_flags(std::move(all), cache_flags());
  return with_flags(std::move(all), registry_flags());
}

}  // namespace ecrin::cli
