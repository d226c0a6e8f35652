#!/usr/bin/python3
"""Checks of the source tree that a compiler does not make. Each check is one function and one ctest.

usage: lint.py CHECK [--root DIR]
"""

import argparse
import pathlib
import re
import subprocess
import sys

MODULES = ["base", "fs", "oci", "recipes", "run", "build", "cli"]

# Third-party headers: first part of the include path (or the whole name) -> the library.
LIBRARIES = {
    "archive.h": "libarchive",
    "archive_entry.h": "libarchive",
    "CLI": "CLI11",
    "curl": "libcurl",
    "fmt": "fmt",
    "fuse3": "fuse3",
    "igzip_lib.h": "ISA-L",
    "isa-l": "ISA-L",
    "isa-l.h": "ISA-L",
    "nlohmann": "nlohmann-json",
    "openssl": "OpenSSL",
    "seccomp.h": "libseccomp",
    "sqlite3.h": "SQLite",
    "systemd": "libsystemd",
    "toml++": "toml++",
    "yaml-cpp": "yaml-cpp",
    "zlib.h": "zlib",
    "zstd.h": "zstd",
}
# Used as vocabulary all over: may stand in headers and in any number of files.
EVERYWHERE = {"fmt", "nlohmann-json"}
HEADER_MAY_INCLUDE = re.compile(r"^(fmt/|nlohmann/json_fwd\.hpp$)")

# (what is banned, where it is allowed, why)
BANS = [
    (r"std::filesystem::remove_all|\bfs::remove_all", [],
     "removes by path and follows what a race puts there: use fs::remove_tree"),
    (r"(?<![\w.>])(std::|::)?system\s*\(", [],
     "starts a shell: use Child::spawn"),
    (r"(?<![\w.>])popen\s*\(", [],
     "starts a shell: use run_command"),
    (r"std::cout|std::cerr|(?<![\w:])(std::)?f?printf\s*\(", ["cli/", "run/stage", "run/seccomp/seccomp_generate.cpp"],
     "only cli/ prints: return a value or an Error"),
    (r"(?<![\w.>])(::)?f?chdir\s*\(", ["base/child.cpp", "run/network/keeper_process.cpp", "run/stage"],
     "the working directory belongs to the whole process: use descriptors"),
    (r"(?<![\w.>])(std::|::)?(secure_)?getenv\s*\(", ["cli/"],
     "only cli/ reads the environment: take a parameter"),
    (r"(?<![\w>])::open(at)?\s*\(", ["base/", "run/stage"],
     "raw descriptors stay in base/: use posix::open or posix::open_at"),
    (r"\b(\w+) = std::move\(\1\)\.(hint|context)\(", [],
     "moves an error onto itself, which empties it: return it, or make a new one"),
    (r"\b(TODO|FIXME|XXX)\b", [],
     "unfinished work is described in an issue, not in the source"),
]

MAXIMUM_LINES = 600

# Not code of ours: what recipes/examples build, and test data that is wrong on purpose or fixed byte for byte.
NOT_OURS = {"examples", "bad", "corpus", "golden"}


