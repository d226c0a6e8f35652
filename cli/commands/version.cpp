// verb: version
#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/table.hpp"
#include "oci/platform.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session&, const Arguments& arguments) {
  struct utsname host {};
  ::uname(&host);
  const Json facts = {{"Version", program_version()}, {"Platform", oci::Platform::host().to_string()},
                      {"Kernel", host.release},       {"Compiler", "g++ " __VERSION__},
                      {"ImageSpec", "1.1.0"},         {"RuntimeSpec", "1.2.0"}};
  if (const auto format = arguments.find("format")) {
    if (*format == "json") {
      print(dump_json_pretty(facts));
    } else {
      print_line(TRY(render_template(*format, facts)));
    }
    return 0;
  }
  print(format_table({},
                     {{"Version:", facts["Version"]},
                      {"Platform:", facts["Platform"]},
                      {"Kernel:", facts["Kernel"]},
                      {"Compiler:", facts["Compiler"]},
                      {"Specifications:", "OCI image 1.1.0, OCI runtime 1.2.0"}},
                     Heading::hidden));
  return 0;
}

}  // namespace

const Verb& version_verb() {
  static const Verb verb{
      .name = "version",
      .operands = "",
      .summary = "Show the version and what it was built for",
      .flags = {{.name = "format", .letter = 'f', .value = "FORMAT", .help = "json, or a template"}},
      .most_operands = 0,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
