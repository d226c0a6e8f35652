// verb: recipe convert
#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "build/pull.hpp"
#include "cli/build_request.hpp"
#include "cli/commands/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/recipe_file.hpp"
#include "cli/registries.hpp"
#include "cli/registry_options.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "recipes/convert.hpp"

namespace ecrin::cli {
namespace {

Result<RecipeText> read_text(const std::string& file) {
  if (file == "-") return read_recipe({.name = "-", .path = {}, .context_directory = {}, .also_there = {}});
  return read_recipe(TRY(find_recipe("", file)));
}

Outcome run(Session& session, const Arguments& arguments) {
  const RecipeText source = TRY(read_text(arguments.operands().front()));
  recipes::ConvertOptions options;
  options.file = source.file;
  options.args = TRY(parse_build_args(arguments.values("build-arg"), session.environment()));
  if (const auto platform = arguments.find("platform"))
    options.platform = TRY(oci::Platform::parse(*platform));
  const build::PullPolicy policy = TRY(pull_policy(arguments, "pull"));
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::ImageObtainer obtain;
  // Only a Containerfile that begins with an image needs the store: that image's settings.
  options.base_config = [&](const std::string& reference,
                            const oci::Platform& platform) -> Result<oci::ImageConfig> {
    build::Workshop* workshop = TRY(session.workshop());
    if (!obtain) obtain = image_obtainer(session, *workshop, *registries, policy, ProgressKind::automatic);
    const oci::ImageRecord record = TRY(obtain(reference, platform, interrupts.token()));
    return TRY(workshop->images().load(record.manifest)).config;
  };
  const bool is_yaml = source.language == RecipeLanguage::yaml;
  const recipes::Converted converted = is_yaml ? TRY(recipes::yaml_to_containerfile(source.text, options))
                                               : TRY(recipes::containerfile_to_yaml(source.text, options));
  for (const std::string& note : converted.notes) session.console().print("note: " + note);
  const std::string output = arguments.value("output", "-");
  if (output == "-") {
    print(converted.text);
    return 0;
  }
  TRY(write_file_atomically(output, converted.text));
  return 0;
}

std::vector<Flag> flags() {
  return {
      {.name = "build-arg",
       .value = "NAME=VALUE",
       .help = "a value for an argument, where the recipe has no default",
       .occurs = Occurs::often},
      {.name = "output",
       .letter = 'o',
       .value = "FILE",
       .help = "write the recipe to this file; default: standard output",
       .completion = Completion::file},
      {.name = "platform", .value = "OS/ARCH", .help = "read it for this platform; default: this machine's"},
      {.name = "pull",
       .value = "WHEN",
       .help = "images that a Containerfile begins with: missing (default), always, newer or never",
       .completion = Completion::word,
       .words = {"missing", "always", "newer", "never", "true", "false"},
       .alone = "always"},
  };
}

}  // namespace

const Verb& recipe_convert_verb() {
  static const Verb verb{
      .name = "recipe convert",
      .operands = "FILE",
      .summary = "Turn a Containerfile into a YAML recipe, or back",
      .details =
          "What comes out makes the same image: it is read again and compared with what went in. Arguments "
          "stay "
          "arguments where the other language can say the same. What it cannot say is an error. FILE may be "
          "'-' "
          "for standard input.",
      .flags = with_flags(flags(), registry_flags()),
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::file,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