def modules_text(root):
    return (root / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")


def sources(root, *folders, suffixes=(".cpp", ".hpp")):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and not NOT_OURS & set(path.relative_to(root).parts):
                yield path


def allowed_includes(root):
    """The table of docs/ARCHITECTURE.md: folder -> the folders that it may include, itself among them."""
    table = {}
    for line in modules_text(root).splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and re.fullmatch(r"[a-z]+/", cells[1]):
            folder, may = cells[1][:-1], re.sub(r"\([^)]*\)", "", cells[3])
            words = [word.strip() for word in may.split(",") if word.strip() not in ("", "-")]
            table[folder] = set(MODULES + ["tests"]) if "all" in words else set(words) | {folder}
    return table


def code_only(text):
    """The text with comments and the insides of string literals blanked; line numbers stay."""
    def blank(match):
        found = match.group(0)
        if found.startswith("#include"):
            return found
        kept = '""' if found.startswith('"') else ("'0'" if found.startswith("'") else "")
        return kept + "\n" * found.count("\n")
    pattern = (r'#include[^\n]*|//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
               r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'")
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def check_includes(root):
    table = allowed_includes(root)
    if not set(MODULES) <= set(table):
        yield "docs/ARCHITECTURE.md: the table of folders lacks " + ", ".join(sorted(set(MODULES) - set(table)))
        return
    for module in MODULES:
        for path in sources(root, module):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if not match:
                    continue
                where = f"{path.relative_to(root)}:{number}"
                folder = match.group(1).split("/")[0]
                if "/" not in match.group(1):
                    yield f'{where}: include paths start at the root of the sources: "{match.group(1)}"'
                elif folder in ("tests", *MODULES) and folder not in table[module]:
                    yield f"{where}: {module}/ may not include {folder}/ (docs/ARCHITECTURE.md)"


def check_libraries(root):
    users = {}
    for path in sources(root, *MODULES):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if not match:
                continue
            header = match.group(1)
            library = LIBRARIES.get(header.split("/")[0])
            if not library:
                continue
            where = f"{path.relative_to(root)}:{number}"
            internal = path.name.endswith("_internal.hpp")  # between the files of one unit
            if path.suffix == ".hpp" and not internal and not HEADER_MAY_INCLUDE.match(header):
                yield f"{where}: <{header}> in a header: our headers show no third-party types"
            if path.suffix == ".cpp" and library not in EVERYWHERE:
                users.setdefault(library, set()).add(str(path.relative_to(root)))
    for library, files in sorted(users.items()):
        if len(files) > 2:
            yield f"{library} is included in {len(files)} files, two at most: {', '.join(sorted(files))}"


def check_banned(root):
    for path in sources(root, *MODULES):
        name = str(path.relative_to(root))
        text = path.read_text(encoding="utf-8")
        code = code_only(text).splitlines()
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, allowed, reason in BANS:
                subject = line if "TODO" in pattern else (code[number - 1] if number <= len(code) else "")
                if re.search(pattern, subject) and not any(name.startswith(prefix) for prefix in allowed):
                    yield f"{name}:{number}: {line.strip()[:80]}\n    {reason}"


def check_tries(root):
    """Inside braces a TRY is the first value or none (docs/CODING.md)."""
    for path in sources(root, *MODULES, "tests"):
        code = code_only(path.read_text(encoding="utf-8"))
        for position in late_tries(code):
            start = code.rfind("\n", 0, position) + 1
            line = code[start:].split("\n", 1)[0].strip()
            yield (f"{path.relative_to(root)}:{code.count(chr(10), 0, position) + 1}: {line[:80]}\n"
                   "    g++ 12 does not destroy the values before it when this returns: give it a name before")


def late_tries(code):
    """Where a TRY stands in a list of values in braces, and not in the first of them."""
    stack, found = [], []
    # What is open at a position: the bracket, how many values it has had, the TRYs in later ones of them, and
    # whether it is a block: that has statements.
    for match in re.finditer(r"[(){}\[\];,]|\bTRY(?:_WHILE)?\s*\(", code):
        token = match.group(0)
        if token.startswith("TRY"):
            for bracket in reversed(stack):
                bracket["tries"].append((match.start(), bracket["values"]))
        if token[-1] in "([{":
            stack.append({"open": token[-1], "values": 0, "tries": [], "block": False})
        elif token in ")]}" and stack:
            closed = stack.pop()
            if closed["open"] != "{":
                continue
            if not closed["block"]:
                found += [position for position, values in closed["tries"] if values > 0]
                continue
            # A lambda's body returns from the lambda.
            inside = {position for position, _ in closed["tries"]}
            for bracket in stack:
                bracket["tries"] = [entry for entry in bracket["tries"] if entry[0] not in inside]
        elif token == ";" and stack:
            stack[-1]["block"] = True
        elif token == "," and stack:
            stack[-1]["values"] += 1
    return sorted(set(found))


def types_of(text):
    """The types that a file defines for others to see, as "namespace::name", each with its line."""
    namespace, is_hidden = "", False
    for number, line in enumerate(text.splitlines(), 1):
        opened = re.match(r"namespace ([\w:]+) \{", line)
        if opened:
            namespace = opened.group(1)
        elif line in ("namespace {", "}  // namespace"):
            is_hidden = line == "namespace {"
        elif not is_hidden:
            found = re.match(r"(?:struct|class|enum class|enum|union) (\w+)(?: final)?(?: : [^;]*)? \{", line)
            if found:
                yield f"{namespace}::{found.group(1)}", number


def check_types(root):
    """Two types of one name in one namespace are taken for the same one by the linker: memory is corrupted."""
    first = {}
    for path in sources(root, *MODULES):
        for name, number in types_of(path.read_text(encoding="utf-8")):
            where = f"{path.relative_to(root)}:{number}"
            if name in first:
                yield f"{where}: {name} is defined in {first[name]} already: give one of them another name"
            first.setdefault(name, where)


def names_of_cases(text):
    """The names of a file's test cases, each with its line."""
    for found in re.finditer(r'\bTEST_CASE\(\s*((?:"[^"\n]*"\s*)+)', text):
        yield "".join(re.findall(r'"([^"]*)"', found.group(1))), text.count("\n", 0, found.start()) + 1


def check_test_names(root):
    """ctest hands a case's name on as an argument that CMake splits at semicolons, and Catch reads as an option."""
    for path in sources(root, "tests", suffixes=(".cpp",)):
        for name, number in names_of_cases(path.read_text(encoding="utf-8")):
            if ";" in name or name.startswith("-"):
                yield f"{path.relative_to(root)}:{number}: the name of a test case has ';' or begins with '-'"


def check_attacks(root):
    """Each test that docs/SECURITY.md names in its tables exists, and each test of an attack stands there."""
    page = root / "docs" / "SECURITY.md"
    if not page.is_file():
        return
    existing = {name for path in sources(root, "tests", suffixes=(".cpp",))
                for name, _ in names_of_cases(path.read_text(encoding="utf-8"))}
    named, column = set(), None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.split("|")] if line.startswith("|") else []
        if "tests" in cells:
            column = cells.index("tests")
        elif not cells:
            column = None
        elif column is not None and not cells[1].startswith("---"):
            names = re.findall(r"`([^`]+)`", cells[column])
            if not names:
                yield f"docs/SECURITY.md:{number}: no test for '{cells[1]}'"
            named.update(names)
            for name in names:
                if name not in existing:
                    yield f"docs/SECURITY.md:{number}: there is no test '{name}'"
    for name in sorted(existing - named):
        if name.startswith("attack: "):
            yield f"docs/SECURITY.md: the test '{name}' stands in no row"


def check_fuzzers(root):
    """Each fuzzer is built, and has something to begin with."""
    folder = root / "tests" / "fuzz"
    if not folder.is_dir():
        return
    listed = re.search(r"^set\(fuzzers([^)]*)\)", (folder / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE)
    names = set(listed.group(1).split()) if listed else set()
    files = {path.name.removesuffix("_fuzzer.cpp") for path in folder.glob("*_fuzzer.cpp")}
    corpora = {path.name for path in (folder / "corpus").iterdir() if any(path.iterdir())}
    for name in sorted(names ^ files):
        yield f"tests/fuzz/CMakeLists.txt: '{name}' is in its list or has a file, but not both"
    for name in sorted(names ^ corpora):
        yield f"tests/fuzz/corpus/{name}: a fuzzer without a corpus, or a corpus without a fuzzer"


def check_length(root):
    for path in sources(root, *MODULES, "tests"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MAXIMUM_LINES and not any("Long because:" in line for line in lines[:15]):
            yield (f"{path.relative_to(root)}: {len(lines)} lines: split it by concept, "
                   'or say "Long because: ..." in its first lines')


def check_blanks(root):
    files = list(sources(root, *MODULES, "tests", "cmake", "docs",
                         suffixes=(".cpp", ".hpp", ".c", ".py", ".txt", ".cmake", ".md", ".yaml", ".1")))
    files += [root / name for name in ("dev", "packages.txt", "CMakeLists.txt", "CMakePresets.json", "README.md")]
    for path in files:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root)
        for number, line in enumerate(text.split("\n"), 1):
            if "\t" in line:
                yield f"{name}:{number}: tab"
            if line != line.rstrip() and not (path.suffix == ".md" and line.endswith("  ")):
                yield f"{name}:{number}: blanks at the end of the line"
        if text and not text.endswith("\n"):
            yield f"{name}: no newline at the end"


def check_format(root):
    files = [str(path) for path in sources(root, *MODULES, "tests")]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], capture_output=True, text=True)
    places = {}
    for line in done.stderr.splitlines():
        match = re.match(r"(.+?):(\d+):\d+: error:", line)
        if match:
            places.setdefault(match.group(1).removeprefix(f"{root}/"), []).append(int(match.group(2)))
    for name, lines in sorted(places.items()):
        yield f"{name}:{min(lines)}: not formatted, {len(lines)} places (./dev format)"
    if done.returncode != 0 and not places:
        yield done.stderr.strip()


