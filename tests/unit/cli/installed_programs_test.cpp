#include "cli/installed_programs.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("names of programs") {
  for (const char* right : {"jq", "g++", "python3.11", "a_b-c"}) CHECK(is_program_name(right));
  for (const char* wrong : {"", ".x", "-x", "a/b", "a b", "..", "a\nb"}) CHECK_FALSE(is_program_name(wrong));
}

TEST_CASE("a script runs its words as they are, and says what it is") {
  const InstalledProgram program{.path = "/b/jq", .name = "jq", .image = "tools\nrm -rf /", .created = 0};
  const std::string script = program_script(program, {"/usr/bin/ecrin", "enter", "it's", "$HOME"});
  CHECK(script.starts_with("#!/bin/sh\n# A program that 'ecrin install' put here (image tools"));
  CHECK(script.ends_with("\"$@\"\n"));
  CHECK(script.find("\nrm") == std::string::npos);
  CHECK(script.find("'$HOME'") != std::string::npos);
}
