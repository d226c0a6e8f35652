#!/usr/bin/python3
"""Tests of lint.py itself: every check finds what it is for in a small tree made for it, and nothing in a clean one."""

import pathlib
import tempfile
import unittest

import lint

TABLE = """
| folder | what it is | may include |
|---|---|---|
| base/ | x | - |
| fs/ | x | base |
| oci/ | x | base |
| recipes/ | x | oci (values), base |
| run/ | x | fs, oci (runtime config), base |
| build/ | x | recipes, run, fs, oci, base |
| cli/ | x | all |
| tests/ | x | all |
"""


class LintTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.directory.name)
        self.write("docs/ARCHITECTURE.md", TABLE)

    def tearDown(self):
        self.directory.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def findings(self, check):
        return list(lint.CHECKS[check](self.root))

    def test_includes(self):
        self.write("fs/a.cpp", '#include "base/fd.hpp"\n#include "fs/a.hpp"\n')
        self.assertEqual(self.findings("includes"), [])
        self.write("fs/b.cpp", '#include "base/fd.hpp"\n#include "oci/digest.hpp"\n')
        self.assertEqual(len(self.findings("includes")), 1)
        self.assertIn("fs/b.cpp:2", self.findings("includes")[0])

    def test_tests_may_not_be_included(self):
        self.write("base/a.cpp", '#include "tests/support/catch.hpp"\n')
        self.assertEqual(len(self.findings("includes")), 1)

    def test_libraries(self):
        for name in ("base/a.cpp", "base/b.cpp"):
            self.write(name, "#include <zlib.h>\n")
        self.write("base/c.hpp", "#include <fmt/core.h>\n#include <nlohmann/json_fwd.hpp>\n")
        self.assertEqual(self.findings("libraries"), [])
        self.write("fs/c.cpp", "#include <zlib.h>\n")
        self.write("fs/d.hpp", "#include <nlohmann/json.hpp>\n")
        self.assertEqual(len(self.findings("libraries")), 2)

    def test_banned(self):
        self.write("base/a.cpp", 'auto a = ::open("x", 0);  // system(3) is banned\nauto b = "getenv(x)";\n')
        self.write("cli/a.cpp", 'std::cout << getenv("HOME");\n')
        self.write("fs/a.cpp", "file_system(1); thing.open(2); snprintf(b, 1, c);\n")
        self.assertEqual(self.findings("banned"), [])
        self.write("fs/a.cpp", 'std::filesystem::remove_all(p);\nsystem("x");\npopen("x", "r");\n'
                               'printf("x");\nchdir("x");\nstd::getenv("X");\n::open("x", 0);\n// FIX' 'ME later\n')
        found = self.findings("banned")
        self.assertEqual([int(line.split(":")[1]) for line in found], list(range(1, 9)))

    def test_tries(self):
        self.write("base/a.cpp", "Result<> f(int a, int b) {\n  TRY(g(a, TRY(b)));\n"
                                 "  T t{.a = TRY(x), .b = y};\n  T u = h({1, 2}, TRY(b));\n"
                                 "  T v{a, [&]() -> Result<> { return TRY(x); }};\n"
                                 "  for (int i : {1, 2}) {\n    if (i, b) TRY(c);\n  }\n}\n")
        self.assertEqual(self.findings("tries"), [])
        self.write("base/a.cpp", "Result<> f() {\n  T t{.a = y,\n      .b = TRY(x)};\n  T u{y, {TRY_WHILE(x, \"\")}};\n"
                                 "  T v = h({{y, z(a, TRY(x))}});\n  T w{y, [] { g(); }, TRY(x)};\n}\n")
        found = self.findings("tries")
        self.assertEqual([int(line.split(":")[1]) for line in found], [3, 4, 5, 6])

    def test_test_names(self):
        self.write("tests/unit/fs/a_test.cpp", 'TEST_CASE("it holds, and holds") {\n}\n')
        self.assertEqual(self.findings("test_names"), [])
        self.write("tests/unit/fs/b_test.cpp", 'TEST_CASE("it holds; it ends") {\n}\nTEST_CASE(\n    "--all is read") {\n}\n')
        self.assertEqual(len(self.findings("test_names")), 2)
        self.assertIn("tests/unit/fs/b_test.cpp:1", self.findings("test_names")[0])

    def test_attacks(self):
        self.write("tests/functional/a_test.cpp", 'TEST_CASE("attack: one") {\n}\nTEST_CASE("two "\n          "words") {\n}\n')
        self.assertEqual(self.findings("attacks"), [])
        table = "| class | tests | what |\n|---|---|---|\n| `x` | `attack: one`, `two words` | y |\n"
        self.write("docs/SECURITY.md", table)
        self.assertEqual(self.findings("attacks"), [])
        self.write("docs/SECURITY.md", table + "| z | `three` | y |\n| z | | y |\n\n`not in a table`\n")
        self.write("tests/functional/b_test.cpp", 'TEST_CASE("attack: four") {\n}\n')
        found = self.findings("attacks")
        self.assertEqual(len(found), 3)
        self.assertIn("docs/SECURITY.md:4: there is no test 'three'", found)

    def test_fuzzers(self):
        self.write("tests/fuzz/CMakeLists.txt", "# x\nset(fuzzers a\n  b)\n")
        for name in ("a", "b"):
            self.write(f"tests/fuzz/{name}_fuzzer.cpp", "x;\n")
            self.write(f"tests/fuzz/corpus/{name}/seed", "x\n")
        self.assertEqual(self.findings("fuzzers"), [])
        self.write("tests/fuzz/c_fuzzer.cpp", "x;\n")
        self.write("tests/fuzz/corpus/d/seed", "x\n")
        self.assertEqual(len(self.findings("fuzzers")), 2)

    def test_types(self):
        self.write("base/a.hpp", "namespace ecrin {\nstruct A {\n};\nclass B;\n}  // namespace ecrin\n")
        self.write("fs/a.hpp", "namespace ecrin::fs {\nstruct A {\n};\n}  // namespace ecrin::fs\n")
        self.write("base/b.cpp", "namespace ecrin {\nnamespace {\n\nstruct A {\n};\n\n}  // namespace\n")
        self.assertEqual(self.findings("types"), [])
        self.write("base/c.hpp", "namespace ecrin {\n\nenum class A : char {\n};\n}  // namespace ecrin\n")
        self.write("base/d.cpp", "namespace ecrin {\nnamespace {\n}  // namespace\nclass A final {\n};\n")
        found = self.findings("types")
        self.assertEqual([line.split(" ")[0] for line in found], ["base/c.hpp:3:", "base/d.cpp:4:"])

    def test_length(self):
        self.write("base/a.cpp", "x;\n" * 600)
        self.write("base/b.cpp", "// Long because: one table.\n" + "x;\n" * 700)
        self.assertEqual(self.findings("length"), [])
        self.write("base/a.cpp", "x;\n" * 601)
        self.assertEqual(len(self.findings("length")), 1)

    def test_blanks(self):
        self.write("base/a.cpp", "x;\n")
        self.assertEqual(self.findings("blanks"), [])
        self.write("base/a.cpp", "x; \n\ty;\nz;")
        self.assertEqual(len(self.findings("blanks")), 3)

    def test_man_pages(self):
        self.write("cli/a.hpp", "const Verb& build_verb();\nconst Verb& run_verb();\nconst Verb& help_verb();\n")
        self.write("docs/man/ecrin-build.1", "x\n")
        self.write("docs/man/ecrin-run.1", "x\n")
        self.write("docs/man/ecrin.1", "x\n")
        self.assertEqual(self.findings("man_pages"), [])
        (self.root / "docs/man/ecrin-run.1").rename(self.root / "docs/man/ecrin-ran.1")
        self.assertEqual(len(self.findings("man_pages")), 2)


if __name__ == "__main__":
    unittest.main()