def check_man_pages(root):
    """Each verb of cli/commands/commands.hpp has docs/man/ecrin-<verb>.1, and there is no page for anything else."""
    verbs = set()
    for path in sources(root, "cli"):
        found = re.findall(r"^const Verb& ([a-z_]+)_verb\(\);", path.read_text(encoding="utf-8"), re.MULTILINE)
        verbs |= {name.replace("_", "-") for name in found}  # manifest_add: `ecrin manifest add`
    verbs.discard("help")  # it shows what the others have
    if not verbs:
        if (root / "cli").is_dir():
            yield "cli/: found no verb (a verb is declared as: const Verb& name_verb();)"
        return
    pages = {path.name for path in (root / "docs" / "man").glob("*.1")}
    for verb in sorted(verbs):
        if f"ecrin-{verb}.1" not in pages:
            yield f"docs/man/ecrin-{verb}.1: the verb '{verb}' has no man page"
    for page in sorted(pages - {f"ecrin-{verb}.1" for verb in verbs} - {"ecrin.1"}):
        yield f"docs/man/{page}: there is no such verb"


CHECKS = {name.removeprefix("check_"): function for name, function in list(globals().items())
          if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", choices=sorted(CHECKS))
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    options = parser.parse_args()
    findings = list(CHECKS[options.check](options.root.resolve()))
    for finding in findings:
        print(finding)
    print(f"lint {options.check}: {len(findings)} finding{'' if len(findings) == 1 else 's'}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
