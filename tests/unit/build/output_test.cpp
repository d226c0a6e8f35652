#include "build/output.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::build;
using Type = OutputSpec::Type;

TEST_CASE("outputs as docker writes them") {
  CHECK(parse_output("-")->type == Type::tar);
  CHECK(parse_output("out/dir")->type == Type::local);
  CHECK(parse_output("out/dir")->destination == "out/dir");
  CHECK(parse_output("type=oci,dest=x.tar")->type == Type::oci_archive);
  CHECK(parse_output("type=oci,dest=x/")->type == Type::oci_directory);
  CHECK(parse_output("type=oci,tar=false,dest=x")->type == Type::oci_directory);
  CHECK(parse_output("type=docker")->destination == "-");
  CHECK(parse_output("dest=a=b,type=tar")->destination == "a=b");
  CHECK(parse_output("type=store")->type == Type::store);
}

TEST_CASE("outputs that cannot be") {
  for (const char* text :
       {"", "type=local", "type=oci-dir,dest=-", "dest=x", "type=tar,what=1", "type=tar,x"}) {
    INFO(text);
    CHECK_FALSE(parse_output(text));
  }
  CHECK(parse_output("type=docket,dest=x").error().hint_text().find("docker") != std::string::npos);
}
